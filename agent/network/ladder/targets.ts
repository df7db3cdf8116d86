import type { NetworkSettings } from "../../config/settings.ts";
import type { ProbeTarget } from "../../core/probe.ts";
import type { NetworkConfig } from "../desired.ts";
import { addressesOn } from "../objects/address.ts";
import type { HostObserved, KernelObserved } from "../observed.ts";
import { sameAddress } from "../plan-host.ts";
import { probeTargets } from "../probes.ts";
import type { IpStep, Step } from "../steps.ts";
import type { Target, VlanTarget } from "../target.ts";

const nothing: Target = { bridges: [], managers: [], externalIds: {}, links: [], addresses: [], routes: [] };

/** Of our VLANs of the kernel; at most 11 characters with the id. */
const PREFIX = "dc-vlan";

/** The device on which `name` of the configuration stands while a NIC carries it without Open vSwitch. */
export function standIn(network: NetworkSettings, name: string, nic: string): string {
  const vlan = network.addresses[name]?.vlan;
  // Untagged on the wire, and so on the NIC itself.
  if (vlan !== undefined && vlan === network.bond.nativeVlan) return nic;
  return kernelVlanName(network.vlans[vlan ?? ""] ?? 0);
}

export function kernelVlanName(id: number): string {
  return `${PREFIX}${id}`;
}

/** The VLAN of a device that stands in; absent for any other. */
export function kernelVlanId(device: string): number | undefined {
  const id = device.startsWith(PREFIX) ? Number(device.slice(PREFIX.length)) : Number.NaN;
  return Number.isInteger(id) ? id : undefined;
}

/** The host's addresses on VLANs of the kernel, all on one NIC: nothing of it needs Open vSwitch. Pure. */
export function kernelVlanTarget({ network, dns }: NetworkConfig, nic: string, host: HostObserved): Target {
  const most = host.kernel.links.find(({ name }) => name === nic)?.mtu ?? 1500;
  const vlans = new Map<string, VlanTarget>();
  for (const [name, { vlan, mtu }] of Object.entries(network.addresses)) {
    const device = standIn(network, name, nic);
    if (device === nic) continue;
    const fits = mtu === undefined ? {} : { mtu: Math.min(mtu, most) };
    vlans.set(device, { device, parent: nic, id: network.vlans[vlan] ?? 0, ...fits });
  }
  return {
    ...nothing,
    ...addressesOn(network, (name) => standIn(network, name, nic)),
    ...(dns === undefined ? {} : { dns: { servers: dns } }),
    // Not the NIC: it is up, and may be the way in by IPv6 for whoever is logged in now.
    links: [...vlans.keys()],
    vlans: [...vlans.values()],
  };
}

/** Everything that is not Open vSwitch's as the configuration wants it, on the devices that are there. Pure. */
export function withoutOvs({ network, dns }: NetworkConfig, host: HostObserved): Target {
  const there = ({ device }: { readonly device: string }): boolean =>
    host.kernel.links.some(({ name, kind }) => name === device && kind !== "vlan");
  const { addresses, routes } = addressesOn(network, (name) => name);
  return {
    ...nothing,
    ...(dns === undefined ? {} : { dns: { servers: dns } }),
    addresses: addresses.filter(there),
    routes: routes.filter(there),
  };
}

/** A target with one member in the bond. The bond's Port stays, and everything that stands on it. Pure. */
export function onlyMember(target: Target, { network }: NetworkConfig, device: string): Target {
  const { name: bond } = network.bond;
  const others = target.bridges
    .flatMap(({ ports }) => ports.filter(({ name }) => name === bond))
    .flatMap(({ interfaces }) => interfaces.map(({ name }) => name))
    .filter((name) => name !== device);
  return {
    ...target,
    links: target.links.filter((name) => !others.includes(name)),
    bridges: target.bridges.map((bridge) => ({
      ...bridge,
      ports: bridge.ports.map((port) =>
        port.name === bond ? { ...port, interfaces: port.interfaces.filter(({ name }) => name === device) } : port,
      ),
    })),
  };
}

/** NICs that speak IPv6 with an address of their own making, and take none from anybody. Pure. */
export function planLinkLocal(devices: readonly string[], { kernel }: HostObserved): Step[] {
  const why = "the last way to this host";
  return devices.flatMap((device): Step[] => {
    const link = kernel.links.find(({ name }) => name === device);
    if (link === undefined || (link.up && link.linkLocal)) return [];
    return [
      { kind: "set-ipv6", device, setting: "accept_ra", value: 0, why, risk: "none" },
      { kind: "set-ipv6", device, setting: "disable_ipv6", value: 0, why, risk: "none" },
      ...(link.up ? [] : [{ kind: "link-up", device, why, risk: "none" } satisfies IpStep]),
    ];
  });
}

/**
 * Who has to answer, asked from where the configuration's addresses are now; gateways first, as they are nearest. One that is refused
 * must not cost the host those that work: what is missing asks nobody. Empty: the configuration names nobody to ask. Absent: there is
 * no address to ask from. Pure.
 */
export function probesFrom(
  { network }: NetworkConfig,
  deviceFor: (name: string) => string,
  { links, addresses }: KernelObserved,
): readonly ProbeTarget[] | undefined {
  const there = (name: string, family: (address: string) => boolean): boolean => {
    const device = deviceFor(name);
    const { ipv4 = [], ipv6 = [] } = network.addresses[name] ?? {};
    const wanted = [...ipv4, ...ipv6].filter(family);
    const works = links.some((link) => link.name === device && link.up && link.carrier);
    return works && wanted.some((address) => addresses.some((entry) => sameAddress(entry, { device, address })));
  };
  const names = Object.keys(network.addresses);
  const gateways = names.flatMap((name): Extract<ProbeTarget, { kind: "gateway" }>[] => {
    const { gateway } = network.addresses[name] ?? {};
    return gateway === undefined ? [] : [{ kind: "gateway", device: name, address: gateway }];
  });
  if (gateways.length > 0) {
    const askable = gateways.filter(({ device, address }) =>
      there(device, (other) => isIPv6(other) === isIPv6(address)),
    );
    return askable.length === 0 ? undefined : askable.map((probe) => ({ ...probe, device: deviceFor(probe.device) }));
  }
  if (!names.some((name) => there(name, () => true))) return undefined;
  return probeTargets(network).filter(({ kind }) => kind === "tcp");
}

function isIPv6(address: string): boolean {
  return address.includes(":");
}
