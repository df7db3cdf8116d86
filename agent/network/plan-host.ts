import type { Observed } from "./observed.ts";
import type { FileStep, IpStep } from "./steps.ts";
import type { AddressTarget, RouteTarget, Target } from "./target.ts";

/** The part of the plan that is not Open vSwitch's: links, addresses, routes, and the file with the host's system-id. */
export function planHost(target: Target, observed: Observed): (IpStep | FileStep)[] {
  const { kernel, ledger, systemIdFile } = observed;
  const linkByName = new Map(kernel.links.map((link) => [link.name, link]));
  return [
    ...target.links
      // A missing NIC cannot be brought up; that it is missing is a fault, not a step.
      .filter(
        (device) => linkByName.get(device)?.up === false || (!linkByName.has(device) && isOwnDevice(device, target)),
      )
      .map((device): IpStep => ({ kind: "link-up", device, why: "down", risk: "none" })),
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
