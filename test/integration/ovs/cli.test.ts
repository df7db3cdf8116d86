import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createClient, Transaction } from "node-ovsdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Finished, run } from "../../lab/command.ts";
import { hostTools } from "../../lab/tools.ts";
import { vswitch } from "../../unit/ovs/tables.ts";
import { addBridge, quick } from "./helpers.ts";
import { TestOvs } from "./server.ts";

const library = join(import.meta.dirname, "../../../ovs");
const program = join(library, "src/cli/main.ts");
let ovs: TestOvs;

beforeEach(async () => {
  ovs = await TestOvs.create();
  await ovs.start();
});

afterEach(() => ovs.dispose());

function cli(...args: readonly string[]): Promise<Finished> {
  return run([process.execPath, program, ...args]);
}

describe("node-ovsdb generate", () => {
  it("writes the same module from Debian's schema file and from the server that has it", async () => {
    const { OVS_PKGDATADIR = "/usr/share/openvswitch" } = await hostTools();
    const fromFile = await cli("generate", join(OVS_PKGDATADIR, "vswitch.ovsschema"));
    const fromServer = await cli("generate", `unix:${ovs.socket}`);
    expect(fromFile).toMatchObject({ code: 0, stderr: "" });
    expect(fromFile.stdout).toContain("    Bridge: {\n");
    expect(fromFile.stdout).toContain('      fail_mode: optional(oneOf("secure", "standalone")),\n');
    expect(fromServer).toEqual(fromFile);
  });

  it.each([
    ["no schema", ["generate"], 2, /SCHEMA is missing/],
    ["an option that there is not", ["generate", "x", "--frobnicate"], 2, /frobnicate/],
    ["too many words", ["generate", "x", "y", "z"], 2, /unexpected: z/],
    ["a file that there is not", ["generate", "/nowhere/x.ovsschema"], 1, /ENOENT.*\/nowhere\/x\.ovsschema/],
    ["a file that is no JSON", ["generate", program], 1, /main\.ts is no JSON/],
    ["a file that is no schema", ["generate", join(library, "package.json")], 1, /no schema of a database/],
    ["a server that there is not", ["generate", "unix:/nowhere.sock"], 1, /unix:\/nowhere\.sock.*ENOENT/],
    ["an address that is none", ["monitor", "nowhere", "Open_vSwitch"], 2, /"nowhere" is no address of a server/],
    ["an authority that there is not", ["generate", "ssl:h:1", "--ca-cert", "/nowhere.pem"], 1, /ENOENT.*nowhere\.pem/],
    [
      "a certificate without its key",
      ["monitor", "ssl:h:1", "X", "--ca-cert=a", "--certificate=b"],
      2,
      /--private-key/,
    ],
    [
      "a key without its certificate",
      ["monitor", "ssl:h:1", "X", "--ca-cert=a", "--private-key=b"],
      2,
      /--certificate/,
    ],
    ["a certificate without an authority", ["monitor", "ssl:h:1", "X", "--certificate=b"], 2, /--ca-cert is missing/],
    ["TLS without an authority", ["monitor", "ssl:h:1", "X"], 2, /ssl:h:1 needs the authority.*--ca-cert FILE/],
    ["no database", ["monitor", "unix:/x"], 2, /DATABASE is missing/],
    ["a command that there is not", ["frobnicate"], 2, /no command frobnicate/],
    ["nothing", [], 2, /Usage: node-ovsdb COMMAND/],
  ])("says of %s what is wrong, and nothing else", async (_, args, code, message) => {
    const done = await cli(...args);
    expect(done).toMatchObject({ code, stdout: "" });
    expect(done.stderr).toMatch(message);
    expect(done.stderr).not.toMatch(/^ {4}at /m);
  });

  it.each([[[]], [["generate"]], [["monitor"]]])("%j --help tells what it does, with examples", async (words) => {
    const done = await cli(...words, "--help");
    expect(done).toMatchObject({ code: 0, stderr: "" });
    expect(done.stdout).toMatch(/^Usage: node-ovsdb /);
    expect(done.stdout).toContain("Examples:\n");
  });
});

/** A program that runs on. Resolves each `line` once stdout has it. */
class Running {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly #waiting = new Set<() => void>();

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#take(text, ""));
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#take("", text));
  }

  async line(pattern: RegExp, stream: "stdout" | "stderr" = "stdout"): Promise<string> {
    for (;;) {
      const found = pattern.exec(this[stream])?.[0];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async end(signal: NodeJS.Signals): Promise<unknown> {
    const closed = once(this.child, "close");
    this.child.kill(signal);
    await closed;
    return this.child.exitCode;
  }

  #take(out: string, err: string): void {
    this.stdout += out;
    this.stderr += err;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

describe("node-ovsdb monitor", () => {
  let running: Running | undefined;

  afterEach(() => running?.child.kill("SIGKILL"));

  async function addNamed(name: string): Promise<void> {
    const client = createClient({ address: { path: ovs.socket }, ...quick });
    await client.connect();
    const tx = new Transaction(vswitch);
    addBridge(tx, name);
    await client.transact(tx).finally(() => client.close());
  }

  it("prints what is there, then each change on a line, and ends cleanly on Ctrl-C", async () => {
    await addNamed("br0");
    running = new Running(["monitor", `unix:${ovs.socket}`, "Open_vSwitch", "Bridge:name,datapath_type", "Port:name"]);
    expect(await running.line(/^.* = Bridge .*$/m)).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} = Bridge br0 [0-9a-f-]{36} datapath_type=dummy$/,
    );
    await running.line(/ = Port br0 /);
    await addNamed("a b");
    expect(await running.line(/^.* \+ Bridge .*$/m)).toMatch(/ \+ Bridge "a b" [0-9a-f-]{36} datapath_type=dummy$/);
    const client = createClient({ address: { path: ovs.socket }, ...quick });
    await client.connect();
    const tx = new Transaction(vswitch);
    tx.update("Bridge", { name: "br0" }, { datapath_type: "netdev" });
    tx.update("Open_vSwitch", "all", { bridges: [] });
    await client.transact(tx).finally(() => client.close());
    await running.line(/^.* - Bridge br0 [0-9a-f-]{36}$/m);
    expect(running.stdout).not.toContain("Open_vSwitch");
    expect(await running.end("SIGINT")).toBe(130);
    expect(running.stderr).toBe("");
  });

  it("says of a modified row only what is new, and prints objects with --json", async () => {
    await addNamed("br0");
    const address = `unix:${ovs.socket}`;
    running = new Running([
      "monitor",
      address,
      "Open_vSwitch",
      "Bridge:name,fail_mode,other_config",
      "--changes",
      "--json",
    ]);
    const people = new Running(["monitor", address, "Open_vSwitch", "Bridge:name,fail_mode,other_config"]);
    await people.line(/ = Bridge br0/);
    const client = createClient({ address: { path: ovs.socket }, ...quick });
    await client.connect();
    // Its own first line cannot be waited for, because there is none: each change shows once more that it listens.
    while (running.stdout === "") {
      const tx = new Transaction(vswitch);
      tx.increment("Open_vSwitch", "all", "next_cfg");
      tx.setKeys("Bridge", { name: "br0" }, "other_config", { n: String(Math.random()) });
      await client.transact(tx);
    }
    const tx = new Transaction(vswitch);
    tx.update("Bridge", { name: "br0" }, { fail_mode: "secure", other_config: { "a b": "1" } });
    await client.transact(tx).finally(() => client.close());
    expect(await people.line(/^.* ~ Bridge br0 \S+ .*fail_mode.*$/m)).toMatch(
      /fail_mode: \[\] -> secure other_config: \{n: [\d.e-]+\} -> \{"a b": 1\}$/,
    );
    const line = await running.line(/^.*"fail_mode":"secure".*$/m);
    expect(JSON.parse(line)).toMatchObject({
      schema: "node-ovsdb/monitor/v1",
      what: "modified",
      table: "Bridge",
      row: { name: "br0", fail_mode: "secure", other_config: { "a b": "1" } },
      before: { name: "br0", fail_mode: null },
    });
    expect(await people.end("SIGTERM")).toBe(130);
    expect(await running.end("SIGINT")).toBe(130);
  });

  it("waits for a server that is gone, and then prints exactly what has changed meanwhile", async () => {
    await addNamed("br0");
    running = new Running(["monitor", `unix:${ovs.socket}`, "Open_vSwitch", "Bridge:name"]);
    await running.line(/ = Bridge br0/);
    await ovs.end();
    await running.line(/waiting for the server/, "stderr");
    await rm(ovs.database);
    await ovs.createDatabase();
    await ovs.start();
    await running.line(/ - Bridge br0/);
    await running.line(/in step with it again/, "stderr");
    await addNamed("br1");
    await running.line(/ \+ Bridge br1/);
    expect(running.stdout.split("\n")).toHaveLength(4);
    expect(await running.end("SIGINT")).toBe(130);
  });

  it("follows all columns of a table that is named more than once", async () => {
    await addNamed("br0");
    const words = ["Bridge:name", "Bridge:datapath_type,name", "Port:name", "Port"];
    running = new Running(["monitor", `unix:${ovs.socket}`, "Open_vSwitch", ...words]);
    expect(await running.line(/^.* = Bridge .*$/m)).toMatch(/ = Bridge br0 [0-9a-f-]{36} datapath_type=dummy$/);
    expect(await running.line(/^.* = Port .*$/m)).toMatch(/ interfaces=/);
  });

  it("names the tables, columns and databases that there are when asked for one that is not", async () => {
    const address = `unix:${ovs.socket}`;
    const table = await cli("monitor", address, "Open_vSwitch", "Brigde");
    expect(table).toMatchObject({ code: 2, stdout: "" });
    expect(table.stderr).toMatch(/no table Brigde; there are .*Bridge/);
    const column = await cli("monitor", address, "Open_vSwitch", "Bridge:nmae");
    expect(column.stderr).toMatch(/no column Bridge\.nmae; there are .*name/);
    expect((await cli("monitor", address, "Open_vSwich")).stderr).toMatch(/unknown database/);
  });

  it("ends quietly when nobody reads it any more", async () => {
    const command = `"$0" "$1" monitor "unix:$2" Open_vSwitch; echo "$?" >&2`;
    const sh = ["sh", "-c", `{ ${command}; } | true`, process.execPath, program, ovs.socket];
    // The next line that it writes finds the pipe closed; vswitchd fills the database with some.
    await ovs.startVswitchd();
    expect(await run(sh)).toEqual({ code: 0, stdout: "", stderr: "0\n" });
  });

  it.each([
    ["generate", ""],
    ["monitor", "Open_vSwitch"],
    ["--help", ""],
  ])("%s says that what it prints cannot be written", async (command, database) => {
    const words = [command, `unix:${ovs.socket}`, ...(database === "" ? [] : [database])];
    const done = await run(["sh", "-c", 'exec "$0" "$@" >/dev/full', process.execPath, program, ...words]);
    expect(done).toMatchObject({ code: 1, stdout: "" });
    expect(done.stderr).toMatch(/^node-ovsdb: stdout cannot be written: ENOSPC[^\n]*\n$/);
  });
});
