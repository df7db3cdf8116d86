import { describe, expect, test } from "vitest";
import type { NetworkSettings } from "../../../agent/config/settings.ts";
import { FakeHost } from "../../fakes/host.ts";
import { networkSettings, onVlan } from "../../fakes/settings.ts";
import { Agent, standingHost, stepsTo } from "./capability.ts";

const good = networkSettings();
/** Another VLAN and another address: the change is made of a transaction and of lines for `ip`. */
const changed: NetworkSettings = {
  ...onVlan(101),
  addresses: { mgmt0: { vlan: "management", ipv4: ["10.1.1.17/24"], ipv6: [], gateway: "10.1.1.1", routes: [] } },
};

interface Ending {
  readonly effects: number;
  readonly died: boolean;
}

/** One pass of an agent that dies after its nth effect. */
async function attempt(host: FakeHost, network = changed, dieAfter = Number.POSITIVE_INFINITY): Promise<Ending> {
  const agent = new Agent(host, { network }, { dieAfter });
  const ended = agent.pass().then(
    () => "ended",
    () => "ended",
  );
  const how = await Promise.race([ended, agent.process.died]);
  return { effects: agent.process.effects, died: how === "died" };
}

/** An agent that nobody kills, until it has nothing more to do. */
async function settleDown(host: FakeHost, network = changed): Promise<Agent> {
  const agent = new Agent(host, { network });
  for (let pass = 0; pass < 5; pass += 1) await agent.pass();
  return agent;
}

async function expectOneOrTheOther(host: FakeHost): Promise<"new" | "old"> {
  const lastGood = (await host.state.read("last-good"))?.config.network;
  const which = lastGood?.vlans.management === 101 ? "new" : "old";
  expect(await stepsTo(host, which === "new" ? changed : good)).toEqual([]);
  const [leftover] = host.state.names.filter((name) => ["pending", "confirmed", "rolling-back"].includes(name));
  expect(leftover).toBeUndefined();
  const address = which === "new" ? "10.1.1.17/24" : "10.1.0.17/24";
  expect(host.kernel.addresses).toEqual([{ device: "mgmt0", address }]);
  expect((await host.state.read("ledger"))?.addresses).toEqual([{ device: "mgmt0", address }]);
  expect(host.rescue).toContain(address);
  return which;
}

/** Runs `scenario` once for every number of effects after which the agent can die. */
async function atEveryEffect(scenario: (dieAfter: number) => Promise<Ending>): Promise<number> {
  for (let dieAfter = 1; ; dieAfter += 1) {
    const { died } = await scenario(dieAfter);
    if (!died) return dieAfter;
  }
}

describe("an agent that is killed at any moment of a change", () => {
  test("goes on in the same boot: a change that the probes like ends confirmed, or begins again", async () => {
    const moments = await atEveryEffect(async (dieAfter) => {
      const host = await standingHost();
      const ending = await attempt(host, changed, dieAfter);
      await settleDown(host);
      const which = await expectOneOrTheOther(host);
      // What was interrupted half-way was taken back, and is not tried again by itself.
      if (which === "old") expect((await host.state.read("failed"))?.configs).toHaveLength(1);
      return ending;
    });
    expect(moments).toBeGreaterThan(8);
  });

  test("goes on in the same boot: a change that the probes refuse ends undone", async () => {
    await atEveryEffect(async (dieAfter) => {
      const host = await standingHost();
      host.answers = () => host.kernel.addresses.some(({ address }) => address === "10.1.0.17/24");
      const ending = await attempt(host, changed, dieAfter);
      await settleDown(host);
      expect(await expectOneOrTheOther(host)).toBe("old");
      return ending;
    });
  });

  test("and killed again while it goes on, still ends in one network or the other", async () => {
    for (const answers of [true, false]) {
      const first = await atEveryEffect(async (dieAfter) => {
        const host = await standingHost();
        return attempt(host, changed, dieAfter);
      });
      for (let dieAfter = 1; dieAfter < first; dieAfter += 1) {
        await atEveryEffect(async (again) => {
          const host = await standingHost();
          host.answers = () => answers || host.kernel.addresses.some(({ address }) => address === "10.1.0.17/24");
          await attempt(host, changed, dieAfter);
          const ending = await attempt(host, changed, again);
          await settleDown(host);
          await expectOneOrTheOther(host);
          return ending;
        });
      }
    }
  });

  test("leaves the host to the dead-man, which takes the change back unless it was confirmed", async () => {
    await atEveryEffect(async (dieAfter) => {
      const host = await standingHost();
      const ending = await attempt(host, changed, dieAfter);
      const armed = host.deadMan !== undefined;
      await host.fireDeadMan();
      if (armed) expect(host.state.names).not.toContain("pending");
      await settleDown(host);
      await expectOneOrTheOther(host);
      return ending;
    });
  });

  test("comes back after a reboot with the last good network, and never tries that configuration again by itself", async () => {
    await atEveryEffect(async (dieAfter) => {
      const host = await standingHost();
      const ending = await attempt(host, changed, dieAfter);
      const { names } = host.state;
      host.reboot();
      await settleDown(host);
      const which = await expectOneOrTheOther(host);
      if (ending.died && names.includes("pending")) {
        expect(which).toBe("old");
        expect((await host.state.read("failed"))?.configs).toMatchObject([{ reason: "interrupted by a reboot" }]);
      }
      return ending;
    });
  });

  test("on its first network tries it again, in the same boot and after a reboot", async () => {
    for (const reboot of [false, true]) {
      await atEveryEffect(async (dieAfter) => {
        const host = new FakeHost();
        const ending = await attempt(host, good, dieAfter);
        if (reboot) host.reboot();
        await settleDown(host, good);
        expect(await expectOneOrTheOther(host)).toBe("old");
        return ending;
      });
    }
  });
});

describe("a pending change of which several know", () => {
  test("is confirmed or taken back, never both: who comes second does nothing", async () => {
    const host = await standingHost();
    host.clock.auto = false;
    const byOperator = { ...changed, confirm: { deadlineMs: 120_000, by: "operator", good: 3 } } as const;
    const agent = new Agent(host, { network: byOperator });
    const outcome = agent.pass();
    await host.clock.advance(5_000);
    await host.fireDeadMan();
    agent.network.change?.say("confirm");
    expect((await outcome).problems).toMatchObject([{ code: "E_NETWORK_ROLLED_BACK" }]);
    expect(await stepsTo(host, good)).toEqual([]);
    expect((await host.state.read("last-good"))?.config.network).toEqual(good);
  });

  test("is not taken back by a dead-man that was armed for another one", async () => {
    const host = await standingHost();
    host.clock.auto = false;
    const byOperator = { ...changed, confirm: { deadlineMs: 120_000, by: "operator", good: 3 } } as const;
    const agent = new Agent(host, { network: byOperator });
    const first = agent.pass();
    await host.clock.advance(5_000);
    const old = host.deadMan;
    agent.network.change?.say("rollback");
    await first;
    agent.network.ask({ retry: true });
    const second = agent.pass();
    await host.clock.advance(5_000);
    expect(host.state.names).toContain("pending");
    // The first one's process is still asleep: the configuration is the same, the change is another.
    host.deadMan = old;
    await host.fireDeadMan();
    expect(host.state.names).toContain("pending");
    agent.network.change?.say("confirm");
    expect((await second).state).toBe("converged");
  });
});
