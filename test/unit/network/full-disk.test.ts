import { describe, expect, test } from "vitest";
import type { NetworkSettings } from "../../../agent/config/settings.ts";
import { defaultTiming as timing } from "../../../agent/config/timing.ts";
import { AgentError } from "../../../agent/core/errors.ts";
import { begin, Change } from "../../../agent/network/change.ts";
import { FakeHost, FakeProcess } from "../../fakes/host.ts";
import { configOf, networkSettings, onVlan } from "../../fakes/settings.ts";
import { Agent, codes, standingHost, stepsTo } from "./capability.ts";

const good = networkSettings();
/** Another VLAN and another address: both Open vSwitch and the kernel have to go back. */
const changed: NetworkSettings = {
  ...onVlan(101),
  addresses: { mgmt0: { vlan: "management", ipv4: ["10.1.1.17/24"], ipv6: [], gateway: "10.1.1.1", routes: [] } },
};
const before = [{ device: "mgmt0", address: "10.1.0.17/24" }];
const after = [{ device: "mgmt0", address: "10.1.1.17/24" }];

/** A host that was left in the middle of a change, with `left` as the record of how far it came. */
async function leftWith(left: "pending" | "confirmed" | "rolling-back"): Promise<FakeHost> {
  const host = await standingHost();
  const { ports } = new FakeProcess(host);
  const wish = {
    confirmAlso: [],
    force: false,
    byOperator: false,
    adopt: false,
    probeTimeoutMs: timing.probeTimeoutMs,
  };
  const { signal } = new AbortController();
  const begun = await begin(ports, configOf(changed, 2), configOf(good), wish, signal);
  const agent = new Agent(host, { network: changed }, { dieAfter: 100 });
  const change = new Change(agent.process.ports, timing, begun.pending, () => undefined);
  await change.prepare();
  // The first probe comes when all of the change was applied.
  host.answers = () => {
    agent.process.kill();
    return true;
  };
  await Promise.race([change.run(begun, signal), agent.process.died]);
  host.answers = () => true;
  if (left !== "pending") await host.state.claim("pending", left);
  expect(host.kernel.addresses).toEqual(after);
  return host;
}

describe("a disk that is full", () => {
  test("keeps the first network off the host as a whole: the switch is not changed for an address that cannot be remembered", async () => {
    const host = new FakeHost();
    const agent = new Agent(host, { network: good });
    host.state.full = true;
    await expect(agent.pass()).rejects.toMatchObject({ code: "E_FILE_IO" });
    expect(host.commits).toBe(0);
    expect(host.kernel.addresses).toEqual([]);
    host.state.full = false;
    expect((await agent.pass()).state).toBe("converged");
    expect(host.kernel.addresses).toEqual(before);
  });

  test("from a change on lets the host go back, and the failure is remembered once there is room", async () => {
    const host = await standingHost();
    const agent = new Agent(host, { network: changed });
    const back = (): boolean => host.kernel.addresses.some(({ address }) => address === "10.1.0.17/24");
    // The first probe comes when all of the change was applied.
    host.answers = () => {
      expect(host.state.full || !back()).toBe(true);
      host.state.full = true;
      return back();
    };
    await expect(agent.pass()).rejects.toMatchObject({ code: "E_FILE_IO" });
    expect(agent.process.steps).toContain("verified");
    expect(await stepsTo(host, good)).toEqual([]);
    expect(host.kernel.addresses).toEqual(before);

    // Passes in between neither forget the change nor lose the host.
    await expect(agent.pass()).rejects.toMatchObject({ code: "E_FILE_IO" });
    expect(host.state.names).toContain("rolling-back");
    expect(host.kernel.addresses).toEqual(before);

    host.state.full = false;
    expect(codes(await agent.pass())).toEqual(["E_NETWORK_ROLLED_BACK"]);
    expect((await host.state.read("failed"))?.configs).toMatchObject([{ hash: configOf(changed).hash }]);
    expect(host.state.names).not.toContain("rolling-back");
    expect((await host.state.read("ledger"))?.addresses).toEqual(before);
    expect(host.deadMan).toBeUndefined();
    expect(await stepsTo(host, good)).toEqual([]);
  });

  test("and becomes read-only in a change lets the host go back all the same, and keeps it there", async () => {
    const host = await standingHost();
    const agent = new Agent(host, { network: changed });
    const back = (): boolean => host.kernel.addresses.some(({ address }) => address === "10.1.0.17/24");
    host.answers = () => {
      host.state.readOnly ||= !back();
      return back();
    };
    for (let pass = 0; pass < 3; pass += 1) {
      await expect(agent.pass()).rejects.toMatchObject({ code: "EROFS" });
      expect(await stepsTo(host, good)).toEqual([]);
      expect(host.kernel.addresses).toEqual(before);
    }
    host.state.readOnly = false;
    host.answers = back;
    expect(codes(await agent.pass())).toEqual(["E_NETWORK_ROLLED_BACK"]);
    expect(host.kernel.addresses).toEqual(before);
    expect(host.state.names).not.toContain("pending");
  });

  test("before a change keeps the change off, tells why, and drift from the last good network is put back", async () => {
    const host = await standingHost();
    const agent = new Agent(host, { network: changed });
    host.state.full = true;
    for (let pass = 0; pass < 2; pass += 1) {
      host.kernel.addresses = [];
      const outcome = await agent.pass();
      expect(codes(outcome)).toEqual(["E_FILE_IO"]);
      expect(outcome.problems[0]?.message).toContain("no room to write pending.json");
      expect(await stepsTo(host, good)).toEqual([]);
      expect(host.kernel.addresses).toEqual(before);
      expect(host.state.names).not.toContain("pending");
    }
    host.state.full = false;
    expect((await agent.pass()).state).toBe("converged");
    expect(await stepsTo(host, changed)).toEqual([]);
  });

  test.each([
    ["pending", before, "before"],
    ["rolling-back", before, "before"],
    ["confirmed", after, "after"],
  ] as const)(
    "found at boot with %s in place brings the network up, tells why, and is made up for when there is room",
    async (left, addresses, which) => {
      const host = await leftWith(left);
      host.reboot();
      host.state.full = true;
      const agent = new Agent(host, { network: changed }, { ladder: true });
      for (let pass = 0; pass < 3; pass += 1) {
        expect(codes(await agent.pass())).toEqual(["E_FILE_IO"]);
        expect(host.kernel.addresses).toEqual(addresses);
        expect(await stepsTo(host, which === "after" ? changed : good)).toEqual([]);
        expect(agent.stands).toBe(true);
        // The record stays: without it the change would be tried again, or forgotten.
        expect(host.state.names).toContain(left);
      }
      expect(agent.process.steps).toEqual([]);
      host.kernel.addresses = [];
      await agent.pass();
      expect(host.kernel.addresses).toEqual(addresses);

      host.state.full = false;
      const outcome = await agent.pass();
      expect(codes(outcome)).toEqual(which === "after" ? [] : ["E_NETWORK_ROLLED_BACK"]);
      expect(host.state.names).not.toContain(left);
      expect((await host.state.read("last-good"))?.config.network).toEqual(which === "after" ? changed : good);
      expect((await host.state.read("ledger"))?.addresses).toEqual(addresses);
      expect(host.kernel.addresses).toEqual(addresses);
    },
  );

  test("and a rescue script that cannot be made keep a confirmed network neither off the host nor from being held", async () => {
    const host = await leftWith("confirmed");
    host.reboot();
    const agent = new Agent(host, { network: changed }, { ladder: true });
    const writeRescue = () => Promise.reject(new TypeError("a name that has no place in a shell script"));
    Object.assign(agent.process.ports, { writeRescue });
    const { problems } = await agent.pass();
    expect(problems.map(({ message }) => message)).toEqual(["a name that has no place in a shell script"]);
    expect(host.kernel.addresses).toEqual(after);
    expect(agent.stands).toBe(true);
    const first = new FakeHost();
    const fresh = new Agent(first, { network: good });
    Object.assign(fresh.process.ports, { writeRescue });
    expect((await fresh.pass()).state).toBe("degraded");
    expect(fresh.stands).toBe(true);
  });

  test("with its ledger gone puts the address back, and takes nothing away later that is not ours", async () => {
    const host = await standingHost();
    host.reboot();
    await host.state.remove("ledger");
    host.state.full = true;
    const agent = new Agent(host, { network: good });
    expect(codes(await agent.pass())).toEqual(["E_FILE_IO"]);
    expect(host.kernel.addresses).toEqual(before);
    host.kernel.addresses.push({ device: "mgmt0", address: "10.1.0.99/32" });
    expect(codes(await agent.pass())).toEqual(["E_FILE_IO"]);
    host.state.full = false;
    expect(codes(await agent.pass())).toEqual([]);
    expect((await host.state.read("ledger"))?.addresses).toEqual(before);
    // What is ours leaves with the next change, and what is not stays.
    const next = new Agent(host, { network: changed });
    expect((await next.pass()).state).toBe("converged");
    expect(host.kernel.addresses).toEqual([{ device: "mgmt0", address: "10.1.0.99/32" }, ...after]);
  });
});

describe("an /etc that cannot be written", () => {
  const named = networkSettings({ neutron: { bridges: {}, systemId: "cmp07" } });

  async function readOnly(host: FakeHost, agent: Agent): Promise<void> {
    const write = () => Promise.reject(new AgentError({ code: "E_FILE_ACCESS", message: "system-id.conf: read-only" }));
    Object.assign(agent.process.ports.systemId, { write });
    host.systemId = undefined;
  }

  test("keeps no address off a host that boots, and is told until it can be", async () => {
    const host = await standingHost(named);
    host.reboot();
    const agent = new Agent(host, { network: named }, { ladder: true });
    await readOnly(host, agent);
    for (let pass = 0; pass < 2; pass += 1) {
      expect(codes(await agent.pass())).toEqual(["E_FILE_ACCESS"]);
      expect(host.kernel.addresses).toEqual(before);
      expect(host.kernel.routes).toHaveLength(1);
    }
    expect(agent.stands).toBe(true);
  });

  test("lets a change that needs it go back whole, not only its half in Open vSwitch", async () => {
    const host = await standingHost(named);
    const agent = new Agent(host, { network: { ...changed, neutron: { bridges: {}, systemId: "cmp08" } } });
    await readOnly(host, agent);
    expect(codes(await agent.pass())).toEqual(["E_NETWORK_ROLLED_BACK"]);
    expect(host.kernel.addresses).toEqual(before);
    expect((await stepsTo(host, named)).filter((kind) => kind !== "write-system-id")).toEqual([]);
  });
});
