import { describe, expect, test } from "vitest";
import type { NetworkSettings } from "../../../agent/config/settings.ts";
import { FakeHost } from "../../fakes/host.ts";
import { configOf, networkSettings, onVlan } from "../../fakes/settings.ts";
import { Agent, codes, standingHost, stepsTo } from "./capability.ts";

const good = networkSettings();
/** Another VLAN and another address: both Open vSwitch and the kernel have to go back. */
const changed: NetworkSettings = {
  ...onVlan(101),
  addresses: { mgmt0: { vlan: "management", ipv4: ["10.1.1.17/24"], ipv6: [], gateway: "10.1.1.1", routes: [] } },
};
const before = [{ device: "mgmt0", address: "10.1.0.17/24" }];

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
});
