import { spawnSync } from "node:child_process";
import { mkdir, mkdtempDisposable, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { runCli } from "../../../agent/cli/program.ts";
import { placesUnder } from "../../../agent/system/places.ts";

const main = join(import.meta.dirname, "../../../agent/main.ts");
const network = `version: 1
network:
  mode: observe
  nics: { em1: { mac: "24:6e:96:aa:00:01", fabric: A }, em2: { mac: "24:6e:96:aa:00:02", fabric: B } }
  bond: { name: bond0, mode: active-backup, members: [em1, em2] }
  vlans: { management: 100 }
  addresses: { mgmt0: { vlan: management, ipv4: [10.1.0.17/24], gateway: 10.1.0.1 } }
`;

/** A host that has a configuration and no Open vSwitch. */
async function host() {
  const root = await mkdtempDisposable(join(tmpdir(), "devcloud-sick-"));
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  };
  const places = placesUnder(root.path);
  await write(places.bootId, "0b0bb0b0-0000-4000-8000-000000000000\n");
  await write(join(root.path, "etc/devcloud-agent/config.d/50-host.yaml"), network);
  const cli = async (...words: readonly string[]) => {
    const out: string[] = [];
    const err: string[] = [];
    const io = { stdout: (text: string) => out.push(text), stderr: (text: string) => err.push(text), isTty: false };
    const code = await runCli(["--root", root.path, ...words], "/nonexistent/devcloud-agent.mjs", io);
    return { code, out: out.join(""), err: err.join("") };
  };
  return { root: root.path, places, cli, [Symbol.asyncDispose]: () => root[Symbol.asyncDispose]() };
}

describe("without Open vSwitch", () => {
  it("it is told where its database was looked for, and what the system said", async () => {
    await using sick = await host();
    const { code, out, err } = await sick.cli("network", "plan");
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(`does not answer on ${sick.places.ovsdb} (ENOENT) (E_OVSDB_UNREACHABLE)`);
  });

  it("what is shown of the wiring has the problem in its document, and on stderr beside its picture", async () => {
    await using sick = await host();
    const document = await sick.cli("network", "show", "--json");
    expect({ code: document.code, err: document.err }).toEqual({ code: 1, err: "" });
    expect(JSON.parse(document.out)).toMatchObject({
      schema: "devcloud-agent/network-show/v1",
      problems: [{ code: "E_OVSDB_UNREACHABLE" }],
    });
    expect((await sick.cli("network", "show")).err).toContain("E_OVSDB_UNREACHABLE");
  });
});

describe("without a daemon", () => {
  it.each([
    [["network", "drain", "em1", "--for", "1h"]],
    [["network", "undrain", "em1"]],
    [["maintenance", "off"]],
    [["status"]],
    [["controller", "retry"]],
  ])("a command that needs it ends with 1: %s", async (words) => {
    await using sick = await host();
    expect(await sick.cli(...words)).toMatchObject({ code: 1, out: "" });
  });
});

describe("with a daemon that does not answer", () => {
  it.each(["confirm", "rollback"])("network %s says what becomes of the change", async (word) => {
    await using sick = await host();
    await mkdir(dirname(sick.places.controlSocket), { recursive: true });
    const problem = {
      code: "E_CONTROL_TIMEOUT",
      message: "the agent runs and did not answer in time",
      hint: "its log",
    };
    const hung = createServer((_, outgoing) => outgoing.writeHead(409).end(JSON.stringify({ error: problem })));
    await new Promise<void>((resolve) => hung.listen(sick.places.controlSocket, resolve));
    onTestFinished(() => void hung.close());
    const { code, err } = await sick.cli("network", word);
    expect(code).toBe(1);
    for (const part of ["goes back by itself", "network rollback --pending", "its log"]) expect(err).toContain(part);
  });
});

describe("the daemon on a host that it cannot start on", () => {
  it("says why in two lines, and ends with 1", async () => {
    await using root = await mkdtempDisposable(join(tmpdir(), "devcloud-sick-"));
    const { status, stderr } = spawnSync(process.execPath, [main, "--root", root.path, "run"], { encoding: "utf8" });
    expect(status).toBe(1);
    expect(stderr).toBe(
      `devcloud-agent: ${placesUnder(root.path).bootId} does not exist (E_FILE_MISSING)\n  Create it, or correct the path.\n`,
    );
  });
});

describe("a command that does not look at signals", () => {
  it("is ended by the second of them, whichever it is", () => {
    const code = `import(${JSON.stringify(new URL("../../../agent/system/process.ts", import.meta.url).href)}).then(
      ({ interrupted }) => {
        const signal = interrupted();
        setInterval(() => process.kill(process.pid, signal.aborted ? "SIGTERM" : "SIGINT"), 10);
        setTimeout(() => process.exit(0), 10_000);
      })`;
    expect(spawnSync(process.execPath, ["-e", code]).status).toBe(130);
  });
});
