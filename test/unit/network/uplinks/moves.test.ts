import { describe, expect, test } from "vitest";
import { defaultTiming as timing } from "../../../../agent/config/timing.ts";
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
