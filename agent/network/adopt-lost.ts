import {
  bare,
  comesWith,
  destinationOf,
  type KernelWhole,
  MAIN_TABLE,
  ROUTER_PROTOCOL,
  type WholeRoute,
} from "./kernel.ts";
import type { Target } from "./target.ts";

/** What an adoption of these devices would drop, in words: what is on them and has no place in the target. */
export function lost(target: Target, names: readonly string[], whole: KernelWhole): string[] {
  const on = ({ device }: { readonly device: string }): boolean => names.includes(device);
  return [...lostAddresses(target, whole.addresses.filter(on)), ...lostRoutes(target, whole.routes.filter(on))];
}

function lostAddresses({ addresses }: Target, there: KernelWhole["addresses"]): string[] {
  const kept = new Set(addresses.map(({ address }) => bare(address)));
  const speaksIpv6 = addresses.some(({ address }) => address.includes(":"));
  return there.flatMap(({ device, address, automatic, temporary }) => {
    if (kept.has(bare(address)) || temporary === true) return [];
    if (automatic !== true) return [`${device} carries the address ${address}, which the configuration does not have`];
    // The ports listen to no router: whoever works over IPv6 needs another address there, and not this very one.
    return speaksIpv6 ? [] : [`${device} has ${address} from a router, and the configuration has no IPv6 address`];
  });
}

function lostRoutes({ addresses, routes }: Target, there: readonly WholeRoute[]): string[] {
  const own = addresses.map(({ address }) => address);
  return there.flatMap((route) => {
    const { via, device, table, protocol, family, shared } = route;
    if (comesWith(route, own)) return [];
    const name = `the route ${destinationOf(route)}${via === undefined ? "" : ` via ${via}`} on ${device}`;
    if (shared === true) return [`${name} is one of several next hops, which the configuration cannot have`];
    if (table !== MAIN_TABLE) return [`${name} is in table ${table}, which the configuration cannot have`];
    if (via === undefined) return [`${name} has no next hop, which the configuration cannot have`];
    const said = routes.filter((other) => other.to === route.to && familyOf(other) === family);
    // Which of the routers of a net is asked is all the same to it.
    if (protocol === ROUTER_PROTOCOL) {
      return said.length > 0 ? [] : [`${name} came from a router, and the configuration has no such route`];
    }
    return said.some((other) => other.via === via) ? [] : [`${name} is not in the configuration`];
  });
}

function familyOf({ via }: { readonly via: string }): 4 | 6 {
  return via.includes(":") ? 6 : 4;
}
