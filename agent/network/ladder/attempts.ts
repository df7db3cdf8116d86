import { linkOf, type NetworkConfig } from "../desired.ts";
import type { HostObserved, Link } from "../observed.ts";
import type { Avoided } from "../uplinks/avoid.ts";

/** Why the network could not be made as it has to be, as far as it matters here. */
export type Cause = "ovs-dead" | "not-converging" | "in-use" | "no-configuration";

const causes: Readonly<Record<string, Cause>> = {
  E_OVSDB_UNREACHABLE: "ovs-dead",
  E_OVSDB_EMPTY: "ovs-dead",
  E_OVSDB_REFUSED: "ovs-dead",
  E_OVS_NOT_APPLIED: "ovs-dead",
  E_NETWORK_NOT_CONVERGING: "not-converging",
  E_NETWORK_CONFLICT: "in-use",
  E_NETWORK_OVN: "in-use",
};

/** Absent: nothing that a lower rung would help against, such as another agent at work, or a full disk. */
export function causeOf(code: string): Cause | undefined {
  return causes[code];
}

/** What is known when the network could not be made as it has to be. */
export interface Facts {
  readonly cause: Cause;
  /** What the host holds on to: the last good network or, on its first boot, the desired one. */
  readonly config?: NetworkConfig;
  /** It was proven good before. */
  readonly proven: boolean;
  readonly host: HostObserved;
  /** NICs that the bond is kept off. */
  readonly avoid: readonly Pick<Avoided, "nic">[];
  /** The NIC, by its name in the configuration, that carries the addresses without Open vSwitch already. */
  readonly on?: string;
}

/** One thing to try. It is taken when the gateway answers over it, or without asking where `asks` is false. */
export type Attempt =
  /** Leave everything as it is: Open vSwitch cannot be asked or refuses something, and may forward all the same. */
  | { readonly rung: "last-good"; readonly asks: true }
  | { readonly rung: "single-member"; readonly nic: string; readonly device: string; readonly asks: false }
  | { readonly rung: "kernel-vlan"; readonly nic: string; readonly device: string; readonly asks: boolean }
  | { readonly rung: "link-local"; readonly devices: readonly string[]; readonly asks: false };

/**
 * What to try, from the highest rung down; nothing, when no rung would help. Pure. Without carrier on any NIC there is nothing
 * to climb down for: bond and address stay, and the cable is waited for.
 */
export function attempts({ cause, config, proven, host, avoid, on }: Facts): readonly Attempt[] {
  if (cause === "no-configuration" || config === undefined) {
    const nics = host.kernel.links.filter(isUnusedNic);
    return reachable(host, []) ? [] : linkLocal(nics);
  }
  const { network } = config;
  const kept = (nic: string): boolean => avoid.some((entry) => entry.nic === nic);
  // One that the bond is kept off is better than none.
  const members = network.bond.members
    .toSorted((a, b) => Number(kept(a)) - Number(kept(b)))
    .flatMap((nic) => {
      const link = linkOf(nic, network, host.kernel.links);
      return link?.carrier === true ? [{ nic, link }] : [];
    });
  if (members.length === 0) return [];
  // Not proven: whoever works on this host now works through what is there.
  if (!proven && reachable(host, Object.keys(network.addresses))) return [];
  if (!proven && cause === "in-use") return linkLocal(members.map(({ link }) => link));
  const vlans = members
    // One that the kernel gave to a bridge or a bond of its own is somebody else's; Open vSwitch's is ours.
    .filter(({ link }) => link.master === undefined || link.master === "ovs-system")
    .map(({ nic, link }): Attempt => ({ rung: "kernel-vlan", nic, device: link.name, asks: true }));
  const present = vlans.find((attempt) => attempt.rung === "kernel-vlan" && attempt.nic === on);
  const others = vlans.filter((attempt) => attempt !== present);
  return [
    // Whoever has one address refused keeps those that work: to move them for it would cut off what it is about to save.
    ...(cause !== "in-use" && on === undefined ? [{ rung: "last-good", asks: true } as const] : []),
    ...(cause === "ovs-dead"
      ? []
      : members.map(({ nic, link }): Attempt => ({ rung: "single-member", nic, device: link.name, asks: false }))),
    ...(present === undefined ? [] : [present]),
    ...others,
    // The gateway may be down for a while: what stood stays, as long as no other NIC does better.
    ...(present === undefined ? [] : [{ ...present, asks: false } as Attempt]),
    ...linkLocal(members.map(({ link }) => link)),
  ];
}

function linkLocal(links: readonly Link[]): Attempt[] {
  const devices = links.filter(({ carrier }) => carrier).map(({ name }) => name);
  return devices.length === 0 ? [] : [{ rung: "link-local", devices, asks: false }];
}

/** Whether the host has an address that works as far as anybody can see, and that is none of `ours`. */
function reachable({ kernel, ledger }: HostObserved, ours: readonly string[]): boolean {
  return kernel.addresses.some(({ device, address }) => {
    const known = ours.includes(device) || ledger.some((entry) => entry.device === device && entry.address === address);
    return !known && kernel.links.some(({ name, carrier, up }) => name === device && up && carrier);
  });
}

/** Hardware that nobody uses. */
export function isUnusedNic({ name, kind, master, mac }: Link): boolean {
  const loopback = name === "lo" || mac === "" || mac === "00:00:00:00:00:00";
  return !loopback && master === undefined && (kind === undefined || kind === "veth");
}
