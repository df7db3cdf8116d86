import { describe, expect, test } from "vitest";
import { defaultTiming as timing } from "../../../../agent/config/timing.ts";
import { activeMember } from "../../../../agent/network/uplinks/failover.ts";
import { Uplinks } from "../../../../agent/network/uplinks/uplinks.ts";
import type { FakeHost } from "../../../fakes/host.ts";
import { networkSettings } from "../../../fakes/settings.ts";
import { Agent, codes, standingHost, type Wish } from "../capability.ts";

const HOUR = 3_600_000;
const { signal } = new AbortController();

function portOf(host: FakeHost, name: string) {
  const row = host.database.observe().ports.find((port) => port.name === name);
  if (row === undefined) throw new Error(`there is no port ${name}`);
  return row;
}

function preferred(host: FakeHost): string | undefined {
  return portOf(host, "bond0").other_config["bond-primary"];
}

function activeOf(host: FakeHost): string | undefined {
  return activeMember(host.database.observe(), "bond0");
}

const base = networkSettings();
const neverBack = networkSettings({ bond: { ...base.bond, primary: "em2", failback: "never" } });

/** The preferred member of the bond fails and comes back: the other one carries the traffic since. */
async function lostOnce(host: FakeHost, agent: Agent): Promise<void> {
  for (const carrier of [false, true]) {
    host.kernel.change("em2", { carrier });
    await agent.pass();
  }
}

/** An agent and its watch of the uplinks, on a host that stands. */
async function watched(wish: Wish) {
  const host = await standingHost(wish.network);
  const agent = new Agent(host, wish, { ladder: true });
  await agent.pass();
  const uplinks = new Uplinks(agent.process.ports, {
    current: () => agent.network.current,
    timing: () => timing,
    onChange: () => undefined,
    confirming: () => agent.network.change !== undefined,
    pass: async () => (await agent.pass()).problems,
  });
  return { host, agent, uplinks };
}

describe("a drain", () => {
  test("moves the bond and nothing else while a person works on the host, and so does its end", async () => {
    const { host, agent, uplinks } = await watched({ network: networkSettings(), paused: true });
    host.database.set("Port", portOf(host, "mgmt0")._uuid, { tag: [105] });
    host.database.set("Port", portOf(host, "bond0")._uuid, { trunks: [100] });
    await uplinks.drain("em1", HOUR, signal);
    expect(preferred(host)).toBe("em2");
    await uplinks.undrain("em1", signal);
    expect(preferred(host)).toBeUndefined();
    expect([portOf(host, "mgmt0").tag, portOf(host, "bond0").trunks]).toEqual([[105], [100]]);
    expect(agent.process.events.filter(({ event }) => event === "drain" || event === "undrain")).toHaveLength(2);
  });

  test("does not do again what cut the host off before", async () => {
    const { host, agent, uplinks } = await watched({ network: networkSettings() });
    host.database.set("Port", portOf(host, "mgmt0")._uuid, { tag: [105] });
    host.answers = () => portOf(host, "mgmt0").tag[0] === 105;
    expect(codes(await agent.pass())).toEqual(["E_NETWORK_REPAIR_UNDONE"]);
    await uplinks.drain("em1", HOUR, signal);
    expect(preferred(host)).toBe("em2");
    expect(portOf(host, "mgmt0").tag).toEqual([105]);
  });

  test("to a member that cuts the host off is taken back, refused and forgotten", async () => {
    const { host, agent, uplinks } = await watched({ network: networkSettings() });
    host.answers = () => preferred(host) !== "em2";
    await expect(uplinks.drain("em1", HOUR, signal)).rejects.toMatchObject({ code: "E_NIC_NOT_MOVED" });
    expect(preferred(host)).toBeUndefined();
    expect(uplinks.avoided).toEqual([]);
    expect(codes(await agent.pass())).toEqual([]);
  });

  test("is made without a probe too: a person asked for it", async () => {
    const { host, uplinks } = await watched({ network: networkSettings({ probes: [] }) });
    await uplinks.drain("em1", HOUR, signal);
    expect(preferred(host)).toBe("em2");
  });

  test("moves a bond that is not to go back by itself too, and its end does not move it again", async () => {
    const { host, agent, uplinks } = await watched({ network: neverBack });
    await lostOnce(host, agent);
    expect(activeOf(host)).toBe("em1");
    await uplinks.drain("em1", HOUR, signal);
    expect(activeOf(host)).toBe("em2");
    await uplinks.undrain("em1", signal);
    expect([activeOf(host), preferred(host)]).toEqual(["em2", undefined]);
  });

  test("holds on a full disk too, as long as this process of the agent lives, and that is told", async () => {
    const { host, agent, uplinks } = await watched({ network: networkSettings() });
    host.state.full = true;
    await uplinks.drain("em1", HOUR, signal);
    await agent.pass();
    expect([activeOf(host), uplinks.problems.map(({ code }) => code)]).toEqual(["em2", ["E_NIC_DRAINED", "E_FILE_IO"]]);
    await new Agent(host, { network: networkSettings() }).pass();
    expect(preferred(host)).toBeUndefined();
  });

  test("is refused and forgotten where Open vSwitch takes the wish and does not move the bond", async () => {
    const { host, agent, uplinks } = await watched({ network: networkSettings() });
    host.vswitchd.follows = false;
    await expect(uplinks.drain("em1", HOUR, signal)).rejects.toMatchObject({ code: "E_NIC_NOT_MOVED" });
    await agent.pass();
    expect([preferred(host), uplinks.avoided]).toEqual([undefined, []]);
  });

  test("is refused while a change waits for its confirmation", async () => {
    const wish: Wish = { network: networkSettings() };
    const { host, agent, uplinks } = await watched(wish);
    host.clock.auto = false;
    wish.network = networkSettings({
      vlans: { management: 101, storage: 105, developers: 110 },
      confirm: { deadlineMs: 120_000, by: "operator", good: 3 },
    });
    const outcome = agent.pass();
    await host.clock.advance(5_000);
    await expect(uplinks.drain("em1", HOUR, signal)).rejects.toMatchObject({ code: "E_NETWORK_CHANGING" });
    agent.network.change?.say("confirm");
    await outcome;
  });
});

test("a bond that is not to go back by itself leaves a NIC that another bridge has taken, and stays where it went", async () => {
  const { host, agent } = await watched({ network: neverBack });
  await lostOnce(host, agent);
  const stolen = host.database.observe().interfaces.find(({ name }) => name === "em1")?._uuid;
  const port = host.database.insert("Port", { name: "em1", interfaces: [stolen] });
  const bridge = host.database.insert("Bridge", { name: "br-other", ports: [port] });
  const { bridges } = host.database.root;
  host.database.set("Open_vSwitch", host.database.root._uuid, { bridges: [...bridges, bridge] });
  await agent.pass();
  expect(activeOf(host)).toBe("em2");
  host.database.set("Open_vSwitch", host.database.root._uuid, { bridges });
  for (const [table, uuid] of [
    ["Bridge", bridge],
    ["Port", port],
  ] as const)
    host.database.remove(table, uuid);
  await agent.pass();
  expect([activeOf(host), preferred(host)]).toEqual(["em2", undefined]);
});

test("of a link that comes and goes the last move is told as well, and the switches hear of every one", async () => {
  const { host, agent, uplinks } = await watched({
    network: networkSettings({ bond: { ...base.bond, primary: "em1" } }),
  });
  const stop = new AbortController();
  host.clock.auto = false;
  const changed = async (em1: boolean): Promise<void> => {
    host.kernel.change("em1", { carrier: em1 });
    host.refresh();
    uplinks.noticed(host.database.observe(), stop.signal);
    await host.clock.advance(1_000);
  };
  const told = () =>
    agent.process.events.flatMap((event) => (event.event === "failover" ? [[event.to, event.moves]] : []));
  await changed(true);
  for (const up of [false, true, false, true, false, true]) await changed(up);
  await changed(false);
  expect(told().at(-1)).toEqual(["em1", 1]);
  expect(host.greeted).toHaveLength(7);
  await host.clock.advance(10_000);
  expect(told().at(-1)).toEqual(["em2", 1]);
  expect(uplinks.avoided).toMatchObject([{ nic: "em1", why: "flapping" }]);
  expect(told().reduce((sum, [, moves]) => sum + Number(moves), 0)).toBe(7);
  // Nobody waits to tell any more once the agent stops.
  await changed(true);
  await changed(false);
  expect(host.clock.pending).toHaveLength(1);
  stop.abort();
  await host.clock.advance(10_000);
  expect(host.clock.pending).toEqual([]);
});
