import { mkdtempDisposable, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCli } from "../../../agent/cli/program.ts";

/** A whole command line on a host that has nothing. */
async function cli(...words: readonly string[]) {
  await using root = await mkdtempDisposable(join(tmpdir(), "devcloud-cli-"));
  const out: string[] = [];
  const err: string[] = [];
  const io = { stdout: (text: string) => out.push(text), stderr: (text: string) => err.push(text), isTty: false };
  const code = await runCli(["--root", root.path, ...words], "/nonexistent/devcloud-agent.mjs", io);
  return { code, out: out.join(""), err: err.join(""), left: await readdir(root.path) };
}

describe("a slip of the keyboard", () => {
  it.each([
    ["an unknown option of a command in a group", ["network", "plan", "--bogus"], "--bogus"],
    ["an unknown option of a command", ["status", "--bogus"], "--bogus"],
    ["an unknown command in a group", ["network", "paln"], "paln"],
    ["an empty name of a container", ["containers", "why", ""], "the name of the container is empty"],
    ["an option without its value", ["network", "rollback", "--pending", "--at"], "--at"],
  ])("ends with 2 and names it on stderr: %s", async (_, words, named) => {
    const { code, out, err } = await cli(...words);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(named);
  });

  it("in the dead-man's moment ends with 2, before anything is looked for", async () => {
    expect(await cli("network", "rollback", "--pending", "--at", "abc")).toMatchObject({ code: 2, out: "", left: [] });
  });
});

describe("help", () => {
  it.each([[["--help"]], [["network", "--help"]], [["network", "plan", "--help"]]])(
    "ends with 0 and has an example: %s",
    async (words) => {
      const { code, out, err } = await cli(...words);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toContain("Examples:\n  devcloud-agent ");
    },
  );
});
