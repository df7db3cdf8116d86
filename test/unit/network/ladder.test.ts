import { describe, expect, test } from "vitest";
import type { ProbeTarget } from "../../../agent/core/probe.ts";
import { targetOf } from "../../../agent/network/desired.ts";
import { standInAddresses } from "../../../agent/network/rescue-vlan.ts";
import { FakeHost } from "../../fakes/host.ts";
import { configOf, networkSettings, onVlan } from "../../fakes/settings.ts";
import { Agent, codes, standingHost, stepsTo } from "./capability.ts";

const good = networkSettings();
const daemon = { ladder: true } as const;
const BUDGET_MS = 60_000;

/** A host that was rebooted into an Open vSwitch that does not come up: nothing of it is there. */
async function withoutOvs(network = good): Promise<FakeHost> {
  const host = await standingHost(network);
  host.reboot();
  host.ovsdb = "dead";
  host.kernel.setInternal([]);
  host.kernel.addresses = [];
  host.kernel.routes = [];
  host.answers = (target) => overVlan(target, host);
  return host;
}

/** The gateway answers whoever asks from a device that is there, has an address, and has a NIC of fabric A behind it. */
function overVlan(target: ProbeTarget, host: FakeHost, nics: readonly string[] = ["em1", "em2"]): boolean {
  if (target.kind !== "gateway") return false;
  const parent = host.kernel.links.get(target.device)?.parent ?? "";
  return nics.includes(parent) && host.kernel.addresses.some(({ device }) => device === target.device);
}

/** Passes until the host stands on something, as the reconciler makes them; how long that took. */
async function climbDown(host: FakeHost, agent: Agent): Promise<number> {
  const began = host.clock.monotonic();
  for (let pass = 0; pass < 20; pass += 1) {
    await agent.pass().catch(() => undefined);
    if (agent.network.rung !== undefined) return host.clock.monotonic() - began;
    await host.clock.sleep(5_000, new AbortController().signal);
  }
  throw new Error("the host stands on nothing");
}

const addressesOf = (host: FakeHost): string[] =>
  host.kernel.addresses.map(({ device, address }) => `${address} on ${device}`);

describe("a host whose Open vSwitch does not come up", () => {
  test("waits half of the boot's budget for it, then stands on a VLAN of the kernel, and says so everywhere", async () => {
    const host = await withoutOvs();
    const agent = new Agent(host, { network: good }, daemon);
    const took = await climbDown(host, agent);
    expect(took).toBeGreaterThanOrEqual(BUDGET_MS / 2 - 5_000);
    expect(took).toBeLessThan(BUDGET_MS);
    expect(agent.network.rung).toMatchObject({ rung: 2, name: "kernel-vlan", nic: "em1", devices: ["dc-vlan100"] });
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on dc-vlan100"]);
    expect(host.kernel.routes).toMatchObject([{ to: "default", via: "10.1.0.1", device: "dc-vlan100" }]);
    expect(agent.stands).toBe(true);
    expect(agent.process.events).toContainEqual(expect.objectContaining({ event: "rung", rung: 2 }));
    expect(host.console.join()).toContain("dc-vlan100");
    expect((await host.state.read("ledger"))?.addresses).toContainEqual({
      device: "dc-vlan100",
      address: "10.1.0.17/24",
    });
  });

  test("takes the NIC over which the gateway answers", async () => {
    const host = await withoutOvs();
    host.answers = (target) => overVlan(target, host, ["em2"]);
    const agent = new Agent(host, { network: good }, daemon);
    await climbDown(host, agent);
    expect(agent.network.rung).toMatchObject({ rung: 2, nic: "em2" });
    expect(host.kernel.links.get("dc-vlan100")?.parent).toBe("em2");
  });

  test("climbs back by itself: the VLAN goes, the address moves, and the ledger knows nothing of it any more", async () => {
    const host = await withoutOvs();
    const agent = new Agent(host, { network: good }, daemon);
    await climbDown(host, agent);
    host.ovsdb = "alive";
    expect(await agent.pass()).toEqual({ state: "converged", problems: [] });
    expect(agent.network.rung).toMatchObject({ rung: 0 });
    expect(host.kernel.links.has("dc-vlan100")).toBe(false);
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on mgmt0"]);
    expect(await stepsTo(host, good)).toEqual([]);
    expect((await host.state.read("ledger"))?.addresses).toEqual([{ device: "mgmt0", address: "10.1.0.17/24" }]);
    expect(agent.process.events).toContainEqual(expect.objectContaining({ event: "rung", rung: 0 }));
  });

  test("is not let go by a vswitchd that hangs once its database is back", async () => {
    const host = await withoutOvs();
    const agent = new Agent(host, { network: good }, daemon);
    await climbDown(host, agent);
    host.ovsdb = "alive";
    host.vswitchdState = "hung";
    host.kernel.setInternal(["mgmt0"]);
    expect(codes(await agent.pass())).toEqual(["E_NETWORK_RUNG", "E_OVS_NOT_APPLIED"]);
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on dc-vlan100"]);
    host.vswitchdState = "alive";
    expect((await agent.pass()).state).toBe("converged");
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on mgmt0"]);
  });

  test("changes nothing more while it stands there", async () => {
    const host = await withoutOvs();
    const agent = new Agent(host, { network: good }, daemon);
    await climbDown(host, agent);
    const { effects } = agent.process;
    await agent.pass();
    await agent.pass();
    expect(agent.process.effects).toBe(effects);
    expect(agent.process.events.filter(({ event }) => event === "rung")).toHaveLength(1);
  });

  test("moves to the other NIC when that one loses its carrier, and stays when only the gateway is silent", async () => {
    const host = await withoutOvs();
    const agent = new Agent(host, { network: good }, daemon);
    await climbDown(host, agent);
    host.answers = () => false;
    await agent.pass();
    expect(agent.network.rung).toMatchObject({ rung: 2, nic: "em1" });
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on dc-vlan100"]);
    host.answers = (target) => overVlan(target, host, ["em2"]);
    host.kernel.change("em1", { carrier: false });
    host.kernel.change("dc-vlan100", { carrier: false });
    await agent.pass();
    expect(agent.network.rung).toMatchObject({ rung: 2, nic: "em2" });
  });

  test("stays with untagged addresses on a NIC itself, too, when only the gateway is silent", async () => {
    const untagged = networkSettings({ bond: { ...good.bond, nativeVlan: "management" } });
    const host = await withoutOvs(untagged);
    const on = (nic: string) => (target: ProbeTarget) => target.kind === "gateway" && target.device === nic;
    host.answers = on("em1");
    const agent = new Agent(host, { network: untagged }, daemon);
    await climbDown(host, agent);
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on em1"]);
    host.answers = () => false;
    await agent.pass();
    await new Agent(host, { network: untagged }, daemon).pass();
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on em1"]);
    host.answers = on("em2");
    await agent.pass();
    expect(agent.network.rung).toMatchObject({ rung: 2, nic: "em2" });
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on em2"]);
    host.ovsdb = "alive";
    host.answers = () => true;
    expect((await agent.pass()).state).toBe("converged");
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on mgmt0"]);
  });

  test("keeps and later leaves a NIC on which the rescue put untagged addresses", async () => {
    const untagged = networkSettings({ bond: { ...good.bond, nativeVlan: "management" } });
    const host = await withoutOvs(untagged);
    const target = targetOf(configOf(untagged), await host.observe());
    await host.state.write("ledger", { addresses: [...target.addresses, ...standInAddresses(target)] });
    host.kernel.change("em2", { up: true });
    host.kernel.addresses = [{ device: "em2", address: "10.1.0.17/24" }];
    host.answers = () => false;
    const agent = new Agent(host, { network: untagged }, daemon);
    await agent.pass();
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on em2"]);
    host.ovsdb = "alive";
    host.answers = () => true;
    expect((await agent.pass()).state).toBe("converged");
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on mgmt0"]);
  });

  test("is found there by the agent that is started next, which stands at once", async () => {
    const host = await withoutOvs();
    await climbDown(host, new Agent(host, { network: good }, daemon));
    const next = new Agent(host, { network: good }, daemon);
    const { effects } = next.process;
    expect(codes(await next.pass())).toEqual(["E_NETWORK_RUNG", "E_OVSDB_UNREACHABLE"]);
    expect(next.stands).toBe(true);
    expect(next.process.effects).toBe(effects);
    host.ovsdb = "alive";
    expect((await new Agent(host, { network: good }, daemon).pass()).state).toBe("converged");
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on mgmt0"]);
  });

  test("is reached by IPv6 link-local where the kernel has no VLANs; that is no network for Docker", async () => {
    const host = await withoutOvs();
    host.kernel.knowsVlans = false;
    const agent = new Agent(host, { network: good }, daemon);
    await climbDown(host, agent);
    expect(agent.network.rung).toMatchObject({ rung: 3, name: "link-local", devices: ["em1", "em2"] });
    expect([...host.kernel.links.values()].map(({ name, linkLocal }) => [name, linkLocal])).toEqual([
      ["em1", true],
      ["em2", true],
    ]);
    expect(agent.stands).toBe(false);
    host.ovsdb = "alive";
    expect((await agent.pass()).state).toBe("converged");
    expect(host.kernel.links.get("em1")?.linkLocal).toBe(false);
  });

  test("goes back to what is desired where no rung reaches the gateway, and keeps trying", async () => {
    const host = await withoutOvs();
    host.answers = () => false;
    host.kernel.setInternal(["mgmt0"]);
    const agent = new Agent(host, { network: good }, daemon);
    await climbDown(host, agent);
    expect(agent.network.rung).toMatchObject({ rung: 3 });
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on mgmt0"]);
    expect(host.kernel.links.has("dc-vlan100")).toBe(false);
    host.answers = (target) => overVlan(target, host);
    await agent.pass();
    expect(agent.network.rung).toMatchObject({ rung: 2 });
  });

  test("does nothing of it without carrier on any NIC: bond and address stay, and a cable is waited for", async () => {
    const host = await withoutOvs();
    for (const nic of ["em1", "em2"]) host.kernel.change(nic, { carrier: false });
    const agent = new Agent(host, { network: good }, daemon);
    await expect(climbDown(host, agent)).rejects.toThrow("stands on nothing");
    expect(host.kernel.links.has("dc-vlan100")).toBe(false);
    host.kernel.change("em2", { carrier: true });
    await agent.pass();
    expect(agent.network.rung).toMatchObject({ rung: 2, nic: "em2" });
  });

  test("is left as it is where the gateway answers all the same, as under a database that died", async () => {
    const host = await standingHost();
    host.ovsdb = "dead";
    const agent = new Agent(host, { network: good }, daemon);
    const { effects } = agent.process;
    await expect(agent.pass()).rejects.toMatchObject({ code: "E_OVSDB_UNREACHABLE" });
    expect(agent.network.rung).toMatchObject({ rung: 0 });
    expect(agent.stands).toBe(true);
    expect(agent.process.effects).toBe(effects);
  });

  test("and that is new here: the desired network's addresses stand, and become its first when Open vSwitch comes", async () => {
    const host = new FakeHost();
    host.ovsdb = "dead";
    host.answers = (target) => overVlan(target, host);
    const agent = new Agent(host, { network: good }, daemon);
    await climbDown(host, agent);
    expect(agent.network.rung).toMatchObject({ rung: 2 });
    host.ovsdb = "alive";
    host.answers = () => true;
    expect(await agent.pass()).toEqual({ state: "converged", problems: [] });
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on mgmt0"]);
    expect((await host.state.read("last-good"))?.config.network).toEqual(good);
  });

  test("and that is new here keeps what somebody works through: nothing is taken from an address that is not ours", async () => {
    const host = new FakeHost();
    host.ovsdb = "dead";
    host.kernel.change("em2", { up: true });
    host.kernel.addresses.push({ device: "em2", address: "192.168.7.7/24" });
    const agent = new Agent(host, { network: good }, daemon);
    await expect(climbDown(host, agent)).rejects.toThrow("stands on nothing");
    expect(addressesOf(host)).toEqual(["192.168.7.7/24 on em2"]);
  });
});

describe("a host whose vswitchd hangs from the boot on", () => {
  test("moves its address from the dead port to a VLAN of the kernel, and back once vswitchd lives", async () => {
    const host = await standingHost();
    host.reboot();
    host.vswitchdState = "hung";
    host.answers = (target) => overVlan(target, host);
    const agent = new Agent(host, { network: good }, daemon);
    const took = await climbDown(host, agent);
    expect(took).toBeLessThan(BUDGET_MS);
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on dc-vlan100"]);
    await agent.pass();
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on dc-vlan100"]);
    host.vswitchdState = "alive";
    expect((await agent.pass()).state).toBe("converged");
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on mgmt0"]);
  });
});

describe("a member that cannot be had", () => {
  test("does not keep the bond from standing on the other one, and is taken when it can", async () => {
    const host = await standingHost();
    host.reboot();
    const [bond] = host.database.observe().ports.filter(({ name }) => name === "bond0");
    const [em2] = host.database.observe().interfaces.filter(({ name }) => name === "em2");
    if (bond === undefined || em2 === undefined) throw new Error("the host has no bond");
    host.database.set("Port", bond._uuid, { interfaces: bond.interfaces.filter((uuid) => uuid !== em2._uuid) });
    host.database.remove("Interface", em2._uuid);
    host.kernel.change("em2", { master: "br0" });
    const agent = new Agent(host, { network: good }, daemon);
    expect(codes(await agent.pass())).toEqual(["E_NETWORK_RUNG", "E_NETWORK_CONFLICT"]);
    expect(agent.network.rung).toMatchObject({ rung: 1, name: "single-member", nic: "em1" });
    expect(agent.stands).toBe(true);
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on mgmt0"]);
    const { master: _, ...free } = host.kernel.links.get("em2") ?? {};
    host.kernel.remove("em2");
    host.kernel.addNic("em2", "02:00:00:00:00:02", free);
    expect((await agent.pass()).state).toBe("converged");
    expect(agent.network.rung).toMatchObject({ rung: 0 });
  });
});

describe("a host that stands, and whose kernel refuses one of its addresses", () => {
  const both = networkSettings({
    addresses: {
      mgmt0: { vlan: "management", ipv4: ["10.1.0.17/24"], ipv6: ["2001:db8::17/64"], gateway: "10.1.0.1", routes: [] },
    },
  });

  /** As after a hardening that sets net.ipv6.conf.all.disable_ipv6; what else `ip` was asked for is in `lines`. */
  async function hardened(): Promise<{ host: FakeHost; agent: Agent; lines: string[] }> {
    const host = await standingHost(both);
    const agent = new Agent(host, { network: both }, daemon);
    expect((await agent.pass()).state).toBe("converged");
    const lines: string[] = [];
    const batch = host.kernel.batch.bind(host.kernel);
    host.kernel.addresses = host.kernel.addresses.filter(({ address }) => !address.includes(":"));
    host.kernel.batch = (all) =>
      all.flatMap((line) => {
        if (line.includes("2001:db8::17")) return ["RTNETLINK answers: Permission denied"];
        lines.push(line);
        return batch([line]);
      });
    return { host, agent, lines };
  }

  test("keeps what works while the gateway answers: nothing is moved, and the refusal is told at every try", async () => {
    const { host, agent, lines } = await hardened();
    const { commits } = host;
    for (let tries = 0; tries < 5; tries += 1) {
      await expect(agent.pass()).rejects.toMatchObject({ code: "E_NETWORK_NOT_CONVERGING" });
      await host.clock.sleep(30_000, new AbortController().signal);
    }
    expect(agent.network.rung).toMatchObject({ rung: 0 });
    expect(agent.network.rung?.why).toContain("add-address");
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on mgmt0"]);
    expect(host.commits).toBe(commits);
    expect(lines).toEqual([]);
  });

  test("is asked for at the gateway only from an address that is there", async () => {
    const { host, agent } = await hardened();
    host.kernel.addresses = [];
    host.kernel.batch = () => ["RTNETLINK answers: Permission denied"];
    const asked: ProbeTarget[] = [];
    host.answers = (target) => {
      asked.push(target);
      return true;
    };
    await agent.pass().catch(() => undefined);
    expect(asked).toEqual([]);
  });

  test("stands on a VLAN of the kernel with what it has, where Open vSwitch is dead as well", async () => {
    const { host, agent } = await hardened();
    host.reboot();
    host.ovsdb = "dead";
    host.kernel.setInternal([]);
    host.answers = (target) => overVlan(target, host);
    await climbDown(host, new Agent(host, { network: both }, daemon));
    expect(addressesOf(host)).toEqual(["10.1.0.17/24 on dc-vlan100"]);
    expect(agent.network.rung).toMatchObject({ rung: 0 });
  });
});

describe("a NIC that the bond is kept off", () => {
  test("is the last one that a lower rung is built on", async () => {
    const host = await withoutOvs();
    await host.state.write("avoid", { nics: [{ nic: "em1", why: "drained", since: 0 }] });
    const agent = new Agent(host, { network: good }, daemon);
    await climbDown(host, agent);
    expect(agent.network.rung).toMatchObject({ rung: 2, nic: "em2" });
  });

  test("is better than none", async () => {
    const host = await withoutOvs();
    await host.state.write("avoid", { nics: [{ nic: "em1", why: "drained", since: 0 }] });
    host.kernel.change("em2", { carrier: false });
    const agent = new Agent(host, { network: good }, daemon);
    await climbDown(host, agent);
    expect(agent.network.rung).toMatchObject({ rung: 2, nic: "em1" });
  });
});

describe("a host without a configuration that it could use", () => {
  test("and without a last good network is at once reached by IPv6 link-local, and says what is wrong", async () => {
    const host = new FakeHost();
    const agent = new Agent(host, { problems: [{ code: "E_CONFIG_TYPE", message: "wrong" }] }, daemon);
    expect(codes(await agent.pass())).toEqual(["E_CONFIG_TYPE", "E_NETWORK_RUNG"]);
    expect(agent.network.rung).toMatchObject({ rung: 3 });
    expect(agent.stands).toBe(false);
    expect(host.console.join()).toContain("wrong");
  });

  test("is left alone where it has an address of somebody's", async () => {
    const host = new FakeHost();
    host.kernel.change("em1", { up: true });
    host.kernel.addresses.push({ device: "em1", address: "192.168.7.7/24" });
    const agent = new Agent(host, { problems: [{ code: "E_CONFIG_TYPE", message: "wrong" }] }, daemon);
    expect(codes(await agent.pass())).toEqual(["E_CONFIG_TYPE"]);
    expect(agent.network.rung).toBeUndefined();
  });

  test("keeps its last good network, and no ladder", async () => {
    const host = await standingHost();
    host.reboot();
    const agent = new Agent(host, { problems: [{ code: "E_CONFIG_TYPE", message: "wrong" }] }, daemon);
    expect(codes(await agent.pass())).toEqual(["E_CONFIG_TYPE"]);
    expect(agent.network.rung).toMatchObject({ rung: 0 });
    expect(agent.stands).toBe(true);
  });
});

test("only what a lower rung helps against makes the host climb down: not another agent at work, nor a full disk", async () => {
  const host = await standingHost();
  host.reboot();
  const agent = new Agent(host, { network: good }, daemon);
  host.state.full = true;
  host.kernel.remove("em1");
  host.kernel.addNic("em1", "02:00:00:00:00:01", { carrier: true });
  for (let pass = 0; pass < 20; pass += 1) await agent.pass().catch(() => undefined);
  expect(agent.network.rung?.rung ?? 0).toBe(0);
});

test("a host without a last good network leaves its stand-in for the network that is wanted by now, on no trial", async () => {
  const host = await withoutOvs();
  await climbDown(host, new Agent(host, { network: good }, daemon));
  await host.state.remove("last-good");
  host.ovsdb = "alive";
  host.answers = () => true;
  const agent = new Agent(host, { network: onVlan(101) }, daemon);
  expect(await agent.pass()).toEqual({ state: "converged", problems: [] });
  expect(agent.process.steps).not.toContain("pending");
  expect(addressesOf(host)).toEqual(["10.1.0.17/24 on mgmt0"]);
});
