import type { HostSettings, NetworkSettings } from "../config/settings.ts";
import { objects } from "./objects/index.ts";
import type { Context } from "./objects/object.ts";
import type { Link, Observed } from "./observed.ts";
import { standsForNic } from "./owner.ts";
import type { PortTarget, Target } from "./target.ts";

/** A configuration as it is asked for and stored: with the name that the host has in it, and its place in history. */
export interface NetworkConfig {
  readonly network: NetworkSettings;
  readonly hostName?: string;
  /** Addresses of the name servers; absent: whoever sets them now. */
  readonly dns?: readonly string[];
  /** Of all of these; equal configurations have equal hashes. */
  readonly hash: string;
  /** Counts the confirmed changes of this host. */
  readonly revision: number;
}

/** What of `host` belongs to its network, and to the hash of that. */
export function partOfHost(host: HostSettings | undefined): Pick<NetworkConfig, "hostName" | "dns"> {
  return {
    ...(host?.name === undefined ? {} : { hostName: host.name }),
    ...(host === undefined || host.dns.length === 0 ? {} : { dns: host.dns }),
  };
}

/** The target that a configuration means on this host. Pure. */
export function targetOf(config: NetworkConfig, observed: Observed): Target {
  const context = contextOf(config, observed);
  const parts = objects.map((object) => object(context));
  const systemIdFile = parts.find((part) => part.systemIdFile !== undefined)?.systemIdFile;
  const dns = parts.find((part) => part.dns !== undefined)?.dns;
  const ports = parts.flatMap((part) => part.ports ?? []);
  return {
    bridges: parts
      .flatMap((part) => part.bridges ?? [])
      .map((bridge) => ({ ...bridge, ports: portsOn(bridge.name, ports) })),
    managers: parts.flatMap((part) => part.managers ?? []),
    externalIds: Object.fromEntries(parts.flatMap((part) => Object.entries(part.externalIds ?? {}))),
    ...(systemIdFile === undefined ? {} : { systemIdFile }),
    ...(dns === undefined ? {} : { dns }),
    links: [...new Set(parts.flatMap((part) => part.links ?? []))].sort(),
    addresses: parts.flatMap((part) => part.addresses ?? []),
    routes: parts.flatMap((part) => part.routes ?? []),
  };
}

function contextOf({ network, hostName, dns, hash, revision }: NetworkConfig, observed: Observed): Context {
  const deviceOf = (nic: string): string | undefined => deviceBehind(nic, network, observed);
  const hostMac = hostMacOf(network, observed);
  return {
    network,
    hash,
    revision,
    observed,
    deviceOf,
    dns: dns ?? [],
    ...(hostName === undefined ? {} : { hostName }),
    ...(hostMac === undefined ? {} : { hostMac }),
  };
}

/** The link of a NIC of the configuration: by MAC or PCI address where it says one, else by name. */
export function linkOf(nic: string, network: NetworkSettings, links: readonly Link[]): Link | undefined {
  const found = candidatesOf(nic, network, links);
  // Two with one address: the one that is called like it, and always the same.
  return found.find(({ name }) => name === nic) ?? found[0];
}

/** The links that a NIC of the configuration can mean: more than one where a MAC address is there twice. */
export function candidatesOf(nic: string, network: NetworkSettings, links: readonly Link[]): readonly Link[] {
  const { mac, pci } = network.nics[nic] ?? {};
  // Internal ports, kernel VLANs and bonds carry the MAC of a NIC too.
  const candidates = links.filter((link) => link.kind === undefined || link.kind === "veth");
  if (mac !== undefined) return candidates.filter((link) => link.mac === mac);
  if (pci !== undefined) return candidates.filter((link) => link.pci === pci);
  return candidates.filter((link) => link.name === nic);
}

/**
 * While a NIC is missing its Interface row stays, under the name that it had: vswitchd takes it when it comes back. But not
 * when another NIC has that name by now, as kernels name those that are left eth0, eth1.
 */
function deviceBehind(nic: string, network: NetworkSettings, { ovs, kernel }: Observed): string | undefined {
  const present = linkOf(nic, network, kernel.links)?.name;
  if (present !== undefined) return present;
  const name = ovs.interfaces.find((row) => standsForNic(row, nic))?.name ?? nic;
  const taken = network.bond.members.some((other) => linkOf(other, network, kernel.links)?.name === name);
  return taken ? undefined : name;
}

function hostMacOf(network: NetworkSettings, { kernel }: Observed): string | undefined {
  const [first] = network.bond.members;
  if (first === undefined) return undefined;
  return network.nics[first]?.mac ?? linkOf(first, network, kernel.links)?.mac;
}

function portsOn(bridge: string, ports: readonly { bridge: string; port: PortTarget }[]): PortTarget[] {
  return ports.filter((entry) => entry.bridge === bridge).map((entry) => entry.port);
}
