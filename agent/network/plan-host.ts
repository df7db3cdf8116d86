import type { Link, Observed } from "./observed.ts";
import type { FileStep, IpStep } from "./steps.ts";
import type { AddressTarget, RouteTarget, Target } from "./target.ts";

/** The part of the plan that is not Open vSwitch's: links, addresses, routes, and the file with the host's system-id. */
export function planHost(target: Target, observed: Observed): (IpStep | FileStep)[] {
  const { kernel, ledger, systemIdFile } = observed;
  return [
    ...target.links.flatMap((device) => {
      const link = kernel.links.find(({ name }) => name === device);
      return isOwnDevice(device, target) ? planPort(device, link) : planNic(device, link);
    }),
    // Removing first: the kernel drops the other addresses of a net together with its first one.
    ...minus(ledger, target.addresses, sameAddress)
      .filter((entry) => kernel.addresses.some((address) => sameAddress(address, entry)))
      .map((entry): IpStep => ({ kind: "remove-address", ...entry, why: "not desired", risk: "management-path" })),
    ...minus(target.addresses, kernel.addresses, sameAddress).map(
      (entry): IpStep => ({ kind: "add-address", ...entry, why: "missing", risk: "none" }),
    ),
    ...minus(kernel.routes, target.routes, sameRoute).map(
      (entry): IpStep => ({ kind: "remove-route", ...entry, why: "not desired", risk: "management-path" }),
    ),
    ...minus(target.routes, kernel.routes, sameRoute).map(
      (entry): IpStep => ({ kind: "add-route", ...entry, why: "missing", risk: "none" }),
    ),
    ...(target.systemIdFile === undefined || target.systemIdFile === systemIdFile
      ? []
      : [{ kind: "write-system-id", value: target.systemIdFile, why: "differs", risk: "none" } as const]),
  ];
}

/** Addresses come from the configuration, never from a router that announces itself. */
function planPort(device: string, link: Link | undefined): (IpStep | FileStep)[] {
  if (link?.up === true) return [];
  return [
    { kind: "set-ipv6", device, setting: "accept_ra", value: 0, why: "down", risk: "none" },
    { kind: "link-up", device, why: "down", risk: "none" },
  ];
}

/** An uplink carries what the bridge sends and says nothing itself: not even IPv6's greetings, untagged, on both fabrics. */
function planNic(device: string, link: Link | undefined): (IpStep | FileStep)[] {
  // A missing NIC cannot be brought up; that it is missing is a fault, not a step.
  if (link === undefined || (link.up && !link.linkLocal)) return [];
  const why = link.up ? "speaks IPv6" : "down";
  return [
    { kind: "set-ipv6", device, setting: "disable_ipv6", value: 1, why, risk: "none" },
    ...(link.up ? [] : [{ kind: "link-up", device, why, risk: "none" } as const]),
  ];
}

/** A device that the transaction of the same plan makes: it can be brought up as soon as that is applied. */
function isOwnDevice(device: string, target: Target): boolean {
  return target.bridges.some((bridge) =>
    bridge.ports.some((port) =>
      port.interfaces.some((entry) => entry.name === device && entry.columns.type === "internal"),
    ),
  );
}

function minus<T>(from: readonly T[], less: readonly T[], same: (a: T, b: T) => boolean): T[] {
  return from.filter((entry) => !less.some((other) => same(entry, other)));
}

export function sameAddress(a: AddressTarget, b: AddressTarget): boolean {
  return a.device === b.device && a.address === b.address;
}

function sameRoute(a: RouteTarget, b: RouteTarget): boolean {
  return a.to === b.to && a.via === b.via && a.device === b.device;
}
