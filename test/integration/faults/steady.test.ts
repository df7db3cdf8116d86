import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { AgentProcess, LogLine } from "../../lab/agent.ts";
import type { Host } from "../../lab/host.ts";
import type { Ping, PingReport } from "../../lab/ping.ts";
import {
  addressesOf,
  asDelivered,
  expectVerified,
  reconfigure,
  sharedLab,
  standing,
  stateOf,
  tells,
} from "../network-lab.ts";

const lab = sharedLab();
const host = (): Host => lab().host;
let agent: AgentProcess;
let ping: Ping;

beforeEach(async () => {
  await asDelivered(lab(), host());
  agent = await standing(host());
  // A pass has looked at the host since its network stood: what differs from now on is drift.
  expect((await host().cli("network", "apply")).code).toBe(0);
  ping = lab().ping(host().address);
  onTestFinished(() => ping[Symbol.asyncDispose]());
  await ping.answered(20);
});

/** What the address answered while it happened. */
async function answered(what: string): Promise<PingReport> {
  const report = await ping.stop();
  process.stdout.write(`${what}: ${report.lost} of ${report.sent} lost, ${Math.round(report.maxGapMs)} ms at most\n`);
  return report;
}

async function activeNic(): Promise<string> {
  const mac = await host().vsctl("get", "Port", "bond0", "bond_active_slave");
  return mac.includes(host().nics[0].mac) ? "em1" : "em2";
}

/** Moves the gateway of the management network to another VLAN, as if the switches had been renumbered. */
async function moveGateway(from: string, to: string): Promise<void> {
  await lab().gateway("ip", "address", "del", "10.1.0.1/24", "dev", from);
  // Down, because Linux answers ARP for its addresses on every device.
  await lab().gateway("ip", "link", "set", from, "down");
  await lab().gateway("ip", "link", "set", to, "up");
  await lab().gateway("ip", "address", "add", "10.1.0.1/24", "dev", to);
}

const managementTag = (): Promise<string> => host().vsctl("get", "Port", "mgmt0", "tag");

const nothingWrong = ({ event, count }: LogLine): boolean => event === "problems" && count === 0;

describe("what is ours", () => {
  test("comes back when somebody deletes the management device itself", async () => {
    const mark = agent.mark();
    await host().exec(["ip", "link", "delete", "mgmt0"]);
    const drift = await agent.event("drift", undefined, { from: mark });
    expect(drift.change).toBe("- port mgmt0 of br-uplink");
    await ping.answered(20);
    await answered("mgmt0 deleted");
    await expectVerified(host());
  });

  test("is not fought for without end: who undoes it in a loop is told, and met ever more rarely", async () => {
    const spoil = async (): Promise<void> => {
      await host().vsctl("set", "Port", "to-br-ex", "trunks=110");
    };
    const mark = agent.mark();
    for (let time = 0; time < 3; time += 1) {
      const from = agent.mark();
      await spoil();
      await agent.event("drift", undefined, { from });
    }
    await spoil();
    const told = await agent.waitFor(tells("E_NETWORK_FOUGHT"), { from: mark });
    expect(JSON.stringify(told.problems)).toContain("port to-br-ex trunks was put back and undone 3 times");
    const left = await agent.waitFor(({ event, left }) => event === "drift" && left === true, { from: mark });
    expect(left.change).toBe("~ port to-br-ex");
    // What nobody fights for is repaired meanwhile.
    await host().vsctl("set", "Port", "mgmt0", "tag=105");
    await expect.poll(() => host().vsctl("get", "Port", "mgmt0", "tag"), { timeout: 10_000 }).toBe("100");
    await expect.poll(() => host().vsctl("get", "Port", "to-br-ex", "trunks"), { timeout: 20_000 }).toBe("[110, 120]");
    await agent.waitFor(nothingWrong, { from: mark });
  });

  test("stays as somebody made it where putting it back would cut the host off, until it would not", async () => {
    const mark = agent.mark();
    // Somebody renumbers the management network by hand: the switches, the gateway, and this host.
    await moveGateway("vlan100", "vlan105");
    onTestFinished(() => moveGateway("vlan105", "vlan100").catch(() => undefined));
    await host().vsctl("set", "Port", "mgmt0", "tag=105");
    const undone = await agent.event("repair-undone", undefined, { from: mark });
    expect(JSON.stringify(undone.problem)).toContain("port mgmt0 tag");
    await agent.waitFor(tells("E_NETWORK_REPAIR_UNDONE"), { from: mark });
    expect(await managementTag()).toBe("105");
    expect(await lab().reach(host().address)).toBe(true);
    await answered("a repair that was undone");
    // An agent that is only started again, as by an upgrade, knows of it.
    await agent.stop();
    ping = lab().ping(host().address);
    await ping.answered(20);
    agent = await standing(host());
    await agent.waitFor(tells("E_NETWORK_REPAIR_UNDONE"));
    expect((await answered("an agent that starts again after that")).lost).toBeLessThanOrEqual(3);
    expect(await managementTag()).toBe("105");
    const back = agent.mark();
    await moveGateway("vlan105", "vlan100");
    await agent.event("drift", undefined, { from: back });
    await agent.waitFor(nothingWrong, { from: back });
    expect(await host().vsctl("get", "Port", "mgmt0", "tag")).toBe("100");
    expect(await lab().reach(host().address)).toBe(true);
  });
});

test("an agent that is killed in a repair that cuts the host off, and stays away, leaves it to the dead-man", async () => {
  await moveGateway("vlan100", "vlan105");
  onTestFinished(() => moveGateway("vlan105", "vlan100").catch(() => undefined));
  await host().vsctl("set", "Port", "mgmt0", "tag=105");
  await expect.poll(() => stateOf(host(), "pending"), { interval: 5, timeout: 10_000 }).toBeDefined();
  await expect.poll(managementTag, { interval: 5, timeout: 10_000 }).toBe("100");
  await agent.stop("SIGKILL");
  expect(stateOf(host(), "pending")).toMatchObject({ repair: { about: ["port mgmt0 tag"] } });
  await expect.poll(managementTag, { timeout: 20_000 }).toBe("105");
  await expect.poll(() => lab().reach(host().address), { timeout: 10_000 }).toBe(true);
  agent = await standing(host());
  await agent.waitFor(tells("E_NETWORK_REPAIR_UNDONE"));
  expect(await managementTag()).toBe("105");
  expect(await lab().reach(host().address)).toBe(true);
});

describe("Neutron", () => {
  test("that takes our bridge to secure, with a controller and flows that drop everything, is told and undone", async () => {
    const mark = agent.mark();
    await host().vsctl(
      ...["set-fail-mode", "br-uplink", "secure", "--", "set-controller", "br-uplink", "tcp:127.0.0.1:6633"],
      ...["--", "set-fail-mode", "br-ex", "secure", "--", "set-controller", "br-ex", "tcp:127.0.0.1:6633"],
    );
    await agent.waitFor(tells("E_BRIDGE_TAKEN"), { from: mark });
    // A controller that was there leaves flows; taking it away throws them out.
    await host().exec(["ovs-ofctl", "add-flow", "br-uplink", "priority=100,actions=drop"]);
    await ping.silent(200);
    const again = agent.mark();
    await host().vsctl("set-controller", "br-uplink", "tcp:127.0.0.1:6633");
    await agent.event("drift", undefined, { from: again });
    await ping.answered(20);
    await answered("our bridge taken by a controller");
    expect(await host().vsctl("get", "Bridge", "br-uplink", "fail_mode", "controller")).toBe("standalone\n[]");
    const flows = (await host().exec(["ovs-ofctl", "dump-flows", "br-uplink"])).stdout;
    expect(flows).toContain("actions=NORMAL");
    expect(flows).not.toContain("actions=drop");
    // Its own bridge is Neutron's.
    expect(await host().vsctl("get", "Bridge", "br-ex", "fail_mode")).toBe("secure");
    expect(await host().vsctl("get-controller", "br-ex")).toBe("tcp:127.0.0.1:6633");
  });
});

describe("what is not ours", () => {
  test("is named in the status, told once, and left alone", async () => {
    const mark = agent.mark();
    await host().vsctl(
      ...["--", "add-port", "br-uplink", "tap-foreign", "tag=110", "--", "set", "Interface", "tap-foreign"],
      ...["type=internal", "--", "set", "Bridge", "br-ex", "fail_mode=secure", "other_config:disable-in-band=true"],
      ...["protocols=OpenFlow13", "--", "set", "Bridge", "br-uplink", "external_ids:theirs=1"],
    );
    await host().exec(["ip", "address", "add", "10.1.0.100/32", "dev", "mgmt0"]);
    await agent.waitFor((line) => line.event === "others" && JSON.stringify(line).includes("10.1.0.100"), {
      from: mark,
    });
    expect((await host().cli("network", "apply")).code).toBe(0);
    const { network } = JSON.parse((await host().cli("status", "--json")).stdout) as {
      network: { others: { object: string; field: string; current: string; owner: string }[]; problems: unknown[] };
    };
    expect(network.others.map((each) => [each.object, each.field, each.current, each.owner])).toEqual([
      ["bridge br-uplink", "ports", "tap-foreign", "foreign"],
      ["device mgmt0", "addresses", "10.1.0.100/32", "foreign"],
      ["bridge br-ex", "fail_mode", "secure", "shared"],
    ]);
    expect(network.problems).toEqual([]);
    expect((await host().cli("status")).stdout).toContain("not ours   port tap-foreign on br-uplink\n");
    expect(await host().vsctl("get", "Bridge", "br-uplink", "external_ids:theirs")).toBe('"1"');
    expect(await host().vsctl("get", "Bridge", "br-ex", "fail_mode", "protocols", "other_config")).toBe(
      'secure\n[OpenFlow13]\n{disable-in-band="true"}',
    );
    expect((await answered("strangers")).lost).toBeLessThanOrEqual(3);
    expect(agent.lines.slice(mark).filter(({ event }) => event === "drift")).toEqual([]);
  });
});

describe("a NIC that somebody takes", () => {
  test("into a second port of Open vSwitch is left by the bond at once, told, and used again afterwards", async () => {
    const nic = await activeNic();
    const row = await host().vsctl("get", "Interface", nic, "_uuid");
    const mark = agent.mark();
    await host().vsctl(
      ...["add-br", "br-thief", "--", "set", "Bridge", "br-thief", "datapath_type=netdev", "--", "--id=@p", "create"],
      ...["Port", "name=thief", `interfaces=${row}`, "--", "add", "Bridge", "br-thief", "ports", "@p"],
    );
    await agent.waitFor(tells("E_NIC_STOLEN"), { from: mark });
    expect(await activeNic()).not.toBe(nic);
    await ping.answered(20);
    const back = agent.mark();
    await host().vsctl("del-port", "br-thief", "thief");
    await agent.waitFor(nothingWrong, { from: back });
    const report = await answered(`${nic} stolen and given back`);
    expect(report.maxGapMs).toBeLessThan(5_000);
    // It carries traffic again when it has to.
    await lab().cut(host(), nic === "em1" ? "em2" : "em1");
    await expect.poll(() => lab().reach(host().address), { timeout: 10_000 }).toBe(true);
    await host().vsctl("del-br", "br-thief");
    expect(agent.lines.slice(mark).filter(({ event }) => event === "rung")).toEqual([]);
  });

  test("out of the bond into a bridge of the kernel's does not keep the rest from being repaired", async () => {
    const nic = (await activeNic()) === "em1" ? "em2" : "em1";
    const row = await host().vsctl("get", "Interface", nic, "_uuid");
    await host().exec(["ip", "link", "add", "kbr0", "type", "bridge"]);
    const mark = agent.mark();
    await host().exec(["ip", "link", "set", nic, "master", "kbr0"]);
    await agent.waitFor(tells("E_NIC_STOLEN"), { from: mark });
    await host().vsctl("remove", "Port", "bond0", "interfaces", row);
    const told = await agent.waitFor(tells("E_NETWORK_CONFLICT"), { from: mark });
    expect(JSON.stringify(told.problems)).toContain(`NIC ${nic} is enslaved to kbr0`);
    await host().vsctl("set", "Port", "mgmt0", "tag=105");
    await expect.poll(() => host().vsctl("get", "Port", "mgmt0", "tag"), { timeout: 10_000 }).toBe("100");
    await ping.answered(20);
    const back = agent.mark();
    await host().exec(["ip", "link", "delete", "kbr0"]);
    await agent.waitFor(nothingWrong, { from: back });
    await answered(`${nic} enslaved`);
    await expectVerified(host());
  });

  test("by another name, or with another's MAC address, is found again", async () => {
    const [first, second] = host().nics;
    const nics = { em1: { fabric: "A", mac: first.mac }, em2: { fabric: "B", mac: second.mac } };
    const changed = await reconfigure(host(), { nics });
    await agent.event("change", "confirmed", { from: changed });
    const mark = agent.mark();
    const ip = (...words: string[]) => host().exec(["ip", "link", "set", ...words]);
    for (const words of [
      ["em2", "down"],
      ["em2", "name", "renamed0"],
    ])
      await ip(...words);
    await expect.poll(() => host().vsctl("list-ifaces", "br-uplink"), { timeout: 10_000 }).toMatch(/renamed0/);
    await expect.poll(async () => (await host().cli("network", "verify")).code, { timeout: 10_000 }).toBe(0);
    const rescue = join(host().root, "var/lib/devcloud-agent/rescue.sh");
    await expect.poll(() => readFile(rescue, "utf8"), { timeout: 10_000 }).toContain("ip link set dev 'renamed0' up");
    await ping.answered(20);
    // Somebody gives a third device the address of the first NIC: the one that is called like it stays.
    await host().exec(["ip", "link", "add", "twin0", "type", "veth", "peer", "name", "twin1"]);
    await ip("twin0", "address", first.mac);
    await agent.waitFor(tells("E_NIC_DUPLICATE"), { from: mark });
    expect(await host().vsctl("list-ifaces", "br-uplink")).toContain("em1");
    await host().exec(["ip", "link", "delete", "twin0"]);
    await agent.waitFor(nothingWrong, { from: agent.mark() - 1 });
    await ip("em1", "address", second.mac);
    await ip("renamed0", "address", first.mac);
    await expect.poll(async () => (await host().cli("network", "verify")).code, { timeout: 15_000 }).toBe(0);
    await expect.poll(() => lab().reach(host().address), { timeout: 10_000 }).toBe(true);
    await answered("NICs renamed and swapped");
  });
});

test("a NIC that appears long after the boot joins the bond, and nobody notices", async () => {
  await agent.stop("SIGKILL");
  await host().reboot({ ovs: false });
  for (const words of [
    ["em2", "down"],
    ["em2", "name", "late0"],
  ])
    await host().exec(["ip", "link", "set", ...words]);
  await host().startOvs();
  const again = await standing(host());
  await again.waitFor(tells("E_NIC_MISSING"));
  await ping.answered(20);
  await ping.stop();
  ping = lab().ping(host().address);
  await ping.answered(20);
  const mark = again.mark();
  await host().exec(["ip", "link", "set", "late0", "name", "em2"]);
  await again.waitFor(nothingWrong, { from: mark });
  const report = await answered("a NIC that comes late");
  expect(report.lost).toBeLessThanOrEqual(3);
  await expectVerified(host());
});

test("addresses that an initramfs left on the members: the host's own is taken off, a stranger's is told", async () => {
  await agent.stop("SIGKILL");
  await host().reboot({ ovs: false });
  const own = `${host().address}/24`;
  for (const words of [
    ["link", "set", "em1", "up"],
    ["address", "add", own, "dev", "em1"],
    ["address", "add", "192.168.7.7/24", "dev", "em2"],
  ])
    await host().exec(["ip", ...words]);
  await host().startOvs();
  const again = await standing(host());
  const told = await again.waitFor(tells("E_NIC_ADDRESS"));
  expect(JSON.stringify(told.problems)).toContain("em2 carries the address 192.168.7.7/24");
  expect(await addressesOf(host(), "em1")).not.toContain(own);
  expect(await addressesOf(host(), "em2")).toContain("192.168.7.7/24");
  expect(await addressesOf(host(), "mgmt0")).toContain(own);
  await ping.answered(20);
  await answered("addresses on members");
  const mark = again.mark();
  await host().exec(["ip", "address", "del", "192.168.7.7/24", "dev", "em2"]);
  await again.waitFor(nothingWrong, { from: mark });
  await expectVerified(host());
});

describe("a second Open vSwitch", () => {
  async function start(program: string, ...args: readonly string[]): Promise<() => Promise<void>> {
    const run = host().env.OVS_RUNDIR ?? "";
    const pid = join(run, "second.pid");
    const common = ["--no-chdir", `--pidfile=${pid}`, `--unixctl=${join(run, "second.ctl")}`];
    const command = [program, ...args, ...common, "-vconsole:off", "-vsyslog:off"].join(" ");
    // Without --detach: a switch that has to wait for another one would never say that it is ready.
    await host().exec(["sh", "-c", `${command} >/dev/null 2>&1 &`]);
    return async () => {
      await host().exec(["sh", "-c", `kill $(cat ${pid})`]);
    };
  }

  test("whose server takes the socket over is told, nothing is written meanwhile, and it goes on by itself", async () => {
    const run = host().env.OVS_RUNDIR ?? "";
    const database = join(host().root, "var/lib/openvswitch/second.db");
    await host().exec(["ovsdb-tool", "create", database]);
    const mark = agent.mark();
    const end = await start("ovsdb-server", database, `--remote=punix:${join(run, "db.sock")}`);
    await agent.waitFor(tells("E_OVS_SECOND"), { from: mark });
    await host().exec(["ip", "route", "del", "default"]);
    await agent.waitFor(({ event, left }) => event === "drift" && left === true, { from: mark });
    expect((await host().exec(["ip", "route", "show", "default"])).stdout).toBe("");
    const refused = await host().cli("network", "apply");
    expect([refused.code, refused.stdout + refused.stderr]).toEqual([4, expect.stringContaining("E_OVS_SECOND")]);
    const back = agent.mark();
    await end();
    await agent.waitFor(nothingWrong, { from: back });
    expect((await host().exec(["ip", "route", "show", "default"])).stdout).toContain("10.1.0.1");
    expect((await answered("a second ovsdb-server")).lost).toBeLessThanOrEqual(3);
  });

  test("whose switch runs beside ours is told until it ends", async () => {
    const mark = agent.mark();
    const end = await start("ovs-vswitchd", `unix:${join(host().env.OVS_RUNDIR ?? "", "db.sock")}`);
    const told = await agent.waitFor(tells("E_OVS_SECOND"), { from: mark });
    expect(JSON.stringify(told.problems)).toContain("ovs-vswitchd");
    await end();
    await agent.waitFor(nothingWrong, { from: mark });
    expect((await answered("a second ovs-vswitchd")).lost).toBeLessThanOrEqual(3);
  });
});
