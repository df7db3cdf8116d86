import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtempDisposable, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { coveredByCi, type DocCommand, docCommands } from "../docs/commands.ts";
import { createLab, type Lab } from "../lab/lab.ts";

const root = join(import.meta.dirname, "..", "..");
const all = docCommands();
const titled = (commands: readonly DocCommand[]) =>
  commands.map((command) => ({ ...command, title: `${command.file}:${command.line}: ${command.text}` }));

/** Commands that neither this file nor .ci/run can run as they are, and the test that runs them on a copy. */
const elsewhere: Readonly<Record<string, string>> = { "npm run format": "test/gate/format.test.ts" };

const covered = (text: string): boolean => coveredByCi(text) !== undefined || elsewhere[text] !== undefined;

describe("the documents", () => {
  it("have commands for each of the places", () => {
    expect(new Set(all.map(({ place }) => place))).toEqual(new Set(["checkout", "host", "machine"]));
  });

  it("have their commands for a booted host run by the boot lane", async () => {
    expect(await readFile(join(root, "test/system/boot/lane.ts"), "utf8")).toContain("play(documentedCommands)");
    expect(coveredByCi("npm run lane -- boot")).toBeDefined();
  });

  it.each(Object.entries(elsewhere))("name %s, which %s runs", async (text, file) => {
    expect((await readFile(join(root, file), "utf8")).includes(text)).toBe(true);
  });
});

describe("the configuration in README.md", () => {
  it("is valid", async () => {
    const [, yaml = ""] = /```yaml\n([^`]+)```/.exec(await readFile(join(root, "README.md"), "utf8")) ?? [];
    await using folder = await mkdtempDisposable(join(tmpdir(), "devcloud-docs-"));
    const file = join(folder.path, "50-host.yaml");
    await writeFile(file, yaml);
    const { code, output } = await shell([process.execPath, "agent/main.ts", "check-config", file]);
    expect({ code, output }).toEqual({ code: 0, output });
  });
});

describe("commands of the checkout", () => {
  const own = titled(all.filter(({ place, text }) => place === "checkout" && !covered(text)));

  it.each(own.filter(({ endless }) => !endless))("$title", async ({ text, exits }) => {
    const { code, output } = await shell(["sh", "-c", text]);
    expect({ code, output }).toEqual({ code: exits, output });
  });

  it.each(own.filter(({ endless }) => endless))("$title", async ({ text }) => {
    const { code, output } = await shell(["sh", "-c", `exec ${text}`], /Ctrl-C/);
    expect([0, 130], output).toContain(code);
  });
});

describe("commands on a host whose network stands", () => {
  const commands = titled(all.filter(({ place }) => place === "host"));
  let lab: Lab;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    lab = await createLab();
    const { host } = lab;
    await host.startAgent().event("net-ready");
    await host.cli("network", "apply");
    const tools = join(lab.folder, "bin");
    await mkdir(tools);
    // The installed program takes its paths from /; on a lab host everything lies below its own root.
    const [program, ...args] = host.agentCommand().slice(host.enter().length);
    const words = [program, ...args].map((word) => `'${word}'`).join(" ");
    await writeFile(join(tools, "devcloud-agent"), `#!/bin/sh\nexec ${words} "$@"\n`);
    await chmod(join(tools, "devcloud-agent"), 0o755);
    env = { ...host.env, PATH: `${tools}:${host.env.PATH ?? ""}` };
  });
  afterAll(async () => lab.down());

  it.each(commands.filter(({ endless }) => !endless))("$title", async ({ text, exits }) => {
    const { code, stdout, stderr } = await lab.host.exec(["sh", "-c", text], { env });
    expect({ code, stdout, stderr }).toEqual({ code: exits, stdout, stderr });
  });

  it.each(commands.filter(({ endless }) => endless))("$title", async ({ text }) => {
    const { code, output } = await shell([...lab.host.enter(), "sh", "-c", `exec ${text}`], /\S/, env);
    expect({ code, output }).toEqual({ code: 130, output });
  });
});

/** Runs a command in the checkout to its end; with `ready`, presses Ctrl-C once its output matches. */
async function shell(argv: readonly string[], ready?: RegExp, env: NodeJS.ProcessEnv = process.env) {
  const [command = "false", ...args] = argv;
  const child = spawn(command, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  let output = "";
  let pressed = false;
  const take = (chunk: string): void => {
    output += chunk;
    if (pressed || ready === undefined || !ready.test(output) || child.pid === undefined) return;
    pressed = true;
    // What a terminal does: the whole group gets it.
    process.kill(-child.pid, "SIGINT");
  };
  child.stdout.setEncoding("utf8").on("data", take);
  child.stderr.setEncoding("utf8").on("data", take);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    // npm ends itself by the signal once its child has ended.
    child.on("close", (status, signal) => resolve(signal === "SIGINT" ? 130 : status));
  });
  return { code, output };
}
