import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../lab/command.ts";
import { systemdTools } from "../system/tools.ts";

const packaging = join(import.meta.dirname, "../../packaging");
const unitFolder = "usr/lib/systemd/system";

/** What a distribution ships and ours refer to: enough for systemd to load each unit with its drop-ins. */
const targets = ["sysinit", "basic", "timers", "network", "network-pre", "network-online", "multi-user", "shutdown"];
const foreign: Readonly<Record<string, string>> = {
  "docker.service": "[Service]\nType=notify\nExecStart=/bin/true\n",
  "ovsdb-server.service": "[Unit]\nDefaultDependencies=no\n[Service]\nType=forking\nExecStart=/bin/true\n",
};
const programs = ["bin/sh", "bin/true", "bin/systemctl"];

const shipped = globSync("*.{service,timer}", { cwd: join(packaging, unitFolder) }).toSorted();
const dropIns = globSync("*.d/*.conf", { cwd: join(packaging, unitFolder) }).toSorted();
const text = (name: string): string => readFileSync(join(packaging, unitFolder, name), "utf8");
/** The values of a key, in order, without the comments. */
const values = (name: string, key: string): string[] =>
  text(name)
    .split("\n")
    .filter((line) => line.startsWith(`${key}=`))
    .map((line) => line.slice(key.length + 1));

describe("the units that the package ships", () => {
  let root = "";
  let env: NodeJS.ProcessEnv = {};
  const tool = (...argv: readonly string[]) => run(argv, { env });

  beforeAll(async () => {
    env = { ...process.env, ...(await systemdTools()), LC_ALL: "C" };
    root = await mkdtemp(join(tmpdir(), "devcloud-units-"));
    await cp(join(packaging, "usr"), join(root, "usr"), { recursive: true });
    const put = async (path: string, content: string, mode = 0o644): Promise<void> => {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content, { mode });
    };
    for (const target of targets) await put(join(unitFolder, `${target}.target`), "[Unit]\nDefaultDependencies=no\n");
    for (const [name, content] of Object.entries(foreign)) await put(join(unitFolder, name), content);
    for (const program of programs) await put(program, "#!/bin/sh\n", 0o755);
  });

  afterAll(async () => {
    await rm(root, { recursive: true, force: true });
  });

  /** systemd-analyze's words about a unit; an older systemd does not know OpenFile and says so. */
  async function complaints(unit: string): Promise<string[]> {
    const verified = await tool("systemd-analyze", "verify", "--man=no", `--root=${root}`, unit);
    return verified.stderr.split("\n").filter((line) => line !== "" && !line.includes("Unknown key 'OpenFile'"));
  }

  test("are those of the contract", () => {
    expect(shipped).toEqual([
      "devcloud-agent-rescue-late.timer",
      "devcloud-agent-rescue.service",
      "devcloud-agent-rescue.timer",
      "devcloud-agent-rollback.service",
      "devcloud-agent-rollback.timer",
      "devcloud-agent.service",
      "devcloud-wait-online.service",
    ]);
    expect(dropIns).toEqual([
      "docker.service.d/10-devcloud-agent.conf",
      "ovsdb-server.service.d/10-devcloud-agent.conf",
    ]);
  });

  test.each([...shipped, ...Object.keys(foreign)])("%s: systemd has nothing to say against it", async (unit) => {
    expect(await complaints(unit)).toEqual([]);
  });

  test("the check is no formality: a misspelt key is a complaint", async () => {
    const name = "misspelt.service";
    await writeFile(
      join(root, unitFolder, name),
      text("devcloud-agent.service").replace("RestartSec=", "RestartSecs="),
    );
    expect((await complaints(name)).join("\n")).toContain("RestartSecs");
    await rm(join(root, unitFolder, name));
  });

  test("nothing requires anything: neither do we need Docker to live, nor Docker us", () => {
    for (const name of [...shipped, ...dropIns]) {
      for (const key of ["Requires", "Requisite", "BindsTo", "PartOf", "Upholds", "PropagatesStopTo"]) {
        expect(values(name, key), `${name}: ${key}`).toEqual([]);
      }
    }
  });

  test("ship the durations of the contract", () => {
    expect(values("devcloud-agent-rescue.timer", "OnActiveSec")).toEqual(["120s"]);
    expect(values("devcloud-agent-rescue-late.timer", "OnBootSec")).toEqual(["5min"]);
    // The configuration's bounds for boot_budget, apply_timeout and ovsdb_timeout follow from these two.
    expect(values("devcloud-agent.service", "TimeoutStartSec")).toEqual(["90s"]);
    expect(values("devcloud-agent.service", "WatchdogSec")).toEqual(["30s"]);
    expect(values("devcloud-agent.service", "RestartSec")).toEqual(["2s"]);
    expect(values("devcloud-agent.service", "StartLimitIntervalSec")).toEqual(["0"]);
    expect(values("docker.service.d/10-devcloud-agent.conf", "TimeoutStartSec")).toEqual(["infinity"]);
    // A mount from the network holds every login back for as long as this.
    expect(values("devcloud-wait-online.service", "ExecStart")).toEqual([expect.stringMatching(/ --online 90$/)]);
    expect(values("devcloud-wait-online.service", "TimeoutStartSec")).toEqual(["120s"]);
    expect(readFileSync(join(packaging, "usr/libexec/devcloud-agent/docker-gate"), "utf8")).toContain(
      "default_hold=600\n",
    );
  });

  test("the first rescue counts from the moment at which the agent may start", () => {
    const [agent = ""] = values("devcloud-agent.service", "After");
    const [timer = ""] = values("devcloud-agent-rescue.timer", "After");
    const order = (names: string): string[] =>
      names
        .split(" ")
        .filter((name) => name !== "sysinit.target")
        .toSorted();
    expect(order(timer)).toEqual(order(agent));
    expect(values("devcloud-agent.service", "Wants")).toContain("devcloud-agent-rescue.timer");
  });

  test("the preset enables what has to run by itself, and nothing else", async () => {
    for (const unit of shipped) {
      const done = await tool("systemctl", `--root=${root}`, "preset", unit);
      expect(done.code, done.stderr).toBe(0);
    }
    const enabled = globSync("etc/systemd/system/*.wants/*", { cwd: root }).toSorted();
    expect(enabled).toEqual([
      "etc/systemd/system/multi-user.target.wants/devcloud-agent.service",
      "etc/systemd/system/network-online.target.wants/devcloud-wait-online.service",
      "etc/systemd/system/timers.target.wants/devcloud-agent-rescue-late.timer",
    ]);
  });

  test("sysusers makes the group, tmpfiles the directories", async () => {
    await mkdir(join(root, "etc"), { recursive: true });
    const users = await tool("systemd-sysusers", `--root=${root}`, "devcloud-agent.conf");
    expect(users.code, users.stderr).toBe(0);
    expect(readFileSync(join(root, "etc/group"), "utf8")).toMatch(/^devcloud-agent:x:\d+:$/m);
    const files = await tool("systemd-tmpfiles", `--root=${root}`, "--create", "devcloud-agent.conf");
    expect(files.code, files.stderr).toBe(0);
    expect(statSync(join(root, "var/lib/devcloud-agent")).mode & 0o777).toBe(0o700);
    expect(statSync(join(root, "run/devcloud-agent")).mode & 0o777).toBe(0o755);
  });

  test.each(["usr/bin/devcloud-agent", "usr/libexec/devcloud-agent/docker-gate", "usr/libexec/devcloud-agent/rescue"])(
    "%s is executable and plain shell",
    async (program) => {
      expect(statSync(join(packaging, program)).mode & 0o111).toBe(0o111);
      expect(readFileSync(join(packaging, program), "utf8").startsWith("#!/bin/sh\n")).toBe(true);
      expect((await tool("sh", "-n", join(packaging, program))).stderr).toBe("");
    },
  );

  test("every program of ours that a unit starts is shipped", () => {
    for (const name of [...shipped, ...dropIns]) {
      for (const [path = ""] of text(name).matchAll(/(?<==-?)\/usr\/\S*devcloud-agent\S*/g)) {
        expect(existsSync(join(packaging, path)), `${name}: ${path}`).toBe(true);
      }
    }
  });
});
