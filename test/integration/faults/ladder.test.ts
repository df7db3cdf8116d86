import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { AgentProcess } from "../../lab/agent.ts";
import type { Host } from "../../lab/host.ts";
import { addressesOf, expectVerified, PRUNED, reconfigure, sharedLab, standing, tells } from "../network-lab.ts";

/*
 * Hosts that boot into an Open vSwitch that is not as it should be. The kernel of the lab has no VLANs of its own, so that where
 * Open vSwitch is of no use only IPv6 link-local is left; the rung above is shown in a machine (npm run lane -- vm).
 */

const lab = sharedLab();
const host = (): Host => lab().host;
const flag = (): boolean => existsSync(join(host().root, "run/devcloud-agent/net-ready"));
const database = (): string => join(host().root, "var/lib/openvswitch/conf.db");
const consoleFile = (): string => join(host().root, "dev/console");

beforeAll(async () => {
  await reconfigure(host(), null, { timing: { boot_budget: "6s" } });
  await mkdir(join(host().root, "dev"), { recursive: true });
  await standing(host());
});

/** The agent dies, and the machine is powered off and on; Open vSwitch is left to the test. */
async function intoTheDark(): Promise<void> {
  await host().agent?.stop("SIGKILL");
  await writeFile(consoleFile(), "");
  await host().reboot({ ovs: false });
}

/** A host that is left with nothing but IPv6 link-local: what it says of that, and in which order. */
async function expectLinkLocal(agent: AgentProcess, code: string): Promise<void> {
  await agent.waitFor(tells(code));
  expect(await agent.event("rung")).toMatchObject({ rung: 3, name: "link-local" });
  expect(await agent.event("ready")).toMatchObject({ degraded: true });
  const order = agent.lines.flatMap(({ event }) => (event === "rung" || event === "ready" ? [event] : []));
  expect(order).toEqual(["rung", "ready"]);
  expect(flag()).toBe(false);
  for (const nic of ["em1", "em2"]) expect(await addressesOf(host(), nic)).toContain("fe80::");
  expect(await readFile(consoleFile(), "utf8")).toContain("rung 3 (link-local)");
  const { stdout } = await host().cli("status", "--json");
  expect(JSON.parse(stdout)).toMatchObject({ ready: "degraded", network: { rung: { rung: 3, name: "link-local" } } });
  expect((await host().cli("status")).stdout).toContain("rung       3 of 3");
  expect(await lab().reach(host().address)).toBe(false);
}

/** It climbs back by itself: the address answers, and nothing of the lower rung is left. */
async function expectClimbed(agent: AgentProcess): Promise<void> {
  await agent.event("net-ready");
  await agent.waitFor((line) => line.event === "rung" && line.rung === 0);
  expect(flag()).toBe(true);
  expect(await lab().reach(host().address)).toBe(true);
  for (const nic of ["em1", "em2"]) expect(await addressesOf(host(), nic)).not.toContain("fe80::");
  await expectVerified(host());
}

describe("booted into", () => {
  test("an Open vSwitch that does not run, it gets a way in within the budget, and its network when that starts", async () => {
    await intoTheDark();
    const agent = host().startAgent();
    await expectLinkLocal(agent, "E_OVSDB_UNREACHABLE");
    const metrics = await host().exec(["curl", "-s", "http://127.0.0.1:9464/metrics"]);
    expect(metrics.stdout).toContain("\ndevcloud_network_rung 3\n");
    await host().startOvs();
    await expectClimbed(agent);
  });

  test("the socket of a database server that died, it does the same", async () => {
    await intoTheDark();
    await host().ovs.startDaemon("ovsdb");
    await host().killOvs("ovsdb");
    expect(existsSync(join(host().root, "run/openvswitch/db.sock"))).toBe(true);
    const agent = host().startAgent();
    await expectLinkLocal(agent, "E_OVSDB_UNREACHABLE");
    await host().startOvs();
    await expectClimbed(agent);
  });

  test("a database server that accepts and says nothing, it does the same", async () => {
    // The first look at such a server takes longer than the budget of the other tests.
    await reconfigure(host(), null, { timing: { boot_budget: "25s" } });
    onTestFinished(async () => void (await reconfigure(host(), null, { timing: { boot_budget: "6s" } })));
    await intoTheDark();
    await host().startOvs();
    host().pauseOvs("ovsdb");
    const agent = host().startAgent();
    await expectLinkLocal(agent, "E_OVSDB_UNREACHABLE");
    host().resumeOvs("ovsdb");
    await expectClimbed(agent);
  });

  test("a socket that it may not open, it does the same", async () => {
    await intoTheDark();
    await host().startOvs();
    const socket = join(host().root, "run/openvswitch/db.sock");
    await host().exec(["chmod", "000", socket]);
    const enter = host().enter();
    const caps = "-dac_override,-dac_read_search";
    const limited = ["setpriv", `--inh-caps=${caps}`, `--bounding-set=${caps}`];
    const command = [...enter, ...limited, ...host().agentCommand("run").slice(enter.length)];
    await using agent = new AgentProcess(command, host().env);
    await expectLinkLocal(agent, "E_OVSDB_UNREACHABLE");
    await host().exec(["chmod", "755", socket]);
    await expectClimbed(agent);
  });

  test("an ovs-vswitchd that hangs, it does the same, and lets go of that only when it lives", async () => {
    // It is given its time to apply, of which a shorter budget would leave nothing.
    await reconfigure(host(), null, { timing: { boot_budget: "25s" } });
    await intoTheDark();
    await host().startOvs();
    host().pauseOvs("vswitchd");
    const agent = host().startAgent();
    await expectLinkLocal(agent, "E_OVS_NOT_APPLIED");
    // The address waits on its port for a vswitchd that forwards again.
    expect(await addressesOf(host(), "mgmt0")).toContain(host().address);
    host().resumeOvs("vswitchd");
    await expectClimbed(agent);
    await reconfigure(host(), null, { timing: { boot_budget: "6s" } });
  });

  test("a database that is corrupt and keeps its server from starting, and then into a new one", async () => {
    await intoTheDark();
    const whole = await readFile(database());
    await writeFile(database(), whole.subarray(0, 100).fill("x"));
    await expect(host().startOvs()).rejects.toThrow();
    const agent = host().startAgent();
    await expectLinkLocal(agent, "E_OVSDB_UNREACHABLE");
    await rm(database());
    await host().startOvs();
    await expectClimbed(agent);
  });

  test("a database that is read-only, which keeps its server from starting, and then one that can be written", async () => {
    await intoTheDark();
    // Of the folder, because no permission keeps root from writing.
    const folder = join(host().root, "var/lib/openvswitch");
    for (const options of ["bind", "remount,bind,ro"]) await host().exec(["mount", "-o", options, folder, folder]);
    await expect(host().startOvs()).rejects.toThrow(/read-only/i);
    const agent = host().startAgent();
    await expectLinkLocal(agent, "E_OVSDB_UNREACHABLE");
    await host().exec(["umount", folder]);
    await host().startOvs();
    await expectClimbed(agent);
  });

  test("a database without room for a transaction, it goes on as soon as there is some", async () => {
    await intoTheDark();
    const folder = join(host().root, "var/lib/openvswitch");
    const kept = `${folder}-kept`;
    await host().exec(["cp", "-a", folder, kept]);
    await host().exec(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder]);
    await host().exec(["sh", "-c", `cp -a ${kept}/. ${folder}`]);
    await host().startOvs();
    await host().exec(["sh", "-c", `cat /dev/zero >${folder}/fill`]);
    await fillDatabase();
    const agent = host().startAgent();
    await agent.waitFor(tells("E_OVSDB_REFUSED"));
    expect(await addressesOf(host(), "mgmt0")).toContain(host().address);
    // Whatever the database cannot store, the switch that stands forwards.
    await agent.event("net-ready");
    expect(await lab().reach(host().address)).toBe(true);
    await host().exec(["rm", `${folder}/fill`]);
    await agent.waitFor((line) => line.event === "problems" && line.count === 0);
    await expectVerified(host());
    await rm(kept, { recursive: true });
  });
});

test("a host whose kernel takes no IPv6 any more keeps its IPv4 address where it is, and says what is refused", async () => {
  await intoTheDark();
  const both = { addresses: { mgmt0: { ipv6: ["fd00:1:100::11/64"] } } };
  await reconfigure(host(), both, { timing: { boot_budget: "6s" } });
  await host().startOvs();
  const agent = host().startAgent();
  await agent.event("change", "confirmed");
  await using ping = lab().ping(host().address);
  await ping.answered(20);
  const mark = agent.mark();
  const switchOff = async (value: 0 | 1): Promise<void> => {
    const at = "/proc/sys/net/ipv6/conf";
    await host().exec(["sh", "-c", `echo ${value} >${at}/all/disable_ipv6; echo ${value} >${at}/mgmt0/disable_ipv6`]);
  };
  await switchOff(1);
  await agent.waitFor(tells("E_NETWORK_NOT_CONVERGING"), { from: mark });
  // Each of them is a try more.
  for (let times = 0; times < 3; times += 1) {
    const applied = await host().cli("network", "apply");
    expect(applied.stdout).toContain("E_NETWORK_NOT_CONVERGING");
    expect(applied.code).toBe(1);
  }
  expect(agent.lines.slice(mark).filter(({ event }) => event === "failover" || event === "rung")).toEqual([]);
  expect(await host().vsctl("list-ifaces", "br-uplink")).toMatch(/em1[\s\S]*em2/);
  expect((await ping.stop()).lost).toBeLessThanOrEqual(3);
  await switchOff(0);
  await agent.waitFor(({ event, count }) => event === "problems" && count === 0, { from: mark });
  await expectVerified(host());
  const last = await reconfigure(host(), null, { timing: { boot_budget: "6s" } });
  await agent.event("change", "confirmed", { from: last });
});

describe("booted into a database", () => {
  test("that an older deployment left, it has the last good network again", async () => {
    await intoTheDark();
    await host().startOvs();
    await host().vsctl("set", "Port", "mgmt0", `tag=${PRUNED}`, "--", "clear", "Port", "bond0", "trunks");
    await host().vsctl("set", "Bridge", "br-uplink", "fail_mode=secure", "external_ids:devcloud-hash=older");
    await host().reboot();
    const next = host().startAgent();
    await next.event("net-ready");
    expect(await lab().reach(host().address)).toBe(true);
    await expectVerified(host());
  });

  test("with a newer schema, it works with what it knows", async () => {
    await host().agent?.stop("SIGKILL");
    const { stdout } = await host().exec(["ovsdb-client", "get-schema", `unix:${host().env.OVS_RUNDIR}/db.sock`]);
    const schema = JSON.parse(stdout) as NewerSchema;
    await host().reboot({ ovs: false });
    schema.version = "9.9.9";
    schema.tables.Port.columns.moon_phase = { type: "string" };
    const file = join(host().root, "newer.ovsschema");
    await writeFile(file, JSON.stringify(schema));
    await host().exec(["ovsdb-tool", "convert", database(), file]);
    const version = (await host().exec(["ovsdb-tool", "db-version", database()])).stdout.trim();
    expect(version).toBe("9.9.9");
    await host().startOvs();
    const agent = host().startAgent();
    expect(await agent.event("ready")).toMatchObject({ degraded: false });
    await agent.event("net-ready");
    expect(await lab().reach(host().address)).toBe(true);
    await expectVerified(host());
    await agent.stop("SIGKILL");
    await host().stopOvs();
    await rm(database());
  });
});

/** What is left of the last page of the file takes transactions still: smaller and smaller ones, until none fits. */
async function fillDatabase(): Promise<void> {
  for (const size of [5000, 1000, 300, 100, 30, 10]) {
    for (let tries = 0; tries < 12; tries += 1) {
      const value = `external_ids:fill=${"x".repeat(size)}${tries}`;
      const { code } = await host().exec(["ovs-vsctl", "--no-wait", "set", "Open_vSwitch", ".", value]);
      if (code !== 0) break;
    }
  }
}

interface NewerSchema {
  version: string;
  readonly tables: { readonly Port: { readonly columns: Record<string, unknown> } };
}
