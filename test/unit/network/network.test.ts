import { describe, expect, test } from "vitest";
import { FakeHost, NICS } from "../../fakes/host.ts";
import { configOf, networkSettings, onVlan } from "../../fakes/settings.ts";
import { Agent, codes, standingHost, stepsTo, type Wish } from "./capability.ts";

const good = networkSettings();
const changed = onVlan(101);

describe("the first network of a host", () => {
  test("is applied, probed, remembered together with its rescue, and stands", async () => {
    const host = new FakeHost();
    const agent = new Agent(host, { network: good });
    expect(await agent.pass()).toEqual({ state: "converged", problems: [] });
    expect(agent.stands).toBe(true);
    expect((await host.state.read("last-good"))?.config.network).toEqual(good);
    expect(host.rescue).toContain("10.1.0.17/24");
    expect(host.kernel.addresses).toEqual([{ device: "mgmt0", address: "10.1.0.17/24" }]);
  });

  test("stays as configured and is probed again while the gateway is silent, and is not remembered as good", async () => {
    const host = new FakeHost();
    host.answers = () => false;
    const agent = new Agent(host, { network: good });
    const outcome = await agent.pass();
    expect(codes(outcome)).toEqual(["E_NETWORK_UNCONFIRMED"]);
    expect(outcome.againMs).toBe(1_000);
    expect(agent.stands).toBe(false);
    expect(await host.state.read("last-good")).toBeUndefined();
    expect(await stepsTo(host, good)).toEqual([]);
    host.answers = () => true;
    expect(await agent.pass()).toEqual({ state: "converged", problems: [] });
    expect(agent.stands).toBe(true);
  });

  test("keeps bond and address without carrier, and stands when carrier comes", async () => {
    const host = new FakeHost();
    for (const nic of ["em1", "em2"]) host.kernel.change(nic, { carrier: false });
    const agent = new Agent(host, { network: good });
    expect(codes(await agent.pass())).toEqual(["E_NIC_NO_CARRIER", "E_NIC_NO_CARRIER"]);
    expect(agent.stands).toBe(false);
    expect(host.kernel.addresses).toHaveLength(1);
    host.kernel.change("em2", { carrier: true });
    expect(codes(await agent.pass())).toEqual(["E_NIC_NO_CARRIER"]);
    expect(agent.stands).toBe(true);
  });

  test("that would take what is in use touches nothing", async () => {
    const host = new FakeHost();
    host.kernel.change("em2", { up: true });
    host.kernel.addresses.push({ device: "em2", address: "192.168.7.7/24" });
    const agent = new Agent(host, { network: good });
    await expect(agent.pass()).rejects.toMatchObject({ code: "E_NETWORK_CONFLICT" });
    expect(agent.process.effects).toBe(0);
  });

  test("is nobody's business when the configuration has none", async () => {
    const host = new FakeHost();
    const agent = new Agent(host, {});
    expect(await agent.pass()).toEqual({ state: "converged", problems: [] });
    expect(agent.stands).toBe(true);
    expect(agent.process.effects).toBe(0);
  });

  test("is not made up from an invalid configuration", async () => {
    const host = new FakeHost();
    const problem = { code: "E_CONFIG_TYPE", message: "wrong" };
    const agent = new Agent(host, { problems: [problem] });
    expect(await agent.pass()).toEqual({ state: "degraded", problems: [problem] });
    expect(agent.stands).toBe(false);
    expect(agent.process.effects).toBe(0);
  });
});

describe("the last good network", () => {
  test("is put back at boot without a probe, and then stands", async () => {
    const host = await standingHost();
    host.reboot();
    host.answers = () => false;
    const agent = new Agent(host, { network: good });
    expect(await agent.pass()).toEqual({ state: "converged", problems: [] });
    expect(agent.stands).toBe(true);
    expect(host.kernel.addresses).toEqual([{ device: "mgmt0", address: "10.1.0.17/24" }]);
  });

  test("is kept under an invalid configuration, which is reported", async () => {
    const host = await standingHost();
    host.reboot();
    const problem = { code: "E_CONFIG_TYPE", message: "wrong" };
    const agent = new Agent(host, { problems: [problem] });
    expect(codes(await agent.pass())).toEqual(["E_CONFIG_TYPE"]);
    expect(agent.stands).toBe(true);
    expect(await stepsTo(host, good)).toEqual([]);
  });

  test("makes vswitchd prove that it lives even if there is nothing to write", async () => {
    const host = await standingHost();
    const before = host.database.root.next_cfg;
    await new Agent(host, { network: good }).pass();
    expect(host.database.root.next_cfg).toBe(before + 1);
    host.vswitchdState = "hung";
    const agent = new Agent(host, { network: good });
    await expect(agent.pass()).rejects.toMatchObject({ code: "E_OVS_NOT_APPLIED" });
    expect(agent.stands).toBe(false);
  });

  test("is written once: a second pass changes nothing at all", async () => {
    const host = await standingHost();
    const agent = new Agent(host, { network: good });
    await agent.pass();
    const effects = agent.process.effects;
    await agent.pass();
    await agent.pass();
    expect(agent.process.effects).toBe(effects);
  });

  test("does not write again and again while no NIC has carrier", async () => {
    const host = await standingHost();
    for (const nic of ["em1", "em2"]) host.kernel.change(nic, { carrier: false });
    const agent = new Agent(host, { network: good });
    await agent.pass();
    const effects = agent.process.effects;
    await agent.pass();
    expect(agent.process.effects).toBe(effects);
    expect(agent.stands).toBe(false);
    host.kernel.change("em1", { carrier: true });
    await agent.pass();
    expect(agent.stands).toBe(true);
  });

  test("stands on the NIC that is left, also when the kernel gave it the other one's name", async () => {
    const byMac = networkSettings({
      nics: { em1: { mac: NICS.em1, fabric: "A" }, em2: { mac: NICS.em2, fabric: "B" } },
    });
    const host = await standingHost(byMac);
    host.kernel.remove("em2");
    host.kernel.remove("em1");
    host.kernel.addNic("em1", NICS.em2, { carrier: true });
    host.reboot();
    const agent = new Agent(host, { network: byMac });
    expect(codes(await agent.pass())).toEqual(["E_NIC_MISSING"]);
    expect(agent.stands).toBe(true);
    // The broken one is replaced, and the names are as they were.
    host.kernel.change("em1", { mac: NICS.em1 });
    host.kernel.addNic("em2", NICS.em2, { carrier: true });
    expect(codes(await agent.pass())).toEqual([]);
    expect(await stepsTo(host, byMac)).toEqual([]);
  });

  test.each(["by a boot", "while the agent runs"])("has a rescue with the names that its NICs got %s", async (when) => {
    const byMac = networkSettings({
      nics: { em1: { mac: NICS.em1, fabric: "A" }, em2: { mac: NICS.em2, fabric: "B" } },
    });
    const host = await standingHost(byMac);
    const before = new Agent(host, { network: byMac });
    await before.pass();
    host.kernel.remove("em1");
    host.kernel.addNic("eno1", NICS.em1, { carrier: true });
    if (when === "by a boot") host.reboot();
    const agent = when === "by a boot" ? new Agent(host, { network: byMac }) : before;
    await agent.pass();
    expect(host.rescue).toContain("ip link set dev 'eno1' up");
    expect(host.rescue).not.toContain("'em1'");
    const { effects } = agent.process;
    await agent.pass();
    expect(agent.process.effects).toBe(effects);
  });

  test("is repaired where it drifted, and the drift is told", async () => {
    const host = await standingHost();
    const agent = new Agent(host, { network: good });
    await agent.pass();
    const [bond] = host.database.observe().ports.filter(({ name }) => name === "bond0");
    if (bond !== undefined) host.database.set("Port", bond._uuid, { trunks: [] });
    host.kernel.addresses = [];
    await agent.pass();
    expect(await stepsTo(host, good)).toEqual([]);
    const drift = agent.process.events.filter(({ event }) => event === "drift");
    expect(drift).toMatchObject([
      { change: "~ port bond0", details: ["trunks: (none) -> 100,105,110"] },
      { change: "+ address 10.1.0.17/24 on mgmt0" },
    ]);
  });

  test("is not taken for applied while vswitchd has not caught up", async () => {
    const host = await standingHost();
    const agent = new Agent(host, { network: good });
    await agent.pass();
    host.vswitchdState = "hung";
    host.database.set("Open_vSwitch", host.database.root._uuid, { next_cfg: host.database.root.next_cfg + 1 });
    await expect(agent.pass()).rejects.toMatchObject({ code: "E_OVS_NOT_APPLIED" });
    host.vswitchdState = "alive";
    expect((await agent.pass()).state).toBe("converged");
  });
});

describe("a change", () => {
  test("is applied, probed as often as configured, confirmed, and replaces the last good network", async () => {
    const host = await standingHost();
    const agent = new Agent(host, { network: changed });
    expect(await agent.pass()).toEqual({ state: "converged", problems: [] });
    expect(agent.process.steps).toEqual([
      "pending",
      "armed",
      "transaction",
      "committed",
      "applied",
      "verified",
      "probe",
      "probe",
      "probe",
      "confirmed",
    ]);
    expect((await host.state.read("last-good"))?.config).toMatchObject({ network: changed, revision: 2 });
    expect(host.state.names).toEqual(["history", "last-good", "ledger"]);
    expect(host.deadMan).toBeUndefined();
    expect(await stepsTo(host, changed)).toEqual([]);
  });

  test("that the probes refuse is rolled back, remembered and not tried again, until it is asked for", async () => {
    const host = await standingHost();
    host.answers = () => host.database.observe().ports.every(({ tag }) => tag[0] !== 101);
    const agent = new Agent(host, { network: changed });
    const outcome = await agent.pass();
    expect(codes(outcome)).toEqual(["E_NETWORK_ROLLED_BACK"]);
    expect(await stepsTo(host, good)).toEqual([]);
    expect((await host.state.read("failed"))?.configs).toMatchObject([{ hash: configOf(changed).hash }]);
    expect(host.state.names).toEqual(["failed", "history", "last-good", "ledger"]);
    const steps = agent.process.steps.length;
    expect(codes(await agent.pass())).toEqual(["E_NETWORK_ROLLED_BACK"]);
    expect(agent.process.steps).toHaveLength(steps);
    host.answers = () => true;
    agent.network.ask({ retry: true });
    expect((await agent.pass()).state).toBe("converged");
    expect(await stepsTo(host, changed)).toEqual([]);
    // Proven good, it has not failed any more.
    expect(await agent.pass()).toEqual({ state: "converged", problems: [] });
  });

  test("that was confirmed in the end may be left and come back like any other", async () => {
    const host = await standingHost();
    host.answers = () => host.database.observe().ports.every(({ tag }) => tag[0] !== 101);
    const wish: Wish = { network: changed };
    const agent = new Agent(host, wish);
    await agent.pass();
    host.answers = () => true;
    agent.network.ask({ retry: true });
    await agent.pass();
    for (const network of [good, changed]) {
      wish.network = network;
      expect((await agent.pass()).state).toBe("converged");
      expect(await stepsTo(host, network)).toEqual([]);
    }
  });

  test("needs its good rounds in a row", async () => {
    const host = await standingHost();
    // The first is asked before the change.
    const answers = [true, true, true, false, true, true, true];
    host.answers = () => answers.shift() ?? true;
    const agent = new Agent(host, { network: changed });
    await agent.pass();
    expect(agent.process.steps.filter((step) => step === "probe")).toHaveLength(6);
  });

  test("before which no probe answers is refused, and tried once one does", async () => {
    const host = await standingHost();
    host.answers = () => false;
    const agent = new Agent(host, { network: changed });
    expect(codes(await agent.pass())).toEqual(["E_NETWORK_NO_PROBE"]);
    expect(await stepsTo(host, good)).toEqual([]);
    expect(host.state.names).toEqual(["history", "last-good", "ledger"]);
    host.answers = () => true;
    expect((await agent.pass()).state).toBe("converged");
    expect(await stepsTo(host, changed)).toEqual([]);
  });

  test("that is forced before any probe answers is kept only if one answers after it", async () => {
    const host = await standingHost();
    host.answers = () => false;
    const agent = new Agent(host, { network: changed });
    agent.network.ask({ force: true });
    expect(codes(await agent.pass())).toEqual(["E_NETWORK_ROLLED_BACK"]);
    host.answers = () => host.database.observe().ports.some(({ tag }) => tag[0] === 101);
    agent.network.ask({ force: true, retry: true });
    expect((await agent.pass()).state).toBe("converged");
  });

  test("is not blamed for a target that was silent before it", async () => {
    const probes = [{ kind: "gateway" }, { kind: "tcp", host: "10.1.0.5", port: 22 }] as const;
    const host = await standingHost({ ...good, probes });
    host.answers = ({ kind }) => kind !== "tcp";
    const agent = new Agent(host, { network: { ...changed, probes } });
    expect((await agent.pass()).state).toBe("converged");
    expect((await host.state.read("history"))?.changes.map(({ result }) => result)).toEqual(["confirmed", "confirmed"]);
  });

  test("that renames the port asks its gateway from the old one before and from the new one afterwards", async () => {
    const { mgmt0 } = good.addresses;
    if (mgmt0 === undefined) throw new Error("the host has no management port");
    const host = await standingHost();
    const asked: string[] = [];
    host.answers = (target) => {
      if (target.kind !== "gateway") return true;
      if (asked.at(-1) !== target.device) asked.push(target.device);
      return host.kernel.addresses.some(({ device }) => device === target.device);
    };
    const agent = new Agent(host, { network: { ...good, addresses: { oob0: mgmt0 } } });
    expect((await agent.pass()).state).toBe("converged");
    expect(asked).toEqual(["mgmt0", "oob0"]);
  });

  test("waits for a person where it is so configured, and takes the person's word at once", async () => {
    for (const word of ["confirm", "rollback"] as const) {
      const host = await standingHost();
      host.clock.auto = false;
      const byOperator = { ...changed, confirm: { deadlineMs: 120_000, by: "operator", good: 3 } } as const;
      const agent = new Agent(host, { network: byOperator });
      const outcome = agent.pass();
      await host.clock.advance(10_000);
      expect(agent.network.change).toBeDefined();
      agent.network.change?.say(word);
      expect((await outcome).state).toBe(word === "confirm" ? "converged" : "degraded");
      expect(await stepsTo(host, word === "confirm" ? byOperator : good)).toEqual([]);
    }
  });

  test("that nobody confirms is taken back at its deadline, whatever the wall clock says", async () => {
    const host = await standingHost();
    host.clock.auto = false;
    const byOperator = { ...changed, confirm: { deadlineMs: 120_000, by: "operator", good: 3 } } as const;
    const agent = new Agent(host, { network: byOperator });
    const outcome = agent.pass();
    await host.clock.advance(60_000);
    host.clock.jumpWallClock(-3_600_000);
    await host.clock.advance(59_000);
    expect(agent.network.change).toBeDefined();
    host.clock.jumpWallClock(7_200_000);
    await host.clock.advance(2_000);
    expect(codes(await outcome)).toEqual(["E_NETWORK_ROLLED_BACK"]);
    expect(await stepsTo(host, good)).toEqual([]);
  });

  test("that would take what is in use touches nothing, and the last good network is still looked after", async () => {
    const host = await standingHost();
    host.kernel.addNic("em3", "02:00:00:00:00:03", { up: true, carrier: true });
    host.kernel.addresses.push({ device: "em3", address: "192.168.7.7/24" });
    const third = networkSettings({
      nics: { ...good.nics, em3: { fabric: "A" } },
      bond: { ...good.bond, members: ["em1", "em2", "em3"] },
    });
    const agent = new Agent(host, { network: third });
    expect(codes(await agent.pass())).toContain("E_NETWORK_CONFLICT");
    expect(host.state.names).toEqual(["history", "last-good", "ledger"]);
    host.kernel.addresses = host.kernel.addresses.filter(({ device }) => device === "em3");
    await agent.pass();
    expect(await stepsTo(host, good)).toEqual([]);
    host.kernel.addresses = host.kernel.addresses.filter(({ device }) => device !== "em3");
    expect(await agent.pass()).toEqual({ state: "converged", problems: [] });
    expect(await stepsTo(host, third)).toEqual([]);
  });

  test("waits for carrier: without it a right one would be remembered as failed", async () => {
    const host = await standingHost();
    const agent = new Agent(host, { network: changed });
    for (const nic of ["em1", "em2"]) host.kernel.change(nic, { carrier: false });
    host.answers = () => false;
    await agent.pass();
    expect(agent.process.steps).toEqual([]);
    expect(await host.state.read("failed")).toBeUndefined();
    for (const nic of ["em1", "em2"]) host.kernel.change(nic, { carrier: true });
    host.answers = () => true;
    await agent.pass();
    expect(await stepsTo(host, changed)).toEqual([]);
  });

  test("plans again when somebody else writes to the database at the same time", async () => {
    const host = await standingHost();
    const agent = new Agent(host, { network: changed });
    let left = 2;
    const { commit } = agent.process.ports.ovs;
    Object.assign(agent.process.ports.ovs, {
      commit: async (...args: Parameters<typeof commit>) => {
        const [management] = host.database.observe().ports.filter(({ name }) => name === "mgmt0");
        // Between our look and our transaction, as Neutron's agent does.
        if (args[0].length > 0 && left > 0 && management !== undefined) {
          left -= 1;
          host.database.set("Port", management._uuid, { tag: [100 + left * 5] });
        }
        return commit(...args);
      },
    });
    expect(await agent.pass()).toEqual({ state: "converged", problems: [] });
    expect(await host.state.read("failed")).toBeUndefined();
    expect(await stepsTo(host, changed)).toEqual([]);
  });

  test("under a hung vswitchd is rolled back once that lives again, and only then said to be", async () => {
    const host = await standingHost();
    const agent = new Agent(host, { network: changed });
    await new Agent(host, { network: good }).pass();
    Object.assign(agent.process.ports, { report: hangAt(host, agent, "transaction") });
    await expect(agent.pass()).rejects.toMatchObject({ code: "E_OVS_NOT_APPLIED" });
    await expect(agent.pass()).rejects.toMatchObject({ code: "E_OVS_NOT_APPLIED" });
    expect(host.state.names).toContain("rolling-back");
    host.vswitchdState = "alive";
    expect(codes(await agent.pass())).toEqual(["E_NETWORK_ROLLED_BACK"]);
    expect(await stepsTo(host, good)).toEqual([]);
    expect(host.state.names).toEqual(["failed", "history", "last-good", "ledger"]);
  });

  test("whose rollback fails is taken back later by whoever comes next", async () => {
    const host = await standingHost();
    host.answers = () => {
      host.ovsdb = "dead";
      return false;
    };
    const agent = new Agent(host, { network: { ...changed, confirm: { deadlineMs: 1_000, by: "probes", good: 3 } } });
    await expect(agent.pass()).rejects.toMatchObject({ code: "E_OVSDB_UNREACHABLE" });
    host.ovsdb = "alive";
    host.answers = () => true;
    const next = new Agent(host, { network: good });
    expect((await next.pass()).state).toBe("converged");
    expect(await stepsTo(host, good)).toEqual([]);
    expect(host.state.names).not.toContain("rolling-back");
  });

  test("is left as it is by an agent that is told to stop, for the next one to go on", async () => {
    const host = await standingHost();
    host.clock.auto = false;
    const stop = new AbortController();
    const byOperator = { ...changed, confirm: { deadlineMs: 120_000, by: "operator", good: 3 } } as const;
    const agent = new Agent(host, { network: byOperator }, { signal: stop.signal });
    const outcome = agent.pass().catch((error: unknown) => error);
    await host.clock.advance(5_000);
    stop.abort(new Error("stop"));
    expect(await outcome).toMatchObject({ message: "stop" });
    expect(host.state.names).toContain("pending");
    const next = new Agent(host, { network: byOperator });
    const resumed = next.pass();
    await host.clock.advance(1_000);
    next.network.change?.say("confirm");
    await host.clock.advance(1_000);
    expect((await resumed).state).toBe("converged");
    expect(await stepsTo(host, byOperator)).toEqual([]);
  });
});

function hangAt(host: FakeHost, agent: Agent, step: string): Agent["process"]["ports"]["report"] {
  return (event) => {
    agent.process.events.push(event);
    if (event.event === "change" && event.step === step) host.vswitchdState = "hung";
  };
}

describe("observing", () => {
  const observe = { ...good, mode: "observe" } as const;

  test("tells what differs and writes nothing", async () => {
    const host = new FakeHost();
    const agent = new Agent(host, { network: observe });
    expect((await agent.pass()).state).toBe("observing");
    expect(agent.process.effects).toBe(0);
    expect(agent.process.events.some(({ event }) => event === "drift")).toBe(true);
    expect(agent.stands).toBe(true);
  });

  test("writes nothing on a host that was enforced before, either", async () => {
    const host = await standingHost();
    host.kernel.addresses = [];
    const agent = new Agent(host, { network: observe });
    expect((await agent.pass()).state).toBe("observing");
    await agent.pass();
    expect(agent.process.effects).toBe(0);
    expect(host.kernel.addresses).toEqual([]);
  });

  test("comes after a boot: what was enforced before is put back, and only then observed", async () => {
    const host = await standingHost();
    host.reboot();
    const agent = new Agent(host, { network: observe }, { ladder: true });
    expect((await agent.pass()).state).toBe("observing");
    expect(host.kernel.addresses).toEqual([{ device: "mgmt0", address: "10.1.0.17/24" }]);
    expect(agent.stands).toBe(true);
    host.kernel.addresses = [];
    const effects = agent.process.effects;
    expect(codes(await agent.pass())).toEqual(["E_NETWORK_ADDRESS"]);
    expect(agent.process.effects).toBe(effects);
    // The next process finds a network that stood, and observes it from the beginning.
    const next = new Agent(host, { network: observe }, { ladder: true });
    expect(codes(await next.pass())).toEqual(["E_NETWORK_ADDRESS"]);
    expect([next.process.effects, next.stands]).toEqual([0, false]);
  });
});
