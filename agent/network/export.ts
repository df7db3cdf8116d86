import type { NetworkSettings } from "../config/settings.ts";
import { linkOf } from "./desired.ts";
import type { Link } from "./observed.ts";

/** A network as the kernel alone can have it: one active-backup bond, a VLAN for each address, or the bond itself for the native one. */
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
  /** Absent: the frames of this port have no tag, and it is the bond itself. */
  readonly vlan?: number;
  readonly mtu?: number;
  readonly addresses: readonly string[];
  /** Of either family. */
  readonly gateway?: string;
  readonly routes: readonly { readonly to: string; readonly via: string }[];
}

/** How often the kernel looks at the link of a member, which a delay has to be a multiple of. */
export const MIIMON_MS = 100;

/**
 * The way out: the configured network without Open vSwitch and without the agent. Devices are called by the names that the links
 * have now, VLANs as their ports are. Pure. What only Open vSwitch has (Neutron's bridges) is not in it.
 */
export function exportNetwork(network: NetworkSettings, dns: readonly string[], links: readonly Link[]): KernelNetwork {
  const { name, members, primary, updelayMs, downdelayMs, mtu, nativeVlan } = network.bond;
  const found = members.map((nic) => {
    const link = linkOf(nic, network, links);
    const mac = network.nics[nic]?.mac ?? link?.mac;
    return { nic, device: link?.name ?? nic, ...(mac === undefined || mac === "" ? {} : { mac }) };
  });
  const preferred = found.find(({ nic }) => nic === primary)?.device;
  const mac = found[0]?.mac;
  const native = Object.entries(network.addresses).find(([, { vlan }]) => vlan === nativeVlan)?.[0];
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
    ports: Object.entries(network.addresses).map(([device, entry]) => {
      const { vlan, ipv4, ipv6, gateway, routes, mtu: own } = entry;
      const id = device === native ? undefined : network.vlans[vlan];
      return {
        device: id === undefined ? name : device,
        ...(id === undefined ? {} : { vlan: id }),
        ...(own === undefined ? {} : { mtu: own }),
        addresses: [...ipv4, ...ipv6],
        ...(gateway === undefined ? {} : { gateway }),
        routes,
      };
    }),
    dns,
  };
}

function wholeMultiple(ms: number): number {
  return Math.ceil(ms / MIIMON_MS) * MIIMON_MS;
}
