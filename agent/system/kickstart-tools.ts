import { existsSync } from "node:fs";
import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Complaint, KickstartTools } from "../../kickstart/validate.ts";
import { AgentError } from "../core/errors.ts";
import { run } from "./run.ts";

const TIMEOUT_MS = 30_000;

/** The programs of this machine that read a kickstart: bash, and ksvalidator where it is installed. Neither runs anything of it. */
export function openKickstartTools(signal: AbortSignal): KickstartTools {
  return {
    async checkScript(script) {
      const { code, stderr } = await run("bash", ["-n"], { signal, timeoutMs: TIMEOUT_MS, input: script });
      // A here-document that never ends is only a warning to bash.
      return code === 0 && stderr === "" ? [] : complaintsOf(stderr, /^bash: line (\d+): (.*)$/);
    },
    exists: async (file) => existsSync(file),
    async ksvalidator(text, version) {
      await using folder = await mkdtempDisposable(join(tmpdir(), "devcloud-ks-"));
      const file = join(folder.path, "kickstart.cfg");
      await writeFile(file, text, { mode: 0o600 });
      const check = (...args: readonly string[]) =>
        run("ksvalidator", [...args, "--followincludes", file], { signal, timeoutMs: TIMEOUT_MS });
      try {
        const first = await check(...(version === undefined ? [] : ["--version", version]));
        // A release that it does not know is checked as the newest that it does.
        const { code, stdout, stderr } = /version \S+ is not supported/.test(first.stdout) ? await check() : first;
        return code === 0 ? [] : ksvalidatorSaid(`${stdout}${stderr}`);
      } catch (error) {
        if (error instanceof AgentError && error.code === "E_TOOL_MISSING") return undefined;
        throw error;
      }
    },
  };
}

/** "... on line 11 of the kickstart file:", an empty line, and what it is. It stops at the first. */
function ksvalidatorSaid(said: string): readonly Complaint[] {
  const [, line, message] = /line (\d+) of the kickstart file:\s*(\S.*)/.exec(said) ?? [];
  if (line !== undefined && message !== undefined) return [{ line: Number(line), message: message.trim() }];
  return complaintsOf(said, /line (\d+):\s*(.*)$/);
}

/** One a line; what does not fit the form is one complaint without a place. Never none: the program did complain. */
function complaintsOf(said: string, form: RegExp): readonly Complaint[] {
  const lines = said.split("\n").filter((line) => line.trim() !== "");
  const placed = lines.flatMap((line) => {
    const [, number, message = ""] = form.exec(line) ?? [];
    return number === undefined ? [] : [{ line: Number(number), message: message === "" ? line : message }];
  });
  if (placed.length > 0) return placed;
  return [{ message: lines.slice(0, 3).join(" ").slice(0, 300) || "it was refused without a reason" }];
}
