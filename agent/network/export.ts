import type { NetworkSettings } from "../config/settings.ts";
import { linkOf } from "./desired.ts";
import type { Link } from "./observed.ts";

/**
 * A network as the kernel alone can have it: one active-backup bond, and a device for each VLAN with addresses, which for the native one
 * is the bond itself.
 */
export interface KernelNetwork {
  readonly bond: {
    readonly name: string;
    readonly members: readonly ExportedNic[];
    readonly primary?: string;
    readonly updelayMs: number;
    readonly downdelayMs: number;
    readonly mtu?: number;
    /** Of the host now, so that it keeps its address on the cable. */
    readonly mac?: string;
  };
  readonly ports: readonly KernelPort[];
  readonly dns: readonly string[];
}

export interface ExportedNic {
  readonly device: string;
  readonly mac?: string;
}

export interface KernelPort {
  readonly device: string;
  /** Of the configuration's addresses on it: the kernel has one device for a VLAN. */
  readonly names: readonly string[];
  /** Absent: the frames of this port have no tag, and it is the bond itself. */
  readonly vlan?: number;
  readonly mtu?: number;
  readonly addresses: readonly string[];
  /** At most one of a family. */
  readonly gateways: readonly string[];
  readonly routes: readonly { readonly to: string; readonly via: string }[];
}

/** How often the kernel looks at the link of a member, which a delay has to be a multiple of. */
export const MIIMON_MS = 100;

/**
 * The way out: the configured network without Open vSwitch and without the agent. Devices are called by the names that the links
 * have now, VLANs as their ports are. Pure. What only Open vSwitch has (Neutron's bridges) is not in it.
 */
export function exportNetwork(network: NetworkSettings, dns: readonly string[], links: readonly Link[]): KernelNetwork {
  const { name, members, primary, updelayMs, downdelayMs, mtu } = network.bond;
  const found = members.map((nic) => {
    const link = linkOf(nic, network, links);
    const mac = network.nics[nic]?.mac ?? link?.mac;
    return { nic, device: link?.name ?? nic, ...(mac === undefined || mac === "" ? {} : { mac }) };
  });
  const preferred = found.find(({ nic }) => nic === primary)?.device;
  const mac = found[0]?.mac;
  const vlans = [...new Set(Object.values(network.addresses).map(({ vlan }) => vlan))];
  return {
    bond: {
      name,
      members: found.map(({ nic: _, ...member }) => member),
      ...(preferred === undefined ? {} : { primary: preferred }),
      updelayMs: wholeMultiple(updelayMs),
      downdelayMs: wholeMultiple(downdelayMs),
      ...(mtu === undefined ? {} : { mtu }),
      ...(mac === undefined ? {} : { mac }),
    },
    ports: vlans.map((vlan) => portOf(network, vlan)),
    dns,
  };
}

/** The device is called like the first of its addresses. */
function portOf({ addresses, bond, vlans }: NetworkSettings, vlan: string): KernelPort {
  const entries = Object.entries(addresses).filter(([, entry]) => entry.vlan === vlan);
  const names = entries.map(([name]) => name);
  const id = vlan === bond.nativeVlan ? undefined : vlans[vlan];
  const all = entries.map(([, entry]) => entry);
  const mtus = all.flatMap(({ mtu }) => mtu ?? []);
  return {
    device: (id === undefined ? undefined : names[0]) ?? bond.name,
    names,
    ...(id === undefined ? {} : { vlan: id }),
    ...(mtus.length === 0 ? {} : { mtu: Math.min(...mtus) }),
    addresses: all.flatMap(({ ipv4, ipv6 }) => [...ipv4, ...ipv6]),
    gateways: all.flatMap(({ gateway }) => gateway ?? []),
    routes: all.flatMap(({ routes }) => routes),
  };
}

function wholeMultiple(ms: number): number {
  return Math.ceil(ms / MIIMON_MS) * MIIMON_MS;
}
