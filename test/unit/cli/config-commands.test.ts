import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { checkConfig, registerCheckConfig } from "../../../agent/cli/check-config.ts";
import { configShow, registerConfigShow } from "../../../agent/cli/config-show.ts";
import type { Io } from "../../../agent/cli/io.ts";
import { MINIMAL, tableOfFiles } from "../config/helpers.ts";

const HOST = "/etc/devcloud-agent/config.d/50-host.yaml";
const OPERATOR = "/etc/devcloud-agent/override.d/10-vlan.yaml";

function collect(isTty = false) {
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = { stdout: (text) => out.push(text), stderr: (text) => err.push(text), isTty };
  return { io, out: () => out.join(""), err: () => err.join("") };
}

describe("check-config", () => {
  const check = async (table: Record<string, string>, options: { files?: string[]; json?: boolean } = {}) => {
    const seen = collect();
    const code = await checkConfig({ root: "/", files: [], json: false, ...options }, seen.io, tableOfFiles(table));
    return { code, out: seen.out(), err: seen.err() };
  };

  it("exits 0 with one line on stdout when all is well", async () => {
    const { code, out, err } = await check({ [HOST]: MINIMAL });
    expect(code).toBe(0);
    expect(out).toMatch(/^The configuration is valid \(1 file; network: observe, hash [0-9a-f]{12}\)\.\n$/);
    expect(err).toBe("");
  });

  it("exits 2 with the problems on stderr and nothing on stdout when not", async () => {
    const { code, out, err } = await check({ [HOST]: MINIMAL.replace("100", "0") });
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toContain(`${HOST}:7:24 E_CONFIG_VALUE network.vlans.management`);
  });

  it("exits 0 and tells of a warning", async () => {
    const { code, err } = await check({ [HOST]: MINIMAL, [OPERATOR]: "" });
    expect(code).toBe(0);
    expect(err).toContain("E_CONFIG_FRAGMENT_EMPTY");
  });

  it("prints one document with a schema as JSON, and nothing else", async () => {
    const good = await check({ [HOST]: MINIMAL }, { json: true });
    expect(JSON.parse(good.out)).toMatchObject({
      schema: "devcloud-agent/check-config/v1",
      ok: true,
      files: [{ file: HOST, rank: 2 }],
      problems: [],
      warnings: [],
    });
    const bad = await check({ "/tmp/x": "version: 3\n" }, { json: true, files: ["/tmp/x"] });
    expect(bad.code).toBe(2);
    expect(bad.err).toBe("");
    expect(JSON.parse(bad.out)).toMatchObject({
      ok: false,
      problems: [{ code: "E_CONFIG_VALUE", file: "/tmp/x", line: 1, column: 10 }],
    });
  });
});

describe("config show", () => {
  const show = async (table: Record<string, string>, options: { origin?: boolean; json?: boolean } = {}) => {
    const seen = collect();
    const code = await configShow({ root: "/", origin: false, json: false, ...options }, seen.io, tableOfFiles(table));
    return { code, out: seen.out(), err: seen.err() };
  };

  it("prints the merged configuration as YAML that could be a configuration", async () => {
    const { code, out } = await show({ [HOST]: MINIMAL, [OPERATOR]: "network: { vlans: { storage: 105 } }\n" });
    expect(code).toBe(0);
    expect(parseYaml(out)).toMatchObject({ version: 1, network: { vlans: { management: 100, storage: 105 } } });
  });

  it("tells with --origin which file and line said each setting", async () => {
    const { out } = await show(
      { [HOST]: MINIMAL, [OPERATOR]: "\nnetwork:\n  vlans: { management: 105 }\n" },
      { origin: true },
    );
    const lines = out.trimEnd().split("\n");
    expect(lines).toContainEqual(
      expect.stringMatching(/^network\.vlans\.management: 105 +\/etc\/devcloud-agent\/override\.d\/10-vlan\.yaml:3$/),
    );
    expect(lines).toContainEqual(
      expect.stringMatching(/^network\.bond\.members\[1\]: "em2" +\/etc\/devcloud-agent\/config\.d\/50-host\.yaml:6$/),
    );
  });

  it("shows a configuration that is not valid too, and says so", async () => {
    const { code, out, err } = await show({ [HOST]: MINIMAL.replace("100", "0") });
    expect(code).toBe(2);
    expect(out).toContain("management: 0");
    expect(err).toContain("E_CONFIG_VALUE");
  });

  it("holds both views in its JSON: as written with origins, and with defaults", async () => {
    const { out } = await show({ [HOST]: "version: 1\n" }, { json: true });
    expect(JSON.parse(out)).toMatchObject({
      schema: "devcloud-agent/config-show/v1",
      config: { version: 1 },
      origins: [{ path: "version", value: 1, file: HOST, line: 1 }],
      settings: { dockerGate: { then: "start" } },
    });
  });
});

describe("the commands on the command line", () => {
  const run = async (table: Record<string, string>, ...args: string[]) => {
    const seen = collect();
    const codes: number[] = [];
    const program = new Command().exitOverride().option("--root <dir>", "root", "/");
    program.configureOutput({ writeOut: seen.io.stdout, writeErr: seen.io.stderr });
    registerCheckConfig(program, seen.io, tableOfFiles(table), (code) => codes.push(code));
    registerConfigShow(program, seen.io, tableOfFiles(table), (code) => codes.push(code));
    await program.parseAsync(args, { from: "user" });
    return { codes, out: seen.out(), err: seen.err() };
  };

  it("take --root from the program", async () => {
    const table = { [`/lab${HOST}`]: MINIMAL };
    expect((await run(table, "--root", "/lab", "check-config")).codes).toEqual([0]);
    expect((await run(table, "check-config")).codes).toEqual([2]);
    expect((await run(table, "--root", "/lab", "config", "show", "--origin")).out).toContain(`/lab${HOST}:1`);
  });

  it("take files and --json", async () => {
    const { codes, out } = await run({ "/a": MINIMAL, "/b": "version: 1" }, "check-config", "--json", "/a", "/b");
    expect(codes).toEqual([0]);
    expect(JSON.parse(out)).toMatchObject({ files: [{ file: "/a" }, { file: "/b" }] });
  });
});
