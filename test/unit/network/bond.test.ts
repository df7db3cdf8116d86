import { describe, expect, test } from "vitest";
import { FakeHost } from "../../fakes/host.ts";
import { networkSettings } from "../../fakes/settings.ts";
import { Agent, standingHost, stepsTo } from "./capability.ts";

const base = networkSettings();
const preferring = (failback: "always" | "never") =>
  networkSettings({ bond: { ...base.bond, primary: "em2", failback } });

const bondOf = (host: FakeHost) => {
  const [port] = host.database.observe().ports.filter(({ name }) => name === "bond0");
  if (port === undefined) throw new Error("there is no bond");
  return port;
};
const primaryOf = (host: FakeHost): string | undefined => bondOf(host).other_config["bond-primary"];

describe("the primary of a bond", () => {
  test("is gone back to by Open vSwitch, where that is wanted", async () => {
    const host = await standingHost(preferring("always"));
    expect(primaryOf(host)).toBe("em2");
    const agent = new Agent(host, { network: preferring("always") });
    await agent.pass();
    expect(primaryOf(host)).toBe("em2");
  });

  test("is the first choice and no more, where it is not to be gone back to", async () => {
    const network = preferring("never");
    const host = new FakeHost();
    const agent = new Agent(host, { network });
    // Before a member carries traffic Open vSwitch is told whom to choose.
    const told: (string | undefined)[] = [];
    const { commit } = agent.process.ports.ovs;
    Object.assign(agent.process.ports.ovs, {
      commit: async (...args: Parameters<typeof commit>) => {
        await commit(...args);
        told.push(primaryOf(host));
      },
    });
    await agent.pass();
    expect(told[0]).toBe("em2");
    for (let pass = 0; pass < 2; pass += 1) await agent.pass();
    expect(primaryOf(host)).toBeUndefined();
    expect(await stepsTo(host, network)).toEqual([]);
    // It goes and comes back: nobody asks for it again.
    host.kernel.change("em2", { carrier: false });
    await agent.pass();
    host.kernel.change("em2", { carrier: true });
    await agent.pass();
    expect(primaryOf(host)).toBeUndefined();
  });
});

describe("the trunk of a bond", () => {
  test("is all VLANs of the configuration, that of the management always, and never empty, which would mean all", async () => {
    for (const vlans of [base.vlans, { management: 100 }, { tenants: 7, management: 4094 }]) {
      const { neutron: _, ...rest } = base;
      const host = await standingHost({ ...rest, vlans });
      expect(bondOf(host)).toMatchObject({ vlan_mode: ["trunk"], tag: [] });
      expect([...bondOf(host).trunks].sort()).toEqual(Object.values(vlans).toSorted());
    }
  });

  test("has its native VLAN untagged, and back to tagged when that goes", async () => {
    const native = networkSettings({ bond: { ...base.bond, nativeVlan: "developers" } });
    const host = await standingHost(native);
    expect(bondOf(host)).toMatchObject({ vlan_mode: ["native-untagged"], tag: [110], trunks: [100, 105, 110] });
    expect((await new Agent(host, { network: base }).pass()).state).toBe("converged");
    expect(bondOf(host)).toMatchObject({ vlan_mode: ["trunk"], tag: [], trunks: [100, 105, 110] });
  });
});

describe("OVN at work on a host", () => {
  const keys = { "ovn-remote": "tcp:10.0.0.1:6642" };

  test("is refused before the first network touches anything, with what to do instead", async () => {
    const host = new FakeHost();
    host.database.set("Open_vSwitch", host.database.root._uuid, { external_ids: keys });
    const agent = new Agent(host, { network: base });
    await expect(agent.pass()).rejects.toMatchObject({ code: "E_NETWORK_OVN" });
    expect(agent.process.effects).toBe(0);
    // And a host that has no other address gets a way in.
    const daemon = new Agent(host, { network: base }, { ladder: true });
    for (let pass = 0; pass < 10; pass += 1) {
      await daemon.pass().catch(() => undefined);
      await host.clock.sleep(5_000, new AbortController().signal);
    }
    expect(daemon.network.rung).toMatchObject({ rung: 3 });
    expect(host.database.observe().bridges).toEqual([]);
  });

  test("keeps a change off, and never the network that stands", async () => {
    const host = await standingHost();
    const { external_ids } = host.database.root;
    host.database.set("Open_vSwitch", host.database.root._uuid, { external_ids: { ...external_ids, ...keys } });
    host.reboot();
    const agent = new Agent(host, { network: networkSettings({ vlans: { ...base.vlans, management: 101 } }) });
    const { problems } = await agent.pass();
    expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(["E_NETWORK_OVN"]));
    expect(agent.stands).toBe(true);
    expect(await stepsTo(host, base)).toEqual([]);
    expect(host.state.names).not.toContain("pending");
  });

  test("does not matter where Neutron gets nothing from us", async () => {
    const { neutron: _, ...without } = base;
    const host = new FakeHost();
    host.database.set("Open_vSwitch", host.database.root._uuid, { external_ids: keys });
    expect((await new Agent(host, { network: without }).pass()).state).toBe("converged");
    expect(host.database.root.external_ids).toMatchObject(keys);
  });
});
