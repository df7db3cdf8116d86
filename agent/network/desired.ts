import type { NetworkSettings } from "../config/settings.ts";
import { objects } from "./objects/index.ts";
import type { Context } from "./objects/object.ts";
import type { Link, Observed } from "./observed.ts";
import { standsForNic } from "./owner.ts";
import type { PortTarget, Target } from "./target.ts";

/** A configuration as it is asked for and stored: with the name that the host has in it, and its place in history. */
export interface NetworkConfig {
  readonly network: NetworkSettings;
  readonly hostName?: string;
  /** Of `network` and `hostName`; equal configurations have equal hashes. */
  readonly hash: string;
  /** Counts the confirmed changes of this host. */
  readonly revision: number;
}

/** The target that a configuration means on this host. Pure. */
export function targetOf(config: NetworkConfig, observed: Observed): Target {
  const context = contextOf(config, observed);
  const parts = objects.map((object) => object(context));
  const systemIdFile = parts.find((part) => part.systemIdFile !== undefined)?.systemIdFile;
  const ports = parts.flatMap((part) => part.ports ?? []);
  return {
    bridges: parts
      .flatMap((part) => part.bridges ?? [])
      .map((bridge) => ({ ...bridge, ports: portsOn(bridge.name, ports) })),
    managers: parts.flatMap((part) => part.managers ?? []),
    externalIds: Object.fromEntries(parts.flatMap((part) => Object.entries(part.externalIds ?? {}))),
    ...(systemIdFile === undefined ? {} : { systemIdFile }),
    links: [...new Set(parts.flatMap((part) => part.links ?? []))].sort(),
    addresses: parts.flatMap((part) => part.addresses ?? []),
    routes: parts.flatMap((part) => part.routes ?? []),
  };
}

function contextOf({ network, hostName, hash, revision }: NetworkConfig, observed: Observed): Context {
  const deviceOf = (nic: string): string | undefined => deviceBehind(nic, network, observed);
  const hostMac = hostMacOf(network, observed);
  return {
    network,
    hash,
    revision,
    observed,
    deviceOf,
    ...(hostName === undefined ? {} : { hostName }),
    ...(hostMac === undefined ? {} : { hostMac }),
  };
}

/** The link of a NIC of the configuration: by MAC or PCI address where it says one, else by name. */
export function linkOf(nic: string, network: NetworkSettings, links: readonly Link[]): Link | undefined {
  const { mac, pci } = network.nics[nic] ?? {};
  // Internal ports, kernel VLANs and bonds carry the MAC of a NIC too.
  const candidates = links.filter((link) => link.kind === undefined || link.kind === "veth");
  if (mac !== undefined) return candidates.find((link) => link.mac === mac);
  if (pci !== undefined) return candidates.find((link) => link.pci === pci);
  return candidates.find((link) => link.name === nic);
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
