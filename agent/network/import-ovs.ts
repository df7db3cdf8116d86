import type { Imported, ImportedAddress, ImportResult, ImportView } from "./import-parts.ts";
import { hasGateway, importAddress, nameVlans, USUAL_MTU } from "./import-parts.ts";
import { bridgeOf, findInterface, interfacesOf, type OvsObserved, portsOf } from "./observed.ts";
import type { BridgeRow, InterfaceRow, PortRow } from "./schema.ts";

/** A host whose uplinks are a bond of Open vSwitch. */
export function importOvs(view: ImportView, ovs: OvsObserved): ImportResult {
  const bonds = ovs.ports.filter((port) => port.interfaces.length > 1);
  const [bond, ...others] = bonds;
  const bridge = bond && bridgeOf(ovs, bond);
  const why = refusals(ovs, bonds);
  if (bond === undefined || bridge === undefined || why.length > 0) return { ok: false, why };
  const found: Found = { view, ovs, bond, bridge, ports: portsOf(ovs, bridge).filter((port) => port !== bond) };
  return others.length > 0 ? { ok: false, why } : imported(found);
}

interface Found {
  readonly view: ImportView;
  readonly ovs: OvsObserved;
  readonly bond: PortRow;
  readonly bridge: BridgeRow;
  /** Of the bridge, without the bond. */
  readonly ports: readonly PortRow[];
}

const MODES = new Set(["active-backup"]);

function refusals(ovs: OvsObserved, bonds: readonly PortRow[]): string[] {
  const ovn = Object.keys(ovs.root.external_ids).find((key) => key === "ovn-remote" || key === "ovn-encap-type");
  return [
    ...(ovn === undefined ? [] : [`Open vSwitch is OVN's (external_ids:${ovn}), which the agent does not look after`]),
    ...(bonds.length > 1
      ? [`there are several bonds (${bonds.map(({ name }) => name).join(", ")}); the configuration has one`]
      : []),
    ...bonds.flatMap(({ name, lacp, bond_mode: [mode = "active-backup"] }) => [
      ...(lacp.length > 0 && lacp[0] !== "off" ? [`${name} speaks LACP (${lacp[0]})`] : []),
      ...(MODES.has(mode) ? [] : [`${name} has the mode ${mode}; the configuration has active-backup`]),
    ]),
  ];
}

function imported(found: Found): ImportResult {
  const { view, ovs, bond, bridge, ports } = found;
  const internals = ports.flatMap((port) => internalPort(port, ovs, bridge));
  const addressed = internals.filter(({ name }) => view.kernel.addresses.some(({ device }) => device === name));
  const untagged = addressed.filter(({ tag }) => tag === undefined);
  if (untagged.length > 0) {
    return { ok: false, why: untagged.map(({ name }) => `${name} has an address and no VLAN tag in Open vSwitch`) };
  }
  const native = nativeOf(bond);
  const patches = ports.flatMap((port) => patchTo(port, ovs)).filter(({ trunks }) => trunks.length > 0);
  const management = addressed.find(({ name }) => hasGateway(view, name))?.tag;
  const listed = bond.trunks.length > 0 || native !== undefined;
  const ids = [
    ...bond.trunks,
    ...addressed.flatMap(({ tag }) => tag ?? []),
    ...patches.flatMap(({ trunks }) => trunks),
  ];
  const vlans = nameVlans([...ids, ...(native === undefined ? [] : [native])], management);
  const nameOf = (id: number | undefined): string => vlans.find((vlan) => vlan.id === id)?.name ?? "";
  const entries = addressed.map(({ name, tag }) => importAddress(view, name, { name, vlan: nameOf(tag) }));
  const own = [...addressed.map(({ name }) => name), bridge.name].flatMap((name) => macOf(findInterface(ovs, name)));
  // The first member's MAC stands for the host: that whose MAC the host has already is the first.
  const members = [...interfacesOf(ovs, bond)].sort(
    (a, b) => rank(own, nicOf(a, view).mac) - rank(own, nicOf(b, view).mac) || a.name.localeCompare(b.name),
  );
  const nics = members.map((row) => nicOf(row, view));
  const { hostname } = ovs.root.external_ids;
  const network: Imported = {
    from: "openvswitch",
    ...(bridge.datapath_type === "netdev" ? { datapath: "netdev" } : {}),
    nics,
    bond: bondOf(bond, members, view),
    bridge: bridge.name,
    vlans,
    ...(native === undefined ? {} : { nativeVlan: nameOf(native) }),
    addresses: entries.map(({ address }) => asAsked(address, findInterface(ovs, address.name), nics[0]?.mac)),
    neutron: patches.map(({ to, trunks }) => ({
      bridge: to,
      vlans: trunks.map(nameOf),
    })),
    ...(patches.length > 0 && hostname !== undefined ? { hostName: hostname } : {}),
    dns: view.dns,
    remarks: [
      ...entries.flatMap(({ remarks }) => remarks),
      ...(listed
        ? []
        : [`${bond.name} carries every VLAN now; with this configuration it carries those of vlans only`]),
      ...foreign(found, addressed),
    ],
  };
  return { ok: true, network };
}

function macOf(row: InterfaceRow | undefined): readonly string[] {
  return row?.mac[0] === undefined ? (row?.mac_in_use ?? []) : row.mac;
}

function rank(own: readonly string[], mac: string): number {
  const found = own.indexOf(mac);
  return found < 0 ? own.length : found;
}

interface InternalPort {
  readonly name: string;
  readonly tag: number | undefined;
}

function internalPort(port: PortRow, ovs: OvsObserved, bridge: BridgeRow): InternalPort[] {
  const [entry] = interfacesOf(ovs, port);
  const internal = entry?.type === "internal" || port.name === bridge.name;
  return internal ? [{ name: port.name, tag: port.tag[0] }] : [];
}

function patchTo(port: PortRow, ovs: OvsObserved) {
  const peer = interfacesOf(ovs, port)[0]?.options.peer;
  const holder = ovs.ports.find(({ name }) => name === peer);
  const bridge = holder && bridgeOf(ovs, holder);
  return bridge === undefined ? [] : [{ to: bridge.name, name: port.name, peer, trunks: port.trunks }];
}

/** The VLAN whose frames have no tag on the cable. */
function nativeOf({ vlan_mode: [mode], tag: [tag] }: PortRow): number | undefined {
  return mode === "native-untagged" || mode === "access" || mode === undefined ? tag : undefined;
}

function bondOf(port: PortRow, members: readonly InterfaceRow[], { kernel }: ImportView): Imported["bond"] {
  const primary = port.other_config["bond-primary"];
  const [asked] = members.flatMap((row) => row.mtu_request);
  const [found] = kernel.links.filter((link) => members.some(({ name }) => name === link.name)).map((link) => link.mtu);
  const mtu = asked ?? (found === USUAL_MTU ? undefined : found);
  return {
    name: port.name,
    members: members.map(({ name }) => name),
    ...(members.some(({ name }) => name === primary) && primary !== undefined ? { primary } : {}),
    updelayMs: port.bond_updelay,
    downdelayMs: port.bond_downdelay,
    detect: port.other_config["bond-detect-mode"] === "miimon" ? "miimon" : "carrier",
    ...(mtu === undefined ? {} : { mtu }),
  };
}

/**
 * Open vSwitch sets the MTU that is asked for and else chooses itself: only the first is a setting. The MAC address that it chose
 * is one, because neighbours know the host by it.
 */
function asAsked(
  { mtu: _, ...address }: ImportedAddress,
  row: InterfaceRow | undefined,
  hostMac: string | undefined,
): ImportedAddress {
  const [mtu] = row?.mtu_request ?? [];
  const [mac] = macOf(row);
  return {
    ...address,
    ...(mtu === undefined ? {} : { mtu }),
    ...(mac === undefined || mac === hostMac ? {} : { mac }),
  };
}

function nicOf({ name }: InterfaceRow, { kernel }: ImportView): Imported["nics"][number] {
  const mac = kernel.links.find((link) => link.name === name)?.mac ?? "";
  return { name, mac };
}

/** What else is on the bridge: the agent leaves it where it is. */
function foreign({ ports, ovs, bridge }: Found, addressed: readonly InternalPort[]): string[] {
  return ports.flatMap((port) => {
    if (port.name === bridge.name || addressed.some(({ name }) => name === port.name)) return [];
    const [patch] = patchTo(port, ovs);
    if (patch !== undefined) {
      if (patch.trunks.length === 0) {
        return [
          `the patch port ${port.name} carries every VLAN to ${patch.to}: Neutron's have to be named under neutron`,
        ];
      }
      const ours = port.name === `to-${patch.to}` && patch.peer === `up-${patch.to}`;
      return ours
        ? []
        : [`the patch port ${port.name} to ${patch.to} stays beside the agent's own: remove one of them`];
    }
    return [`the port ${port.name} of ${bridge.name} is not the agent's, and is left alone`];
  });
}
