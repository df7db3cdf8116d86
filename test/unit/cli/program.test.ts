import { spawnSync } from "node:child_process";
import { mkdir, mkdtempDisposable, readdir, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { renderOs } from "../../../agent/cli/os.ts";
import { runCli } from "../../../agent/cli/program.ts";

/** A whole command line on a host that has nothing. */
async function cli(...words: readonly string[]) {
  await using root = await mkdtempDisposable(join(tmpdir(), "devcloud-cli-"));
  return await cliBelow(root.path, ...words);
}

async function cliBelow(root: string, ...words: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const io = { stdout: (text: string) => out.push(text), stderr: (text: string) => err.push(text), isTty: false };
  const code = await runCli(["--root", root, ...words], "/nonexistent/devcloud-agent.mjs", io);
  return { code, out: out.join(""), err: err.join(""), left: await readdir(root) };
}

describe("a slip of the keyboard", () => {
  it.each([
    ["an unknown option of a command in a group", ["network", "plan", "--bogus"], "--bogus"],
    ["an unknown option of a command", ["status", "--bogus"], "--bogus"],
    ["an unknown command in a group", ["network", "paln"], "paln"],
    ["an unknown option in a group of its own", ["os", "status", "--bogus"], "--bogus"],
    ["an argument that is missing", ["kickstart", "validate"], "file"],
    ["a kickstart that is not there", ["kickstart", "validate", "/nonexistent.ks"], "/nonexistent.ks does not exist"],
    ["a fleet that is not there", ["kickstart", "render", "h", "--fleet", "/nonexistent.yaml"], "/nonexistent.yaml"],
    ["an option that is missing", ["maintenance", "on"], "--for"],
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

describe("the help of every command and group", () => {
  /** A command, and those below it, as its own help names them. */
  async function helps(words: readonly string[] = []): Promise<readonly (readonly [string, string])[]> {
    const { code, out } = await cli(...words, "--help");
    expect(code).toBe(0);
    const [, commands = ""] = /^Commands:\n((?: .*\n)*)/m.exec(out) ?? [];
    const names = [...commands.matchAll(/^ {2}([a-z][a-z-]*)/gm)].flatMap(([, name = "help"]) =>
      name === "help" ? [] : name,
    );
    const below: (readonly [string, string])[] = [];
    for (const name of names) below.push(...(await helps([...words, name])));
    return [[words.join(" "), out], ...below];
  }

  it("has an example, and exit codes where it is a command that can fail", async () => {
    const all = await helps();
    expect(all.length).toBeGreaterThan(30);
    const commands = all.filter(([, out]) => !/^Commands:$/m.test(out));
    const silent = commands.filter(([, out]) => !out.includes("Exit code: "));
    expect(silent.map(([words]) => words)).toEqual(["run", "version"]);
    const without = all.filter(([, out]) => !/^Examples?:\n {2}devcloud-agent /m.test(out));
    expect(without.map(([words]) => words)).toEqual([]);
  });
});

describe("a failure with --json", () => {
  it.each([
    [["status"], 1, "E_CONTROL_ABSENT"],
    [["network", "plan"], 2, "E_CONFIG_EMPTY"],
    [["network", "show"], 2, "E_CONFIG_EMPTY"],
  ])("is one document on stdout that says what is wrong: %s", async (words, exit, problem) => {
    const { code, out, err } = await cli(...words, "--json");
    expect({ code, err }).toEqual({ code: exit, err: "" });
    const document = JSON.parse(out) as { problems: { code: string }[] };
    expect(document).toMatchObject({ schema: "devcloud-agent/failure/v1", ok: false, warnings: [] });
    expect(document.problems.map((each) => each.code)).toEqual([problem]);
    const plain = await cli(...words);
    expect({ code: plain.code, out: plain.out }).toEqual({ code: exit, out: "" });
    expect(plain.err).toContain(problem);
  });

  it.each([
    ["a loop of links", (path: string) => symlink("deploy", path)],
    ["a name that is too long", (path: string) => symlink("x".repeat(300), path)],
  ])("is no bug of the agent where the host is strange: %s", async (_, make) => {
    await using root = await mkdtempDisposable(join(tmpdir(), "devcloud-cli-"));
    await mkdir(join(root.path, "ostree"));
    await make(join(root.path, "ostree/deploy"));
    const { code, out } = await cliBelow(root.path, "os", "status", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ problems: [{ code: "E_OS_STATUS" }] });
  });
});

describe("what a command prints", () => {
  const main = join(import.meta.dirname, "../../../agent/main.ts");

  it.each([[["version"]], [["check-config", "--json"]]])(
    "that cannot be written ends with 1 and one line: %s",
    (words) => {
      const { status, stderr } = spawnSync(
        "sh",
        ["-c", 'exec "$@" >/dev/full', "sh", process.execPath, main, ...words],
        {
          encoding: "utf8",
        },
      );
      expect(status).toBe(1);
      expect(stderr.trim()).toMatch(/^devcloud-agent: the output could not be written: ENOSPC.*$/);
    },
  );

  it("has no control characters of a deployment, and a space behind its role", () => {
    const pending = {
      role: "pending",
      stateroot: "a",
      checksum: "c".repeat(64),
      pinned: false,
      locked: false,
    } as const;
    const deployments = [{ ...pending, version: "41.2\u001b[2J" }];
    const view = { state: "known", deployments: { source: "ostree", deployments } } as const;
    expect(renderOs(view, false)).toContain("  next boot 41.2\\u{1b}[2J (cccccccccccc)");
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
