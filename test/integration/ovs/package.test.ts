import { spawn } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { createClient } from "node-ovsdb";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildLibrary } from "../../../packaging/node-ovsdb.ts";
import { must, run } from "../../lab/command.ts";
import { hostTools } from "../../lab/tools.ts";
import { addBridge, quick, write } from "./helpers.ts";
import { TestOvs } from "./server.ts";

let ovs: TestOvs;
/** A project that has node-ovsdb installed from its tarball, and nothing else but Node's types. */
let project: string;
let archive: string;

beforeAll(async () => {
  ovs = await TestOvs.create();
  await ovs.start();
  await ovs.startVswitchd();
  project = join(ovs.folder, "project");
  const built = join(ovs.folder, "built");
  await buildLibrary(built);
  await must(["npm", "pack", "--offline", "--loglevel=error", `--pack-destination=${ovs.folder}`, built]);
  archive = join(ovs.folder, (await readdir(ovs.folder)).find((name) => name.endsWith(".tgz")) ?? "");
  await must(["mkdir", project]);
  await writeFile(join(project, "package.json"), '{ "type": "module" }');
  const install = ["npm", "install", "--offline", "--no-audit", "--no-fund", "--loglevel=error", `--prefix=${project}`];
  await must([...install, archive]);
});

afterAll(() => ovs.dispose());

/** Without what npm says of the settings of whoever runs the tests. */
const env = { ...process.env, npm_config_loglevel: "error" };

/** Runs a line of shell in the project. */
function shell(line: string) {
  return run(["sh", "-c", `cd "$0" && ${line}`, project], { env });
}

/** Presses Ctrl-C once the output matches; resolves with the exit code. */
async function interrupted(line: string, ready: RegExp): Promise<number | null> {
  const stdio = ["ignore", "pipe", "inherit"] as const;
  const child = spawn("sh", ["-c", `exec ${line}`], { cwd: project, env, stdio: [...stdio], detached: true });
  let output = "";
  let pressed = false;
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    output += chunk;
    if (pressed || !ready.test(output) || child.pid === undefined) return;
    pressed = true;
    // What a terminal does: the whole group gets it.
    process.kill(-child.pid, "SIGINT");
  });
  // npm ends itself by the signal once its child has ended.
  return new Promise((resolve) => child.on("close", (code, signal) => resolve(signal === "SIGINT" ? 130 : code)));
}

/** The options that a careful project has beside `strict`. */
const strictest: ts.CompilerOptions = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  allowUnreachableCode: false,
  isolatedModules: true,
  verbatimModuleSyntax: true,
  erasableSyntaxOnly: true,
  skipLibCheck: false,
  declaration: true,
  allowImportingTsExtensions: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2024,
  module: ts.ModuleKind.NodeNext,
  types: ["node"],
  typeRoots: [join(import.meta.dirname, "../../../node_modules/@types")],
};

/** What the compiler says of files of the project, and of the declarations that the package brings. */
function compile(...files: readonly string[]): readonly string[] {
  const program = ts.createProgram(
    files.map((file) => join(project, file)),
    strictest,
  );
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

describe("the package, installed from its tarball", () => {
  it("has scripts, declarations and documents, and no sources and no dependencies", async () => {
    const folder = join(project, "node_modules/node-ovsdb");
    const files = await readdir(folder, { recursive: true });
    expect(files).toEqual(expect.arrayContaining(["index.js", "index.d.ts", "LICENSE", "README.md", "docs/api.md"]));
    expect(files.filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))).toEqual([]);
    const manifest: unknown = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    expect(manifest).not.toHaveProperty("dependencies");
    expect(manifest).not.toHaveProperty("private");
    expect(await readdir(join(project, "node_modules"))).toEqual([".bin", ".package-lock.json", "node-ovsdb"]);
  });

  it("is found in order by publint, strictly", async () => {
    const tarball = new Uint8Array(await readFile(archive)).buffer;
    const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  it("brings the same names as the sources", async () => {
    const names = "console.log(JSON.stringify(Object.keys(await import('node-ovsdb')).sort()))";
    const done = await shell(`'${process.execPath}' --input-type=module -e "${names}"`);
    expect(JSON.parse(done.stdout)).toEqual(Object.keys(await import("node-ovsdb")).toSorted());
  });

  it("lets nobody at its inner files", async () => {
    const done = await shell(
      `'${process.execPath}' -e 'import("node-ovsdb/link.js").catch((e) => console.log(e.code))'`,
    );
    expect(done.stdout).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED\n");
  });
});

describe("the README", () => {
  /** The blocks of a language, as they stand. */
  async function blocks(language: string): Promise<readonly string[]> {
    const readme = await readFile(join(project, "node_modules/node-ovsdb/README.md"), "utf8");
    return [...readme.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].flatMap(([, mark, text = ""]) =>
      mark === language ? [text] : [],
    );
  }

  it("has an example that makes a bridge, which does what the README says", async () => {
    const [example = ""] = await blocks("ts");
    await writeFile(join(project, "bridge.ts"), example);
    const done = await run([process.execPath, join(project, "bridge.ts"), ovs.socket]);
    expect(done).toMatchObject({ code: 0, stderr: "" });
    expect(done.stdout).toContain("Bridge inserted\n");
    expect(done.stdout).toContain("\nport 65534\n");
    expect(done.stdout).toContain("Bridge deleted\n");
  });

  it("has commands that work as they stand, and an example for what they write", async () => {
    const client = createClient({ address: { path: ovs.socket }, ...quick });
    await client.connect();
    await write(client, (tx) => addBridge(tx, "br0"));
    const [commands = ""] = await blocks("sh package");
    for (const line of commands.trim().split("\n")) {
      const command = line.replace("/run/openvswitch/db.sock", ovs.socket);
      if (command.includes("Ctrl-C")) expect(await interrupted(command, /br0/)).toBe(130);
      else expect(await shell(command), line).toMatchObject({ code: 0, stderr: "" });
    }
    const [, example = "", ...more] = await blocks("ts");
    expect(more).toEqual([]);
    await writeFile(join(project, "secure.ts"), example);
    const done = await run([process.execPath, join(project, "secure.ts"), ovs.socket]);
    expect(done).toEqual({ code: 0, stdout: (await blocks("text"))[0], stderr: "" });
    await write(client, (tx) => tx.update("Open_vSwitch", "all", { bridges: [] }));
    client.close();
    expect(compile("bridge.ts", "secure.ts")).toEqual([]);
  });
});

describe("a module that node-ovsdb generate writes", () => {
  async function vtepSchema(): Promise<string> {
    const need = { commands: ["vtep-ctl"], debian: "openvswitch-vtep", fedora: "openvswitch", why: "a second schema" };
    const { PATH } = await hostTools(undefined, [need]);
    const [first = ""] = PATH.split(delimiter);
    return join(dirname(first), "share/openvswitch/vtep.ovsschema");
  }

  it("pleases the strictest compiler, which then finds a table, a column and a value that there are not", async () => {
    const { OVS_PKGDATADIR = "/usr/share/openvswitch" } = await hostTools();
    const sources = [join(OVS_PKGDATADIR, "vswitch.ovsschema"), await vtepSchema(), `unix:${ovs.socket} _Server`];
    for (const [index, source] of sources.entries()) {
      const done = await shell(`npx node-ovsdb generate ${source} --out generated${index}.ts`);
      expect(done).toEqual({ code: 0, stdout: "", stderr: "" });
    }
    await writeFile(
      join(project, "wrong.ts"),
      `import { Transaction } from "node-ovsdb";
import { database } from "./generated0.ts";
const tx = new Transaction(database);
tx.insert("Brigde", {});
tx.insert("Bridge", { nmae: "br0" });
tx.insert("Bridge", { fail_mode: "secured" });
`,
    );
    expect(compile("generated0.ts", "generated1.ts", "generated2.ts", "wrong.ts")).toEqual([
      expect.stringContaining('"Brigde"'),
      expect.stringContaining("'nmae'"),
      expect.stringContaining('"secured"'),
    ]);
  });

  it("is the same from a schema file as from the server that has it", async () => {
    const { OVS_PKGDATADIR = "/usr/share/openvswitch" } = await hostTools();
    const fromFile = await shell(`npx node-ovsdb generate ${join(OVS_PKGDATADIR, "vswitch.ovsschema")}`);
    expect(fromFile).toMatchObject({ code: 0, stderr: "" });
    expect(fromFile.stdout).toContain('      fail_mode: optional(oneOf("secure", "standalone")),\n');
    expect(await shell(`npx node-ovsdb generate unix:${ovs.socket}`)).toEqual(fromFile);
  });

  it("carries a replica, its indexes, maps with numbers as keys and guarded transactions", async () => {
    await shell(`npx node-ovsdb generate unix:${ovs.socket} --out database.ts`);
    await writeFile(join(project, "use.ts"), use);
    expect(compile("use.ts")).toEqual([]);
    const done = await run([process.execPath, join(project, "use.ts"), ovs.socket]);
    expect(done).toEqual({ code: 0, stdout: "access 7 1\nguard\nrejected\nusage\n", stderr: "" });
  });
});

const use = `import { createClient, OvsdbError, Transaction } from "node-ovsdb";
import { database, type PortRow } from "./database.ts";
const client = createClient({ address: { path: process.argv[2] ?? "" } });
await client.connect();
const replica = await client.monitor(database);
const tx = new Transaction(database);
const iface = tx.insert("Interface", { name: "br7", type: "internal" });
const port = tx.insert("Port", { name: "br7", interfaces: [iface], vlan_mode: "access", tag: 7 });
const bridge = tx.insert("Bridge", { name: "br7", ports: [port], datapath_type: "dummy", fail_mode: "secure" });
const queue = tx.insert("Queue", {});
tx.insert("QoS", { type: "linux-htb", queues: new Map([[4, queue]]) });
tx.addToSet("Open_vSwitch", "all", "bridges", [bridge], { expect: 1 });
const made = (await client.transact(tx)).uuidOf(queue);
await replica.until(() => replica.find("QoS", { queues: new Map([[4, made]]) }) !== undefined);
const row: PortRow | undefined = replica.find("Port", { name: "br7" });
if (row === undefined) throw new Error("there is no port br7");
const mode: "access" | "trunk" | "native-tagged" | "native-untagged" | "dot1q-tunnel" | undefined = row.vlan_mode;
console.log(mode, row.tag, [...replica.findAll("Bridge", { name: "br7", fail_mode: "secure" })].length);
const attempt = async (build: (tx: Transaction<typeof database>) => void): Promise<void> => {
  const next = new Transaction(database);
  build(next);
  await client.transact(next).catch((error: unknown) => console.log(error instanceof OvsdbError ? error.kind : error));
};
const retag = (tag: number) => (next: Transaction<typeof database>) => {
  next.expectUnchanged("Port", row, ["tag"]);
  next.update("Port", row._uuid, { tag });
};
await attempt(retag(8));
await attempt(retag(9));
await attempt((next) => next.insert("QoS", { queues: new Map([[5, row._uuid as never]]) }));
await attempt((next) => next.insert("Interface", { name: "nobody's" }));
client.close();
`;
