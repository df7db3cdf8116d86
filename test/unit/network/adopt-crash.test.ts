import { expect, test } from "vitest";
import { FakeHost, NICS } from "../../fakes/host.ts";
import { networkSettings } from "../../fakes/settings.ts";
import { Agent, stepsTo } from "./capability.ts";

const network = networkSettings();
const address = "10.1.0.17/24";
const route = { to: "default", via: "10.1.0.1", device: "em1", protocol: 4, metric: 100 };

/** A host with its address on a NIC, as its installer left it. */
function plainHost(): FakeHost {
  const host = new FakeHost();
  for (const name of Object.keys(NICS)) host.kernel.change(name, { up: true, linkLocal: true });
  host.kernel.addresses = [{ device: "em1", address }];
  host.kernel.routes = [route];
  return host;
}

/** One pass of an agent that a person asked to adopt the host, and that dies after its nth effect. */
async function attempt(host: FakeHost, dieAfter: number): Promise<boolean> {
  const agent = new Agent(host, { network }, { dieAfter });
  agent.network.ask({ adopt: true });
  const ended = agent.pass().then(
    () => "ended",
    () => "ended",
  );
  return (await Promise.race([ended, agent.process.died])) === "died";
}

async function expectOneOrTheOther(host: FakeHost): Promise<"adopted" | "as it was"> {
  expect(host.state.names.filter((name) => ["pending", "confirmed", "rolling-back"].includes(name))).toEqual([]);
  if ((await host.state.read("last-good")) !== undefined) {
    expect(await stepsTo(host, network)).toEqual([]);
    expect(host.kernel.addresses).toEqual([{ device: "mgmt0", address }]);
    expect(host.kernel.routes.map(({ device }) => device)).toEqual(["mgmt0"]);
    expect([...host.kernel.metrics]).toEqual([]);
    return "adopted";
  }
  expect(host.kernel.addresses).toEqual([{ device: "em1", address }]);
  expect(host.kernel.routes).toEqual([route]);
  expect(host.database.observe().bridges).toEqual([]);
  expect(host.kernel.links.get("em1")).toMatchObject({ up: true, linkLocal: true });
  return "as it was";
}

/** Runs `scenario` once for every number of effects after which the agent can die. */
async function atEveryEffect(scenario: (dieAfter: number) => Promise<boolean>): Promise<number> {
  for (let dieAfter = 1; ; dieAfter += 1) if (!(await scenario(dieAfter))) return dieAfter;
}

async function settleDown(host: FakeHost): Promise<void> {
  const agent = new Agent(host, { network });
  for (let pass = 0; pass < 5; pass += 1) await agent.pass().catch(() => undefined);
}

test("an adoption that nobody interrupts ends adopted", async () => {
  const host = plainHost();
  expect(await attempt(host, Number.POSITIVE_INFINITY)).toBe(false);
  expect(await expectOneOrTheOther(host)).toBe("adopted");
});

test("an agent that dies at any moment of an adoption leaves it to the dead-man, who gives back what there was", async () => {
  const moments = await atEveryEffect(async (dieAfter) => {
    const host = plainHost();
    const died = await attempt(host, dieAfter);
    const pending = host.state.names.includes("pending") && host.deadMan !== undefined;
    await host.fireDeadMan();
    if (pending) expect(await expectOneOrTheOther(host)).toBe("as it was");
    await settleDown(host);
    await expectOneOrTheOther(host);
    return died;
  });
  expect(moments).toBeGreaterThan(12);
});

test("an agent that dies at any moment of an adoption goes on in the same boot, or gives back what there was", async () => {
  await atEveryEffect(async (dieAfter) => {
    const host = plainHost();
    const died = await attempt(host, dieAfter);
    await settleDown(host);
    await expectOneOrTheOther(host);
    return died;
  });
});

test("an adoption that the gateway does not answer after is given back, whenever it falls silent", async () => {
  const asks = { count: 0 };
  for (let silentAfter = 1; silentAfter < 6; silentAfter += 1) {
    const host = plainHost();
    asks.count = 0;
    host.answers = () => {
      asks.count += 1;
      return asks.count <= silentAfter;
    };
    const agent = new Agent(host, { network });
    agent.network.ask({ adopt: true });
    await agent.pass();
    if (asks.count <= silentAfter) continue;
    expect(await expectOneOrTheOther(host)).toBe("as it was");
    // Silent over the first NIC: the one that carried the traffic was not touched.
    if (silentAfter === 1) expect(agent.process.steps).not.toContain("transaction");
    expect(agent.process.steps).toContain("moved");
  }
});

test("an adoption that waits for a cable gets somewhere at every round, so that the watchdog lets it wait", async () => {
  const host = plainHost();
  host.kernel.change("em2", { up: false, carrier: false, linkLocal: false });
  const patient = networkSettings({ confirm: { by: "probes", good: 3, deadlineMs: 600_000 } });
  const agent = new Agent(host, { network: patient });
  agent.network.ask({ adopt: true });
  const begun = host.clock.monotonic();
  const marks = [begun];
  await agent.network.reconcile(new AbortController().signal, () => void marks.push(host.clock.monotonic()));
  // It waited for half of the deadline, and then moved in one cut.
  expect(host.clock.monotonic() - begun).toBeGreaterThan(290_000);
  expect(agent.process.steps).not.toContain("moved");
  expect(agent.process.steps).toContain("confirmed");
  const pauses = marks.slice(1).map((at, index) => at - (marks[index] ?? at));
  expect(Math.max(...pauses)).toBeLessThanOrEqual(2_000);
});

test("an adoption with a NIC that is up without a cable waits for nothing", async () => {
  const host = plainHost();
  host.kernel.change("em2", { carrier: false });
  const agent = new Agent(host, { network });
  agent.network.ask({ adopt: true });
  const begun = host.clock.monotonic();
  await agent.pass();
  expect(await expectOneOrTheOther(host)).toBe("adopted");
  expect(agent.process.steps).not.toContain("standby");
  expect(host.clock.monotonic() - begun).toBeLessThan(10_000);
});

test("a host that loses its power at any moment of an adoption comes back with what there was, or adopted", async () => {
  await atEveryEffect(async (dieAfter) => {
    const host = plainHost();
    const died = await attempt(host, dieAfter);
    const pending = host.state.names.includes("pending");
    host.reboot();
    await settleDown(host);
    if (pending) {
      expect(await expectOneOrTheOther(host)).toBe("as it was");
      return died;
    }
    await expectOneOrTheOther(host).catch((error: unknown) => {
      // Nothing was begun, so nothing is there to be given back: the installer's own files bring it up again.
      if (host.kernel.addresses.length > 0 || host.database.observe().bridges.length > 0) throw error;
    });
    return died;
  });
});
