import {
  bare,
  comesWith,
  destinationOf,
  isOfOvs,
  type KernelWhole,
  MAIN_TABLE,
  ROUTER_PROTOCOL,
  type WholeRoute,
} from "./kernel.ts";
import type { OvsObserved } from "./observed.ts";

/** What an import looks at. */
export interface ImportView {
  /** Absent: no Open vSwitch runs here. */
  readonly ovs?: OvsObserved;
  readonly kernel: KernelWhole;
  /** Of resolv.conf. */
  readonly dns: readonly string[];
}

/** A network as the configuration says it, with remarks where a person has to decide. */
export interface Imported {
  readonly from: "openvswitch" | "kernel-bond" | "kernel-vlan" | "nic";
  readonly datapath?: "netdev";
  readonly nics: readonly ImportedNic[];
  readonly bond: ImportedBond;
  readonly bridge: string;
  readonly vlans: readonly ImportedVlan[];
  /** Name of the VLAN that has no tag on the cable. */
  readonly nativeVlan?: string;
  readonly addresses: readonly ImportedAddress[];
  readonly neutron: readonly { readonly bridge: string; readonly vlans: readonly string[] }[];
  /** `external_ids:hostname`, which an agent that looks after Neutron's keys keeps as it is. */
  readonly hostName?: string;
  readonly dns: readonly string[];
  /** What is on the host and is not in the configuration, for the head of the file. */
  readonly remarks: readonly string[];
}

export interface ImportedNic {
  readonly name: string;
  readonly mac: string;
  readonly remark?: string;
}

export interface ImportedBond {
  readonly name: string;
  readonly members: readonly string[];
  readonly primary?: string;
  readonly updelayMs: number;
  readonly downdelayMs: number;
  readonly detect: "carrier" | "miimon";
  readonly mtu?: number;
}

export interface ImportedVlan {
  readonly name: string;
  readonly id: number;
  readonly remark?: string;
}

export interface ImportedAddress {
  readonly name: string;
  readonly vlan: string;
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  readonly gateway?: string;
  readonly mtu?: number;
  readonly mac?: string;
  readonly routes: readonly { readonly to: string; readonly via: string }[];
}

export type ImportResult =
  | { readonly ok: true; readonly network: Imported }
  /** Why this host's network cannot be said in the configuration, each by name. */
  | { readonly ok: false; readonly why: readonly string[] };

/** What Ethernet has, and a configuration does not have to say. */
export const USUAL_MTU = 1500;

/**
 * The addresses and routes of a device, as an entry of `addresses` under another name. Open vSwitch gives a port the MTU of its bond
 * where it is asked for none.
 */
export function importAddress(
  { kernel }: ImportView,
  device: string,
  entry: { readonly name: string; readonly vlan: string },
  bondMtu = USUAL_MTU,
): { readonly address: ImportedAddress; readonly remarks: readonly string[] } {
  const all = kernel.addresses.filter((address) => address.device === device);
  const lasting = all.filter((address) => address.automatic !== true);
  // A keepalived or pacemaker moves its address from host to host; the configuration of one of them must not claim it.
  const virtual = lasting.filter(({ address }) => /\/(32|128)$/.test(address) && lasting.length > 1);
  // The ports listen to no router: without an address of its own the host would speak IPv6 no more.
  const own = lasting.some(({ address }) => address.includes(":"));
  const given = all.filter(({ automatic, temporary }) => automatic === true && temporary !== true && !own);
  const automatic = all.filter((address) => address.automatic === true && !given.includes(address));
  const kept = [...lasting.filter((address) => !virtual.includes(address)), ...given].map(({ address }) => address);
  const there = kernel.routes.filter((route) => route.device === device);
  const routes = routesOf(there);
  const defaults = routes.filter(({ to }) => to === "default");
  const gateway = defaults[0]?.via;
  const mtu = kernel.links.find(({ name }) => name === device)?.mtu;
  const written = "and is written down as it is now";
  return {
    address: {
      ...entry,
      ipv4: kept.filter((address) => !address.includes(":")),
      ipv6: kept.filter((address) => address.includes(":")),
      ...(gateway === undefined ? {} : { gateway }),
      ...(mtu === undefined || (mtu === USUAL_MTU && bondMtu === USUAL_MTU) ? {} : { mtu }),
      routes: [...routes.filter(({ to }) => to !== "default"), ...secondDefault(defaults, gateway)].map(
        ({ to, via = "" }) => ({ to, via }),
      ),
    },
    remarks: [
      ...virtual.map(({ address }) => `${bare(address)} on ${device} may be a virtual address, and is left out`),
      ...automatic.map(({ address }) => `${address} on ${device} came from a router, and is left out`),
      ...given.map(({ address }) => `${address} on ${device} came from a router, ${written}`),
      ...lasting.flatMap(({ address, validS }) =>
        validS === undefined ? [] : [`${address} on ${device} came from DHCP, ${written}`],
      ),
      ...routes
        .filter(({ protocol }) => protocol === ROUTER_PROTOCOL)
        .map(
          (route) => `the route ${destinationOf(route)} via ${route.via} on ${device} came from a router, ${written}`,
        ),
      ...there.flatMap((route) => {
        const why = leftOut(route, kept);
        return why === undefined ? [] : [`the route ${destinationOf(route)} on ${device} ${why}, and is left out`];
      }),
    ],
  };
}

/** Why a route has no place in the configuration. */
function leftOut(route: WholeRoute, addresses: readonly string[]): string | undefined {
  if (route.table !== MAIN_TABLE) return `is in table ${route.table}`;
  if (route.shared === true) return "has several next hops";
  return route.via === undefined && !comesWith(route, addresses) ? "has no next hop" : undefined;
}

/** Those that the configuration can say, the preferred one first, each destination of a family once. */
function routesOf(routes: readonly WholeRoute[]): readonly WholeRoute[] {
  const sayable = routes.filter((route) => route.via !== undefined && route.table === MAIN_TABLE && !route.shared);
  const announced = ({ protocol }: WholeRoute): number => Number(protocol === ROUTER_PROTOCOL);
  const sorted = [...sayable].sort(
    (a, b) => a.family - b.family || (a.metric ?? 0) - (b.metric ?? 0) || announced(a) - announced(b),
  );
  return sorted.filter(
    (route, index) => sorted.findIndex((other) => other.to === route.to && other.family === route.family) === index,
  );
}

/** The configuration has one gateway a port; the default route of the other family is one of its routes. */
function secondDefault(defaults: readonly WholeRoute[], gateway: string | undefined): readonly WholeRoute[] {
  return defaults
    .filter(({ via }) => via !== gateway)
    .map((route) => ({ ...route, to: route.family === 6 ? "::/0" : "0.0.0.0/0" }));
}

/** Names for VLANs: the one with the default gateway is the management's, the others go by their ids until a person names them. */
export function nameVlans(
  ids: readonly number[],
  management: number | undefined,
  remarks: ReadonlyMap<number, string> = new Map(),
): readonly ImportedVlan[] {
  const sorted = [...new Set(ids)].sort((a, b) => a - b);
  return sorted.map((id) => {
    const name = id === management ? "management" : `vlan${id}`;
    const remark = remarks.get(id) ?? (id === management ? undefined : "name it");
    return { name, id, ...(remark === undefined ? {} : { remark }) };
  });
}

/** The first of these names that no device of the kernel has, since Open vSwitch makes one of it, with a remark if it is another. */
export function freeName(
  { kernel }: ImportView,
  [wanted, ...others]: readonly [string, ...string[]],
): { readonly name: string; readonly remarks: readonly string[] } {
  const taken = kernel.links.filter((link) => !isOfOvs(link)).map(({ name }) => name);
  const name = [wanted, ...others].find((candidate) => !taken.includes(candidate)) ?? wanted;
  const remark = `${wanted} is the name of a device that is here, and that of the configuration is called ${name}`;
  return { name, remarks: name === wanted ? [] : [remark] };
}

/** Whether a device has the route by which this host leaves its nets. */
export function hasGateway({ kernel }: ImportView, device: string): boolean {
  return kernel.routes.some(
    (route) =>
      route.device === device && route.to === "default" && route.table === MAIN_TABLE && route.via !== undefined,
  );
}
