import { sameNet } from "../core/ip.ts";
import { planKernel } from "./adopt-plan.ts";
import { planDns } from "./dns.ts";
import type { HostObserved, Link } from "./observed.ts";
import type { FileStep, IpStep } from "./steps.ts";
import type { AddressTarget, MtuTarget, RouteTarget, Target, VlanTarget } from "./target.ts";

/** The part of the plan that is not Open vSwitch's: links, addresses, routes, and the files that the host's programs read. */
export function planHost(target: Target, observed: HostObserved): (IpStep | FileStep)[] {
  const { kernel, ledger, systemIdFile } = observed;
  const doomed = doomedVlans(target, observed);
  // What is on a VLAN goes with it.
  const stays = ({ device }: { readonly device: string }): boolean => !doomed.includes(device);
  const addresses = kernel.addresses.filter(stays);
  const routes = kernel.routes.filter(stays);
  // Whoever is logged in is answered another way as soon as their net, or a route to it, is somewhere else. A host without an address has nobody.
  const reached = kernel.addresses.length > 0 ? "management-path" : "none";
  return [
    ...doomed.map((device): IpStep => ({ kind: "remove-vlan", device, why: "not desired", risk: "management-path" })),
    ...(target.vlans ?? []).flatMap((vlan): IpStep[] => {
      const there = kernel.links.some(({ name }) => name === vlan.device) && !doomed.includes(vlan.device);
      return there ? [] : [{ kind: "add-vlan", ...vlan, why: "missing", risk: "none" }];
    }),
    ...target.links.flatMap((device) => {
      const link = doomed.includes(device) ? undefined : kernel.links.find(({ name }) => name === device);
      return isOwnDevice(device, target) ? planPort(device, link) : planNic(device, link);
    }),
    ...minus(target.mtus ?? [], kernel.links, sameMtu)
      .filter(({ device }) => kernel.links.some(({ name }) => name === device))
      .map((entry): IpStep => ({ kind: "set-link", ...entry, why: "as it was before", risk: "blip" })),
    // Removing first: the kernel drops the other addresses of a net together with its first one.
    ...minus(ledger, target.addresses, sameAddress)
      .filter((entry) => addresses.some((address) => sameAddress(address, entry)))
      .map((entry): IpStep => ({ kind: "remove-address", ...entry, why: "not desired", risk: "management-path" })),
    ...minus(target.addresses, addresses, sameAddress).map(
      (entry): IpStep => ({
        kind: "add-address",
        ...entry,
        ...(target.early === true ? { early: true } : {}),
        why: "missing",
        risk: kernel.addresses.some((other) => sameNet(entry.address, other.address)) ? "none" : reached,
      }),
    ),
    ...minus(routes, target.routes, sameRoute).map(
      (entry): IpStep => ({ kind: "remove-route", ...entry, why: "not desired", risk: "management-path" }),
    ),
    ...minus(target.routes, routes, sameRoute).map(
      (entry): IpStep => ({ kind: "add-route", ...entry, why: "missing", risk: reached }),
    ),
    ...planDns(target.dns, observed.dns),
    ...planKernel(target, observed),
    ...(target.systemIdFile === undefined || target.systemIdFile === systemIdFile
      ? []
      : [{ kind: "write-system-id", value: target.systemIdFile, why: "differs", risk: "none" } as const]),
  ];
}

/** VLANs of the kernel that we made, by our ledger, and that have no place, or stand on another NIC than they have to. */
function doomedVlans({ vlans = [] }: Target, { kernel, ledger }: HostObserved): string[] {
  return kernel.links
    .filter(({ name, kind }) => kind === "vlan" && ledger.some(({ device }) => device === name))
    .filter((link) => !vlans.some((vlan) => stands(vlan, link)))
    .map(({ name }) => name);
}

function stands({ device, parent }: VlanTarget, link: Link): boolean {
  return link.name === device && link.parent === parent;
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

/** A device that is made for the same target: it can be brought up as soon as that is applied. */
function isOwnDevice(device: string, { bridges, vlans = [] }: Target): boolean {
  return (
    vlans.some((vlan) => vlan.device === device) ||
    bridges.some(({ ports }) =>
      ports.some((port) => port.interfaces.some((entry) => entry.name === device && entry.columns.type === "internal")),
    )
  );
}

function minus<T, U>(from: readonly T[], less: readonly U[], same: (a: T, b: U) => boolean): T[] {
  return from.filter((entry) => !less.some((other) => same(entry, other)));
}

export function sameAddress(a: AddressTarget, b: AddressTarget): boolean {
  return a.device === b.device && a.address === b.address;
}

function sameMtu({ device, mtu }: MtuTarget, link: Link): boolean {
  return link.name === device && link.mtu === mtu;
}

function sameRoute(a: RouteTarget, b: RouteTarget): boolean {
  return a.to === b.to && a.via === b.via && a.device === b.device;
}
