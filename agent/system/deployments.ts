import { stat } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../core/errors.ts";
import type { Answer, DeploymentTools } from "../os/ports.ts";
import { systemClock } from "./clock.ts";
import { run } from "./run.ts";

/** rpm-ostree's daemon has to start first, which on a busy host takes seconds. */
const TIMEOUT_MS = 20_000;

interface Tool {
  readonly tool: Answer["tool"];
  /** Arguments for a root directory of its own; undefined: this tool knows only the host that runs. */
  readonly args: (root: string) => readonly string[] | undefined;
}

/** In the order of how much they know. */
const tools: readonly Tool[] = [
  { tool: "rpm-ostree", args: (root) => ["status", "--json", ...(root === "/" ? [] : [`--sysroot=${root}`])] },
  { tool: "bootc", args: (root) => (root === "/" ? ["status", "--format=json", "--format-version=1"] : undefined) },
  { tool: "ostree", args: (root) => ["admin", "status", ...(root === "/" ? [] : [`--sysroot=${root}`])] },
];

/** The tools of the host below `root` ("/" on a real one). */
export function openDeployments(root: string, timeoutMs = TIMEOUT_MS): DeploymentTools {
  return {
    async stamp() {
      // libostree touches this folder whenever it writes the list of deployments.
      const written = await mtime(join(root, "ostree/deploy"));
      if (written === undefined) return undefined;
      const staged = await mtime(join(root, "run/ostree/staged-deployment"));
      const locked = await mtime(join(root, "run/ostree/staged-deployment-locked"));
      return { text: `${written} ${staged ?? "-"} ${locked ?? "-"}`, writtenAt: written };
    },
    async read(signal) {
      for (const { tool, args } of tools) {
        const given = args(root);
        const text = given && (await ask(tool, given, signal, timeoutMs));
        if (text !== undefined) return { tool, text };
      }
      return undefined;
    },
    bootedAt: () => systemClock.now() - systemClock.monotonic(),
  };
}

/** What the tool printed; undefined if it is not installed. */
async function ask(
  tool: string,
  args: readonly string[],
  signal: AbortSignal,
  timeoutMs: number,
): Promise<string | undefined> {
  try {
    const { code, stdout, stderr } = await run(tool, args, { signal, timeoutMs });
    if (code === 0) return stdout;
    const message = `${tool} ${args.join(" ")} ended with ${code}: ${stderr.trim().slice(0, 300)}`;
    throw new AgentError({ code: "E_OS_STATUS", message, hint: `Run \`${tool} ${args.join(" ")}\` by hand.` });
  } catch (error) {
    if (error instanceof AgentError && error.code === "E_TOOL_MISSING") return undefined;
    throw error;
  }
}

async function mtime(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    const why = error instanceof Error ? error.message : String(error);
    throw new AgentError({ code: "E_OS_STATUS", message: `${path} cannot be looked at: ${why}` }, { cause: error });
  }
}
