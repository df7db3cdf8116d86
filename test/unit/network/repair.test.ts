import { describe, expect, test } from "vitest";
import type { NetworkSettings } from "../../../agent/config/settings.ts";
import { problemOf } from "../../../agent/core/errors.ts";
import { ROUTE_METRIC } from "../../../agent/network/target.ts";
import type { FakeHost } from "../../fakes/host.ts";
import { networkSettings } from "../../fakes/settings.ts";
import { Agent, codes, standingHost, stepsTo } from "./capability.ts";

const good = networkSettings();
const unprobed = networkSettings({ probes: [], confirm: { deadlineMs: 120_000, by: "operator", good: 3 } });
const address = { device: "mgmt0", address: "10.1.0.17/24" };

function rowOf(host: FakeHost, port: string) {
  const row = host.database.observe().ports.find(({ name }) => name === port);
  if (row === undefined) throw new Error(`there is no port ${port}`);
  return row;
}

function tag(host: FakeHost): number | undefined {
  return rowOf(host, "mgmt0").tag[0];
}

/** Somebody moves the management port to another VLAN by hand; `reachable` says on which VLANs the host is reachable. */
async function retagged(reachable: (tag: number | undefined) => boolean, network = good): Promise<FakeHost> {
  const host = await standingHost(network);
  await new Agent(host, { network }).pass();
  host.database.set("Port", rowOf(host, "mgmt0")._uuid, { tag: [105] });
  host.answers = () => reachable(tag(host));
  return host;
}

const onlyOnTheNew = (id: number | undefined): boolean => id === 105;

/** Runs `scenario` once for every number of effects after which the agent can die. */
async function atEveryEffect(
  network: NetworkSettings,
  scenario: (agent: (host: FakeHost) => Promise<boolean>) => Promise<void>,
) {
  for (let dieAfter = 1; ; dieAfter += 1) {
    let died = false;
    await scenario(async (host) => {
      const agent = new Agent(host, { network }, { dieAfter });
      const ended = agent.pass().then(
        () => "ended",
        () => "ended",
      );
      died = (await Promise.race([ended, agent.process.died])) === "died";
      return died;
    });
    if (!died) return dieAfter;
  }
}

async function passes(host: FakeHost, count: number, network = good): Promise<Agent> {
  const agent = new Agent(host, { network }, { ladder: true });
  for (let pass = 0; pass < count; pass += 1) await agent.pass();
  return agent;
}

/** Nothing waits for its end any more. A dead-man that was not disarmed finds nothing to do. */
async function expectEnded(host: FakeHost): Promise<void> {
  const records = ["pending", "confirmed", "rolling-back", "failed"];
  expect(host.state.names.filter((name) => records.includes(name))).toEqual([]);
  const { commits } = host;
  await host.fireDeadMan();
  expect(host.commits).toBe(commits);
}

describe("a repair that cuts the host off", () => {
  test("is taken back, told, and not tried again: not by the next process of this boot either", async () => {
    const host = await retagged(onlyOnTheNew);
    const agent = new Agent(host, { network: good }, { ladder: true });
    const onTrial: boolean[] = [];
    host.answers = () => {
      onTrial.push(agent.network.onTrial);
      return onlyOnTheNew(tag(host));
    };
    expect(codes(await agent.pass())).toEqual(["E_NETWORK_REPAIR_UNDONE"]);
    // Asked before it; then in four rounds, in which no uplink is to blame for the silence.
    expect([...onTrial, agent.network.onTrial]).toEqual([false, true, true, true, true, false]);
    expect(tag(host)).toBe(105);
    await expectEnded(host);
    const next = new Agent(host, { network: good }, { ladder: true });
    for (let pass = 0; pass < 3; pass += 1) {
      expect(codes(await next.pass())).toEqual(["E_NETWORK_REPAIR_UNDONE"]);
      expect(tag(host)).toBe(105);
    }
    expect(next.process.effects).toBe(0);
    expect(next.stands).toBe(true);
    // A person's word, or a host that is not reachable like this any more, is a reason to try again.
    host.answers = () => true;
    next.network.ask({});
    expect(codes(await next.pass())).toEqual([]);
    expect(await stepsTo(host, good)).toEqual([]);
    expect(host.state.names).not.toContain("undone");
  });

  test("goes on trial again in a silence that passes, and is taken back again", async () => {
    const host = await retagged(onlyOnTheNew);
    const agent = new Agent(host, { network: good }, { ladder: true });
    await agent.pass();
    // The gateway is away while it is asked before the repair, and back in the middle of it.
    const silences = [1, 2];
    host.answers = () => silences.pop() === undefined && onlyOnTheNew(tag(host));
    for (let pass = 0; pass < 3; pass += 1) {
      expect(codes(await agent.pass())).toEqual(["E_NETWORK_REPAIR_UNDONE"]);
      expect(tag(host)).toBe(105);
    }
    await expectEnded(host);
  });

  test("is of one boot: after the next one the last good network is put back", async () => {
    const host = await retagged(onlyOnTheNew);
    await passes(host, 1);
    host.reboot();
    const agent = await passes(host, 2);
    expect(await stepsTo(host, good)).toEqual([]);
    expect(codes(await agent.pass())).toEqual([]);
  });

  test("is taken back by whoever comes next when the agent is killed in it, at any instruction", async () => {
    const moments = await atEveryEffect(good, async (agent) => {
      const host = await retagged(onlyOnTheNew);
      await agent(host);
      await passes(host, 3);
      expect(tag(host)).toBe(105);
      await expectEnded(host);
      expect(host.kernel.addresses).toEqual([address]);
    });
    expect(moments).toBeGreaterThan(5);
  });

  test("is taken back by the dead-man when the agent is killed in it and stays away", async () => {
    await atEveryEffect(good, async (agent) => {
      const host = await retagged(onlyOnTheNew);
      await agent(host);
      await host.fireDeadMan();
      expect(tag(host)).toBe(105);
      await passes(host, 2);
      expect(tag(host)).toBe(105);
      await expectEnded(host);
    });
  });

  test("and is interrupted by a reboot leaves the last good network, which has not failed", async () => {
    await atEveryEffect(good, async (agent) => {
      const host = await retagged(onlyOnTheNew);
      await agent(host);
      host.reboot();
      await passes(host, 2);
      expect(await stepsTo(host, good)).toEqual([]);
      await expectEnded(host);
      expect((await host.state.read("last-good"))?.config.network).toEqual(good);
    });
  });
});

describe("a repair that keeps the host reachable", () => {
  test("is kept, and is no change of the network in its history", async () => {
    const host = await retagged(() => true);
    const agent = await passes(host, 1);
    expect(await stepsTo(host, good)).toEqual([]);
    await expectEnded(host);
    expect(agent.process.steps).toEqual([]);
    expect((await host.state.read("history"))?.changes).toHaveLength(1);
  });

  test("comes to its end also when the agent is killed in it, at any instruction", async () => {
    await atEveryEffect(good, async (agent) => {
      const host = await retagged(() => true);
      await agent(host);
      const last = await passes(host, 3);
      expect(await stepsTo(host, good)).toEqual([]);
      await expectEnded(host);
      expect(codes(await last.pass())).toEqual([]);
    });
  });

  test("is tried again, and nobody's fault, when Open vSwitch hangs in it", async () => {
    const host = await retagged(() => true);
    const agent = new Agent(host, { network: good });
    host.vswitchdState = "hung";
    await expect(agent.pass()).rejects.toMatchObject({ code: "E_OVS_NOT_APPLIED" });
    host.vswitchdState = "alive";
    await agent.pass();
    expect(codes(await agent.pass())).toEqual([]);
    expect(await stepsTo(host, good)).toEqual([]);
    await expectEnded(host);
  });

  test("is nobody's fault either when the dead-man finishes what the agent had begun to take back", async () => {
    const host = await retagged(() => true);
    const agent = new Agent(host, { network: good });
    host.vswitchdState = "hung";
    await expect(agent.pass()).rejects.toMatchObject({ code: "E_OVS_NOT_APPLIED" });
    host.vswitchdState = "alive";
    await host.fireDeadMan();
    expect(host.state.names).not.toContain("undone");
    expect(codes(await agent.pass())).toEqual([]);
    expect(tag(host)).toBe(100);
  });

  test("is kept where the kernel refuses an address beside it, and that is told", async () => {
    const { mgmt0 } = good.addresses;
    if (mgmt0 === undefined) throw new Error("there is no mgmt0");
    const both = networkSettings({ addresses: { mgmt0: { ...mgmt0, ipv6: ["fd00::17/64"] } } });
    const host = await standingHost(both);
    await new Agent(host, { network: both }).pass();
    host.database.set("Port", rowOf(host, "mgmt0")._uuid, { tag: [105] });
    const { kernel } = host;
    kernel.addresses = kernel.addresses.filter((entry) => !entry.address.includes(":"));
    const batch = kernel.batch.bind(kernel);
    kernel.batch = (lines) => [...batch(lines.filter((line) => !line.includes("fd00::17"))), "fd00::17: refused"];
    const agent = new Agent(host, { network: both }, { ladder: true });
    expect(codes(await agent.pass())).toEqual(["E_NETWORK_NOT_CONVERGING"]);
    expect(tag(host)).toBe(100);
    await expect(agent.pass()).rejects.toMatchObject({ code: "E_NETWORK_NOT_CONVERGING" });
    expect(tag(host)).toBe(100);
    await expectEnded(host);
  });

  test("on a full disk is left while the host is reachable, because nobody could take it back", async () => {
    const host = await retagged(() => true);
    host.state.full = true;
    const agent = new Agent(host, { network: good });
    host.kernel.routes = [];
    const outcome = await agent.pass();
    expect(codes(outcome)).toEqual(["E_NETWORK_UNGUARDED"]);
    expect(outcome.problems[0]?.message).toContain("no room to write pending.json");
    expect(tag(host)).toBe(105);
    // What disrupts nothing is put back all the same.
    expect(host.kernel.routes).toHaveLength(1);
    host.answers = () => false;
    await agent.pass();
    expect(tag(host)).toBe(100);
  });
});

test("a stranger's route in the place of ours is not removed for it, and that is told", async () => {
  const host = await standingHost(good);
  await new Agent(host, { network: good }).pass();
  const theirs = { to: "default", via: "192.168.50.1", device: "em1", protocol: 16, metric: ROUTE_METRIC };
  host.kernel.routes = [theirs];
  const error = await new Agent(host, { network: good }).pass().catch(problemOf);
  expect(error).toMatchObject({ code: "E_NETWORK_NOT_CONVERGING", hint: "ip says: RTNETLINK answers: File exists" });
  expect(host.kernel.routes).toEqual([theirs]);
});

describe("without a configured probe", () => {
  test("a difference on the management path is left and told, until a person asks for the repair", async () => {
    const host = await retagged(() => true, unprobed);
    const agent = new Agent(host, { network: unprobed });
    const outcome = await agent.pass();
    expect(codes(outcome)).toEqual(["E_NETWORK_UNGUARDED"]);
    expect(outcome.problems[0]?.message).toContain("port mgmt0 tag");
    expect(tag(host)).toBe(105);
    agent.network.ask({});
    expect(codes(await agent.pass())).toEqual([]);
    expect(tag(host)).toBe(100);
  });

  test.each<[string, (host: FakeHost) => unknown]>([
    ["its address is gone", (host) => host.kernel.batch(["address del 10.1.0.17/24 dev mgmt0"])],
    ["its device is down", (host) => host.kernel.change("mgmt0", { up: false })],
    ["its device is gone", (host) => host.kernel.remove("mgmt0")],
    [
      "the bridge drops everything",
      (host) => {
        for (const { _uuid } of host.database.observe().bridges)
          host.database.set("Bridge", _uuid, { fail_mode: ["secure"] });
      },
    ],
  ])("it is put back where the host cannot be reachable anyway: %s", async (_, spoil) => {
    const host = await retagged(() => true, unprobed);
    spoil(host);
    const agent = new Agent(host, { network: unprobed });
    for (let pass = 0; pass < 2; pass += 1) await agent.pass();
    expect(await stepsTo(host, unprobed)).toEqual([]);
    expect(host.kernel.addresses).toEqual([address]);
  });
});
