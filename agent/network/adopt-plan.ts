import { type AdoptStep, EARLY_METRIC } from "./adopt-steps.ts";
import {
  type KernelImage,
  type KernelWhole,
  type LinkImage,
  ROUTER_PROTOCOL,
  type WholeAddress,
  type WholeLink,
  type WholeRoute,
} from "./kernel.ts";
import type { HostObserved } from "./observed.ts";
import type { FileStep, IpStep } from "./steps.ts";
import type { Target } from "./target.ts";

/** The part of a plan that takes from the kernel what it holds, or gives it back. Nothing but what an adoption recorded. Pure. */
export function planKernel(target: Target, { whole }: HostObserved): (IpStep | FileStep)[] {
  const { taken, given, early } = target;
  if (taken === undefined && given === undefined) return [];
  if (whole === undefined) throw new TypeError("what the kernel holds was not looked at");
  return [
    ...(taken === undefined ? [] : planTaken(taken, whole)),
    ...(taken === undefined || early === true ? [] : planSettled(target, whole)),
    ...(given === undefined ? [] : planGiven(given, whole)),
  ];
}

function planTaken({ links, addresses, routes }: KernelImage, whole: KernelWhole): AdoptStep[] {
  const reason = { why: "adopted", risk: "management-path" } as const;
  return [
    ...present(routes.filter(lasts), whole.routes, sameRoute).map(
      (route): AdoptStep => ({ kind: "take-route", route, ...reason }),
    ),
    ...present(addresses.filter(lasts), whole.addresses, sameAddress).map(
      ({ device, address }): AdoptStep => ({ kind: "take-address", device, address, ...reason }),
    ),
    ...links.flatMap(({ name, master }): AdoptStep[] => {
      const held = master !== undefined && linkNamed(whole, name)?.master === master;
      return held ? [{ kind: "release-nic", device: name, master, ...reason }] : [];
    }),
    // What stands on another goes first.
    ...links.toReversed().flatMap((image): AdoptStep[] => {
      const link = linkNamed(whole, image.name);
      const same = image.made !== undefined && link !== undefined && isMadeSo(link, image);
      return same ? [{ kind: "remove-link", device: image.name, ...reason }] : [];
    }),
  ];
}

/**
 * What a router gave lives and dies with IPv6 on its device. Taken from it, it would come back only with the router's next word,
 * which a rollback cannot wait for.
 */
function lasts(entry: WholeAddress | WholeRoute): boolean {
  return "to" in entry ? entry.protocol !== ROUTER_PROTOCOL : entry.automatic !== true;
}

/** The addresses that moved get the route that an address has. */
function planSettled({ addresses }: Target, whole: KernelWhole): AdoptStep[] {
  return addresses.flatMap(({ device, address }): AdoptStep[] => {
    const found = whole.addresses.find((entry) => entry.device === device && entry.address === address);
    if (found?.metric !== EARLY_METRIC) return [];
    return [{ kind: "settle-address", device, address, why: "moved", risk: "none" }];
  });
}

function planGiven({ links, addresses, routes }: KernelImage, whole: KernelWhole): (IpStep | FileStep)[] {
  const reason = { why: "as it was before", risk: "none" } as const;
  return [
    ...links
      .filter(({ name, made }) => made !== undefined && linkNamed(whole, name) === undefined)
      .map((link): IpStep => ({ kind: "make-link", link, ...reason })),
    ...links.flatMap((image) => givenLink(image, linkNamed(whole, image.name))),
    ...missing(addresses.filter(lasts), whole.addresses, sameAddress).map(
      (entry): IpStep => ({ kind: "give-address", given: entry, ...reason }),
    ),
    // A next hop is found by way of a route without one.
    ...missing(routes, whole.routes, sameRoute)
      .sort((a, b) => Number(a.via !== undefined) - Number(b.via !== undefined))
      .map((route): IpStep => ({ kind: "give-route", route, ...reason })),
  ];
}

function givenLink(image: LinkImage, link: WholeLink | undefined): (IpStep | FileStep)[] {
  const { name: device, master, made, mtu, up, ipv6 } = image;
  const reason = { why: "as it was before", risk: "none" } as const;
  // A device that nobody can make again: a NIC that was pulled.
  if (link === undefined && made === undefined) return [];
  const primary = made?.kind === "bond" && link?.bond?.primary !== made.primary ? made.primary : undefined;
  // A bond gives its members their MAC and MTU.
  const own = master === undefined;
  const settings = {
    ...(own && link?.mtu !== mtu ? { mtu } : {}),
    ...(own && link?.address !== image.address ? { mac: image.address } : {}),
    ...(primary === undefined ? {} : { primary }),
  };
  return [
    ...(ipv6 && link?.linkLocal === false
      ? [{ kind: "set-ipv6", device, setting: "disable_ipv6", value: 0, ...reason } as const]
      : []),
    ...(master !== undefined && link?.master !== master
      ? [{ kind: "enslave-nic", device, master, ...reason } as const]
      : []),
    ...(Object.keys(settings).length === 0 ? [] : [{ kind: "set-link", device, ...settings, ...reason } as const]),
    ...(up && link?.up !== true ? [{ kind: "link-up", device, ...reason } as const] : []),
  ];
}

function isMadeSo({ kind, parent, vlan }: WholeLink, { made }: LinkImage): boolean {
  if (made?.kind === "vlan") return kind === "vlan" && parent === made.parent && vlan?.id === made.id;
  return kind === made?.kind;
}

function linkNamed({ links }: KernelWhole, name: string): WholeLink | undefined {
  return links.find((link) => link.name === name);
}

function sameAddress(a: WholeAddress, b: WholeAddress): boolean {
  return a.device === b.device && a.address === b.address;
}

function sameRoute(a: WholeRoute, b: WholeRoute): boolean {
  const keys = ["to", "via", "device", "family", "protocol", "table", "metric"] as const;
  return keys.every((key) => a[key] === b[key]);
}

function present<T>(wanted: readonly T[], there: readonly T[], same: (a: T, b: T) => boolean): T[] {
  return wanted.filter((entry) => there.some((other) => same(entry, other)));
}

function missing<T>(wanted: readonly T[], there: readonly T[], same: (a: T, b: T) => boolean): T[] {
  return wanted.filter((entry) => !there.some((other) => same(entry, other)));
}
