import { isIn, parseCidr, sameNet } from "../core/ip.ts";

/**
 * The whole of what the kernel holds, whoever made it: what an adoption takes over, and an import writes down. Asked for only by
 * them; a pass of the loop looks at less.
 */
export interface KernelWhole {
  readonly links: readonly WholeLink[];
  /** Global addresses of every device. */
  readonly addresses: readonly WholeAddress[];
  /** Unicast routes of every table that somebody made, or that a router announced as the way by it: not the kernel's own. */
  readonly routes: readonly WholeRoute[];
}

export interface Link {
  readonly name: string;
  /** The permanent MAC address where the driver tells it, else the current one. Lower case. */
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly carrier: boolean;
  /** It has an IPv6 address of its own making, so it speaks IPv6 on the wire. */
  readonly linkLocal: boolean;
  /** PCI address of the device, e.g. `0000:3b:00.1`. */
  readonly pci?: string;
  /** What made the device, e.g. `vlan`, `veth`, `openvswitch` or `tun`; absent for hardware. */
  readonly kind?: string;
  /** The device that this one stands on: the NIC of a kernel VLAN. */
  readonly parent?: string;
  /** The device that this one is enslaved to. */
  readonly master?: string;
}

export interface WholeLink extends Link {
  /** The MAC address of now, which a bond or a person may have set. Lower case. */
  readonly address: string;
  readonly vlan?: { readonly id: number; readonly protocol: string };
  readonly bond?: KernelBond;
}

export interface KernelBond {
  readonly mode: string;
  /** The member that carries the traffic. */
  readonly active?: string;
  readonly primary?: string;
  readonly miimonMs: number;
  readonly updelayMs: number;
  readonly downdelayMs: number;
  /** Every option as `ip link add type bond` takes it, in an order that it takes them in. */
  readonly options: readonly (readonly [name: string, value: string])[];
}

export interface WholeAddress {
  readonly device: string;
  /** CIDR form. */
  readonly address: string;
  /** Of the route that the kernel makes of it, where it is not the family's usual one. */
  readonly metric?: number;
  /** Seconds that are left of it, where somebody gave it for a time (DHCP, a router). */
  readonly validS?: number;
  readonly preferredS?: number;
  readonly broadcast?: string;
  readonly noprefixroute?: true;
  /** Made from what a router says. */
  readonly automatic?: true;
  /** Automatic, and replaced by another one now and then (RFC 8981): nobody is called by it. */
  readonly temporary?: true;
}

export interface WholeRoute {
  /** `default` or CIDR form. */
  readonly to: string;
  readonly via?: string;
  readonly device: string;
  readonly family: 4 | 6;
  readonly protocol: number;
  readonly table: number;
  readonly metric?: number;
  /** As a number of rtnetlink(7); IPv6 has none. */
  readonly scope?: number;
  readonly source?: string;
  readonly onlink?: true;
  /** Seconds that are left of it, where a router gave it for a time. */
  readonly expiresS?: number;
  /** One next hop of several, among which the kernel shares the traffic. */
  readonly shared?: true;
}

/** The protocol number of what a router announced (rtnetlink(7), RTPROT_RA). */
export const ROUTER_PROTOCOL = 9;

/** RFC 3927, RFC 4291. */
const LINK_LOCAL = ["169.254.0.0/16", "fe80::/10"];

/** The main table of routes. */
export const MAIN_TABLE = 254;

/** A part of the kernel's network, to be made again as it was. Plain JSON. */
export interface KernelImage {
  /** A device comes after those that it needs. */
  readonly links: readonly LinkImage[];
  readonly addresses: readonly WholeAddress[];
  readonly routes: readonly WholeRoute[];
}

export interface LinkImage {
  readonly name: string;
  readonly up: boolean;
  readonly mtu: number;
  readonly address: string;
  readonly master?: string;
  /** It had addresses of IPv6's own making: IPv6 was not switched off. */
  readonly ipv6: boolean;
  /** How it is made, where it is not hardware. */
  readonly made?:
    | { readonly kind: "vlan"; readonly parent: string; readonly id: number; readonly protocol: string }
    | { readonly kind: "bond"; readonly options: KernelBond["options"]; readonly primary?: string };
}

/** `::/0` and not `default`, which is the name of IPv4's too. */
export function destinationOf({ to, family }: Pick<WholeRoute, "to" | "family">): string {
  return to === "default" && family === 6 ? "::/0" : to;
}

/** A route that comes with these addresses, or with the device alone: to their nets, and to what is link-local. */
export function comesWith(
  { to, via, table }: Pick<WholeRoute, "to" | "via" | "table">,
  addresses: readonly string[],
): boolean {
  const net = parseCidr(to);
  if (net === undefined || via !== undefined || table !== MAIN_TABLE) return false;
  return LINK_LOCAL.some((range) => isIn(net, range)) || addresses.some((own) => sameNet(own, to));
}

/** Open vSwitch made the device, in the kernel or, on its datapath in user space, as a tap. */
export function isOfOvs({ kind }: Link): boolean {
  return kind === "openvswitch" || kind === "tun";
}

/** The address without its prefix length. */
export function bare(cidr: string): string {
  return cidr.split("/")[0] ?? cidr;
}

/** The devices that stand on these, and what these are enslaved to, with all of theirs: what is lost when one of them is. */
export function connected(names: readonly string[], links: readonly Link[]): readonly string[] {
  const found = new Set(names);
  for (let before = 0; before < found.size; ) {
    before = found.size;
    for (const { name, kind, parent, master } of links) {
      const stands = kind === "vlan" && parent !== undefined && found.has(parent);
      if (stands || (kind !== "openvswitch" && master !== undefined && found.has(master))) found.add(name);
      if (found.has(name) && master !== undefined && master !== "ovs-system") found.add(master);
    }
  }
  return [...found];
}
