import { describe, expect, test } from "vitest";
import { FakeHost } from "../../fakes/host.ts";
import { configOf, networkSettings, onVlan } from "../../fakes/settings.ts";
import { Agent, codes, standingHost, stepsTo, type Wish } from "./capability.ts";

/* A host without a last good network: what it has instead is all that leads back into it. */

const good = networkSettings();
const changed = onVlan(101);
const own = [{ device: "mgmt0", address: "10.1.0.17/24" }];
const tag = (host: FakeHost): readonly number[] =>
  host.database.observe().ports.find(({ name }) => name === "mgmt0")?.tag ?? [];
const on = (host: FakeHost, vlan: number) => () => tag(host)[0] === vlan;

/** A host whose network stands, and whose record of it was lost. */
async function forgetful(): Promise<FakeHost> {
  const host = await standingHost();
  await host.state.remove("last-good");
  return host;
}

/** A host whose Open vSwitch somebody else has set up, on VLAN 100. */
async function foreign(): Promise<FakeHost> {
  const host = await standingHost();
  const { bridges, ports, interfaces, root } = host.database.observe();
  for (const { _uuid } of bridges) host.database.set("Bridge", _uuid, { external_ids: {} });
  for (const { _uuid } of ports) host.database.set("Port", _uuid, { external_ids: {} });
  for (const { _uuid } of interfaces) host.database.set("Interface", _uuid, { external_ids: {} });
  host.database.set("Open_vSwitch", root._uuid, { external_ids: {} });
  for (const name of host.state.names) await host.state.remove(name);
  host.netReady = false;
  return host;
}

describe("a configuration that was rolled back", () => {
  async function rolledBack(): Promise<FakeHost> {
    const host = await standingHost();
    host.answers = on(host, 100);
    expect(codes(await new Agent(host, { network: changed }).pass())).toEqual(["E_NETWORK_ROLLED_BACK"]);
    await host.state.remove("last-good");
    return host;
  }

  test("is not applied because the last good one was lost: what is there stays, until a person asks", async () => {
    const host = await rolledBack();
    for (const stood of [true, false]) {
      host.netReady = stood;
      const agent = new Agent(host, { network: changed }, { ladder: true });
      for (let pass = 0; pass < 2; pass += 1) expect(codes(await agent.pass())).toEqual(["E_NETWORK_ROLLED_BACK"]);
      expect([agent.process.effects, tag(host), host.kernel.addresses]).toEqual([0, [100], own]);
    }
    host.answers = () => true;
    const agent = new Agent(host, { network: changed });
    agent.network.ask({ retry: true });
    expect((await agent.pass()).state).toBe("converged");
    expect(agent.process.steps).toContain("armed");
  });

  test("is not applied after a reboot either: the ports of what was good are left for the rescue to put its addresses on", async () => {
    const host = await rolledBack();
    host.reboot();
    const agent = new Agent(host, { network: changed }, { ladder: true });
    expect(codes(await agent.pass())).toEqual(["E_NETWORK_ROLLED_BACK"]);
    expect([agent.process.effects, tag(host)]).toEqual([0, [100]]);
    host.kernel.change("mgmt0", { up: true });
    host.kernel.addresses = [...own];
    await agent.pass();
    expect([agent.process.effects, host.kernel.addresses]).toEqual([0, own]);
  });
});

describe("a host that lost the record of its network", () => {
  test("and stands as configured writes it again and touches nothing, whatever its revision was", async () => {
    for (const stood of [true, false]) {
      const host = await standingHost();
      const wish: Wish = { network: changed };
      await new Agent(host, wish).pass();
      await host.state.remove("last-good");
      host.netReady = stood;
      const agent = new Agent(host, wish);
      expect(await agent.pass()).toEqual({ state: "converged", problems: [] });
      expect(agent.process.steps).not.toContain("pending");
      expect((await host.state.read("last-good"))?.config.network).toEqual(changed);
      expect(host.kernel.addresses).toEqual(own);
    }
  });

  test("takes another configuration on trial, and goes back where that cuts it off", async () => {
    for (const stood of [true, false]) {
      const host = await forgetful();
      host.netReady = stood;
      host.answers = on(host, 100);
      const agent = new Agent(host, { network: changed });
      expect(codes(await agent.pass())).toEqual(["E_NETWORK_ROLLED_BACK"]);
      expect(agent.process.steps).toContain("armed");
      expect([tag(host), host.kernel.addresses]).toEqual([[100], own]);
      expect(codes(await agent.pass())).toEqual(["E_NETWORK_ROLLED_BACK"]);
      expect(tag(host)).toEqual([100]);
    }
  });

  test("and stood in this boot takes no other one while nothing could tell that it cuts the host off", async () => {
    const host = await forgetful();
    host.answers = () => false;
    const agent = new Agent(host, { network: changed });
    expect(codes(await agent.pass())).toEqual(["E_NETWORK_NO_PROBE"]);
    expect([agent.process.effects, tag(host)]).toEqual([0, [100]]);
  });

  test("comes back after a reboot in the middle of such a trial with what it had", async () => {
    const host = await forgetful();
    host.clock.auto = false;
    const byOperator = { ...changed, confirm: { deadlineMs: 120_000, by: "operator", good: 3 } } as const;
    const agent = new Agent(host, { network: byOperator });
    void agent.pass();
    await host.clock.advance(5_000);
    expect(tag(host)).toEqual([101]);
    agent.process.kill();
    host.reboot();
    const next = new Agent(host, { network: byOperator }, { ladder: true });
    expect(codes(await next.pass())).toEqual(["E_NETWORK_ROLLED_BACK"]);
    expect([tag(host), host.kernel.addresses]).toEqual([[100], own]);
  });

  test("gets back at once what is missing of that very network, with nobody to confirm it", async () => {
    const host = await forgetful();
    host.kernel.addresses = [];
    host.kernel.change("em2", { up: false });
    const agent = new Agent(host, { network: good });
    expect(await agent.pass()).toEqual({ state: "converged", problems: [] });
    expect(agent.process.steps).not.toContain("pending");
    expect(host.kernel.addresses).toEqual(own);
  });

  test("gets its configured network after a reboot, when there is nothing left to be cut off", async () => {
    const host = await forgetful();
    host.reboot();
    host.answers = on(host, 101);
    const agent = new Agent(host, { network: changed });
    expect(await agent.pass()).toEqual({ state: "converged", problems: [] });
    expect([tag(host), host.kernel.addresses]).toEqual([[101], own]);
  });
});

test("a first network that never worked is mended by another configuration, which nothing could confirm before", async () => {
  const host = new FakeHost();
  host.answers = on(host, 100);
  const wish: Wish = { network: changed };
  const agent = new Agent(host, wish);
  expect(codes(await agent.pass())).toEqual(["E_NETWORK_UNCONFIRMED"]);
  wish.network = good;
  expect(await agent.pass()).toEqual({ state: "converged", problems: [] });
  expect(await stepsTo(host, good)).toEqual([]);
});

describe("an Open vSwitch that somebody else has set up", () => {
  test.each([{}, { adopt: true }])(
    "is changed on trial only (%j), and is as it was if that cuts the host off",
    async (asked) => {
      const host = await foreign();
      host.answers = on(host, 100);
      const before = host.database.observe();
      const agent = new Agent(host, { network: changed });
      agent.network.ask(asked);
      expect(codes(await agent.pass())).toEqual(["E_NETWORK_ROLLED_BACK"]);
      expect(agent.process.steps).toContain("armed");
      expect(host.database.observe().ports).toEqual(before.ports);
      expect(host.kernel.addresses).toEqual(own);
      expect(codes(await agent.pass())).toEqual(["E_NETWORK_ROLLED_BACK"]);
      expect(tag(host)).toEqual([100]);
      expect((await host.state.read("failed"))?.configs).toMatchObject([{ hash: configOf(changed).hash }]);
    },
  );

  test("waits for the word of the person who asked to be asked, and for the dead-man without it", async () => {
    const host = await foreign();
    host.clock.auto = false;
    const agent = new Agent(host, { network: changed });
    agent.network.ask({ adopt: true, byOperator: true });
    void agent.pass();
    await host.clock.advance(5_000);
    expect(agent.network.change?.pending.confirm.by).toBe("operator");
    expect([tag(host), host.deadMan === undefined]).toEqual([[101], false]);
    agent.process.kill();
    await host.fireDeadMan();
    expect([tag(host), host.kernel.addresses]).toEqual([[100], own]);
  });

  test("and is as configured is taken over without a trial, since nothing changes", async () => {
    const host = await foreign();
    const agent = new Agent(host, { network: good });
    expect(await agent.pass()).toEqual({ state: "converged", problems: [] });
    expect(agent.process.steps).not.toContain("pending");
    expect(await stepsTo(host, good)).toEqual([]);
  });
});

test("a first network that a person wants to confirm waits for that, and is tried again after a reboot before it", async () => {
  const host = new FakeHost();
  host.clock.auto = false;
  const agent = new Agent(host, { network: good });
  agent.network.ask({ byOperator: true });
  void agent.pass();
  await host.clock.advance(5_000);
  expect(agent.network.change?.pending.confirm.by).toBe("operator");
  agent.process.kill();
  host.reboot();
  const next = new Agent(host, { network: good });
  expect(await next.pass()).toEqual({ state: "converged", problems: [] });
  expect(await stepsTo(host, good)).toEqual([]);
});

test("a first network that its person did not confirm is taken back, and not applied behind that person's back", async () => {
  const host = new FakeHost();
  host.clock.auto = false;
  const agent = new Agent(host, { network: good });
  agent.network.ask({ byOperator: true });
  const outcome = agent.pass();
  await host.clock.advance(5_000);
  agent.network.change?.say("rollback");
  expect(codes(await outcome)).toEqual(["E_NETWORK_ROLLED_BACK"]);
  expect(codes(await agent.pass())).toEqual(["E_NETWORK_ROLLED_BACK"]);
  expect(host.database.observe().bridges).toEqual([]);
});
