import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AddressSettings, NetworkSettings } from "../../../agent/config/settings.ts";
import { conflicts } from "../../../agent/network/conflicts.ts";
import { converge } from "../../../agent/network/converge.ts";
import { targetOf } from "../../../agent/network/desired.ts";
import type { Observed } from "../../../agent/network/observed.ts";
import { plan } from "../../../agent/network/plan.ts";
import { snapshot } from "../../../agent/network/snapshot.ts";
import { FakeHost, FakeProcess, NICS } from "../../fakes/host.ts";
import { configOf, networkSettings } from "../../fakes/settings.ts";
import { configure } from "./capability.ts";

const never = new AbortController().signal;
const runs = { numRuns: 100 };

const vlanId = fc.integer({ min: 1, max: 4094 });

const vlans = fc
  .uniqueArray(vlanId, { minLength: 3, maxLength: 3 })
  .map(([management = 1, storage = 2, tenants = 3]) => ({
    management,
    storage,
    tenants,
  }));

const address = (third: number): fc.Arbitrary<AddressSettings> =>
  fc.record({
    vlan: fc.constantFrom("management", "storage"),
    ipv4: fc.subarray([`10.1.${third}.17/24`, `10.1.${third}.18/24`, `10.1.${third}.19/32`]),
    ipv6: fc.subarray([`fd00:1:${third}::17/64`]),
    routes: fc.subarray([
      { to: `10.9.${third}.0/24`, via: `10.1.${third}.9` },
      { to: `10.8.0.${third}/32`, via: `10.1.${third}.9` },
    ]),
  });

const addresses = fc
  .tuple(address(0), address(1), fc.subarray(["mgmt0", "stor0"] as const, { minLength: 1 }), fc.boolean())
  .map(([first, second, names, gateway]) => {
    const all = {
      mgmt0: {
        ...first,
        ipv4: [...new Set(["10.1.0.17/24", ...first.ipv4])],
        ...(gateway ? { gateway: "10.1.0.1" } : {}),
      },
      stor0: { ...second, ipv4: [...new Set(["10.1.1.17/24", ...second.ipv4])] },
    };
    return Object.fromEntries(names.map((name) => [name, all[name]]));
  });

const neutron = fc.option(
  fc
    .tuple(fc.subarray(["br-ex", "br-dmz"], { minLength: 1 }), fc.constantFrom("keep", "cmp07"))
    .map(([bridges, systemId]) => ({
      bridges: Object.fromEntries(bridges.map((name) => [name, { physnet: name, vlans: ["tenants"] }])),
      systemId,
    })),
  { nil: undefined },
);

const anyNetwork: fc.Arbitrary<NetworkSettings> = fc
  .record({
    bridge: fc.constantFrom("br-uplink", "br-other"),
    bondName: fc.constantFrom("bond0", "bond1"),
    primary: fc.constantFrom("em1", "em2", undefined),
    members: fc.constantFrom(["em1", "em2"], ["em2", "em1"], ["em1", "em2", "em3"], ["em2", "em3"]),
    byMac: fc.boolean(),
    mtu: fc.constantFrom(1500, 9000, undefined),
    updelayMs: fc.constantFrom(0, 30_000),
    vlans,
    addresses,
    neutron,
  })
  .map(({ bondName, primary, members, byMac, mtu, updelayMs, neutron: wanted, ...rest }) => {
    const { neutron: _, ...base } = networkSettings(rest);
    const nic = (name: keyof typeof NICS) => ({ fabric: "A", ...(byMac ? { mac: NICS[name] } : {}) });
    return {
      ...base,
      nics: { em1: nic("em1"), em2: nic("em2"), em3: { fabric: "B" } },
      bond: {
        name: bondName,
        members,
        mode: "active-backup",
        updelayMs,
        downdelayMs: 0,
        detect: "carrier",
        ...(primary !== undefined && members.some((name) => name === primary) ? { primary } : {}),
        ...(mtu === undefined ? {} : { mtu }),
      },
      ...(wanted === undefined ? {} : { neutron: wanted }),
    };
  });

/** What others have put on the host before us. */
interface Foreign {
  readonly bridge: "none" | "br-int" | "br-ex" | "br-uplink";
  readonly address: boolean;
  readonly wanted: boolean;
  readonly route: boolean;
  readonly manager: boolean;
  readonly systemId: boolean;
}

const anyForeign: fc.Arbitrary<Foreign> = fc.record({
  bridge: fc.constantFrom("none", "br-int", "br-ex", "br-uplink"),
  address: fc.boolean(),
  wanted: fc.boolean(),
  route: fc.boolean(),
  manager: fc.boolean(),
  systemId: fc.boolean(),
});

function hostWith(foreign: Foreign): FakeHost {
  const host = new FakeHost();
  const { database, kernel } = host;
  kernel.addNic("em3", "02:00:00:00:00:03", { carrier: true });
  if (foreign.bridge !== "none") {
    const port = (name: string, type: string, columns: object = {}) =>
      database.insert("Port", {
        name,
        interfaces: [database.insert("Interface", { name, type, external_ids: { "iface-id": name } })],
        ...columns,
      });
    const bridge = database.insert("Bridge", {
      name: foreign.bridge,
      fail_mode: ["secure"],
      other_config: { "disable-in-band": "true" },
      external_ids: { "bridge-id": foreign.bridge },
      ports: [
        port(foreign.bridge, "internal"),
        port("tap-vm", "internal", { tag: [7], other_config: { mine: "yes" } }),
      ],
    });
    database.set("Open_vSwitch", database.root._uuid, { bridges: [bridge] });
  }
  if (foreign.manager) {
    const manager = database.insert("Manager", { target: "ptcp:6640:127.0.0.1" });
    database.set("Open_vSwitch", database.root._uuid, { manager_options: [manager] });
  }
  if (foreign.systemId) {
    database.set("Open_vSwitch", database.root._uuid, {
      external_ids: { "system-id": "theirs", "ovn-remote": "tcp:1" },
    });
    host.systemId = "theirs";
  }
  kernel.addNic("dummy0", "02:00:00:00:00:09", { kind: "dummy", up: true });
  if (foreign.address) kernel.addresses.push({ device: "dummy0", address: "172.16.0.1/24" });
  if (foreign.route) kernel.routes.push({ to: "172.17.0.0/16", via: "172.16.0.9", device: "dummy0", protocol: 4 });
  host.refresh();
  return host;
}

/** Addresses that somebody put on our own port: a keepalived VIP, and one that a later configuration may want. */
function addVip(host: FakeHost, wanted: boolean): void {
  if (!host.kernel.links.has("mgmt0")) return;
  host.kernel.addresses.push({ device: "mgmt0", address: "10.1.0.100/32" });
  if (wanted && !host.kernel.addresses.some(({ address }) => address === "10.1.0.18/24")) {
    host.kernel.addresses.push({ device: "mgmt0", address: "10.1.0.18/24" });
  }
}

/** What is not ours, as it is now. Ports that stand on a device of ours, which a change may rebuild, are left out. */
function foreignPart({ ovs, kernel }: Observed, isForeign: (row: { readonly external_ids: object }) => boolean) {
  const stable = ({ _uuid, name, external_ids }: { _uuid: string; name: string; external_ids: object }) => ({
    _uuid,
    name,
    external_ids,
  });
  return {
    ports: ovs.ports.filter(({ name }) => name === "tap-vm"),
    interfaces: ovs.interfaces.filter(({ name }) => name === "tap-vm").map(stable),
    bridges: ovs.bridges
      .filter((row) => isForeign(row) && "bridge-id" in row.external_ids)
      .map(({ _uuid, name, controller }) => ({ _uuid, name, controller })),
    addresses: kernel.addresses.filter(({ device }) => device === "dummy0"),
    managers: ovs.managers.filter(isForeign),
    ids: ovs.root.external_ids["ovn-remote"],
  };
}

/** The host as a person would compare it: rows without their identities, in the order of their names. */
function shape({ ovs, kernel }: Observed, neutronBridges: boolean): unknown {
  const byName = <T extends { readonly name: string }>(rows: readonly T[]): T[] =>
    rows.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    bridges: byName(ovs.bridges).map(({ _uuid, ports, datapath_id: _id, fail_mode, ...columns }) => ({
      ...columns,
      ...(neutronBridges ? { fail_mode } : {}),
      ports: byName(ovs.ports.filter((row) => ports.includes(row._uuid))).map(
        ({ _uuid: _port, interfaces, bond_active_slave: _active, trunks, ...port }) => ({
          ...port,
          trunks: trunks.toSorted(),
          interfaces: byName(ovs.interfaces.filter((row) => interfaces.includes(row._uuid))).map(
            ({ name, type, mac, mtu_request, options, external_ids }) => ({
              name,
              type,
              mac,
              mtu_request,
              options,
              external_ids,
            }),
          ),
        }),
      ),
    })),
    managers: ovs.managers.map(({ target, external_ids }) => ({ target, external_ids })),
    ids: ovs.root.external_ids,
    mtus: kernel.links.map(({ name, mtu }) => `${name} ${mtu}`).toSorted(),
    addresses: kernel.addresses.map(({ device, address: cidr }) => `${device} ${cidr}`).toSorted(),
    routes: kernel.routes.map(({ to, via, device }) => `${to} ${via} ${device}`).toSorted(),
  };
}

const isForeign = (row: { readonly external_ids: object }): boolean => !("devcloud-owner" in row.external_ids);

describe("for any two networks, on any host", () => {
  test("applying one after the other leaves nothing to do, and no row of others changed", async () => {
    await fc.assert(
      fc.asyncProperty(anyNetwork, anyNetwork, anyForeign, async (a, b, foreign) => {
        const host = hostWith(foreign);
        const before = foreignPart(await host.observe(), isForeign);
        for (const [index, network] of [a, b].entries()) {
          const config = configOf(network, index + 1);
          const found = await host.observe();
          fc.pre(conflicts(targetOf(config, found), found).length === 0);
          await configure(host, network, index + 1);
          const now = await host.observe();
          expect(plan(targetOf(config, now), now)).toEqual([]);
          const after = foreignPart(now, isForeign);
          expect({ ...after, bridges: [] }).toEqual({ ...before, bridges: [] });
          if (index === 0) addVip(host, foreign.wanted);
        }
      }),
      runs,
    );
  });

  test("rolling the second one back gives the host as the first one left it", async () => {
    await fc.assert(
      fc.asyncProperty(anyNetwork, anyNetwork, anyForeign, async (a, b, foreign) => {
        const host = hostWith(foreign);
        const first = await host.observe();
        fc.pre(conflicts(targetOf(configOf(a), first), first).length === 0);
        await configure(host, a);
        addVip(host, foreign.wanted);
        const before = await host.observe();
        const change = targetOf(configOf(b, 2), before);
        fc.pre(conflicts(change, before).length === 0);
        // Kept as JSON between the two, as it is on the disk.
        const back = JSON.parse(JSON.stringify(snapshot(before, change))) as ReturnType<typeof snapshot>;
        await configure(host, b, 2);
        // The kernel forgets a stranger's address with the port that it was on; nobody can give that back.
        const survived = new Set((await host.observe()).kernel.addresses.map(({ address: cidr }) => cidr));
        await converge(new FakeProcess(host).ports, () => back, never, { insist: true });
        const after = await host.observe();
        expect(plan(back, after)).toEqual([]);
        const expected = {
          ...before,
          kernel: {
            ...before.kernel,
            addresses: before.kernel.addresses.filter(
              (entry) =>
                survived.has(entry.address) ||
                before.ledger.some(({ device, address: cidr }) => device === entry.device && cidr === entry.address),
            ),
          },
        };
        expect(shape(after, true)).toEqual(shape(expected, true));
      }),
      runs,
    );
  });

  test("applying one twice writes nothing the second time", async () => {
    await fc.assert(
      fc.asyncProperty(anyNetwork, anyForeign, async (network, foreign) => {
        const host = hostWith(foreign);
        const found = await host.observe();
        fc.pre(conflicts(targetOf(configOf(network), found), found).length === 0);
        await configure(host, network);
        const { commits } = host;
        const before = await host.observe();
        await configure(host, network);
        expect(host.commits).toBe(commits);
        expect(await host.observe()).toEqual(before);
      }),
      runs,
    );
  });
});
