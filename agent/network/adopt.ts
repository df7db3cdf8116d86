import { lost } from "./adopt-lost.ts";
import { nicsToTake } from "./conflicts.ts";
import { connected, isOfOvs, type KernelImage, type KernelWhole, type LinkImage, type WholeLink } from "./kernel.ts";
import type { Observed } from "./observed.ts";
import type { Target } from "./target.ts";

/** What a change takes over from the kernel, as it was before. */
export interface Adoption {
  /** Everything on the NICs, to be given back by a rollback. */
  readonly image: KernelImage;
  /** NICs that come to Open vSwitch only after their addresses have moved. */
  readonly last: readonly string[];
  /** NICs that come first: what carries the traffic does so until the addresses can move to these. */
  readonly first: readonly string[];
}

export type AdoptionResult =
  | { readonly ok: true; readonly adoption: Adoption }
  /** What stands against it, in words. */
  | { readonly ok: false; readonly why: readonly string[] };

/** How the NICs that a target needs can be taken over with all that is on them, and nothing that is on them be lost. Pure. */
export function adoptionOf(target: Target, observed: Observed, whole: KernelWhole): AdoptionResult {
  const nics = target.bridges.flatMap(({ ports }) => ports).flatMap((port) => nicsToTake(port, observed.ovs));
  const names = connected(nics, whole.links);
  const links = names.flatMap((name) => whole.links.find((link) => link.name === name) ?? []);
  const why = [
    ...links.flatMap((link) => unknownTo(link, nics)),
    ...whole.links.flatMap((link) => standsOn(link, names)),
    ...clashes(target, whole),
    ...lost(target, names, whole),
  ];
  if (why.length > 0) return { ok: false, why };
  const image = imageOf(links, whole);
  const busy = nics.filter((nic) => isBusy(nic, whole));
  const active = links.flatMap(({ bond }) => bond?.active ?? []);
  const masters = links.filter(({ bond }) => bond !== undefined).map(({ name }) => name);
  // The standby of a bond can leave it. Without a member that is known to work there is none.
  const standby = busy.filter((nic) => {
    const { master } = links.find(({ name }) => name === nic) ?? {};
    return active.length > 0 && master !== undefined && masters.includes(master) && !active.includes(nic);
  });
  const first = nics.filter((nic) => (!busy.includes(nic) || standby.includes(nic)) && !isDead(nic, whole));
  return { ok: true, adoption: { image, first, last: nics.filter((nic) => !first.includes(nic)) } };
}

/** The targets on the way, in their order. What is not there yet carries nothing; what is there already stays. */
export interface Stages {
  /** Bridge and ports without uplinks: a frame that a new port sends leads nowhere. */
  readonly prepared: Target;
  /** The NICs that carry nothing, let go by a bond of the kernel. */
  readonly released: Target;
  /** The same, in the bond. */
  readonly standby: Target;
  /** Addresses and routes on the new ports, the old ones gone: the one moment that counts. */
  readonly moved: Target;
  /** The old devices gone, and no loop: the last NICs are nowhere. */
  readonly freed: Target;
  /** The whole network. */
  readonly whole: Target;
}

export function stagesOf(target: Target, { image, first, last }: Adoption): Stages {
  const nothing: KernelImage = { links: [], addresses: [], routes: [] };
  const leaving = { ...nothing, links: image.links.filter(({ name }) => first.includes(name)) };
  const prepared: Target = { ...without(target, [...first, ...last]), routes: [], early: true };
  const uplinked = without(target, last);
  return {
    prepared,
    released: { ...prepared, taken: leaving },
    standby: { ...uplinked, routes: [], early: true, taken: leaving },
    moved: { ...uplinked, taken: { ...image, links: leaving.links } },
    freed: { ...uplinked, taken: image },
    whole: { ...target, taken: image },
  };
}

/** A bond of which a NIC is missing is a port with the others; of which all are, no port. */
function without(target: Target, nics: readonly string[]): Target {
  return {
    ...target,
    links: target.links.filter((name) => !nics.includes(name)),
    bridges: target.bridges.map((bridge) => ({
      ...bridge,
      ports: bridge.ports
        .map((port) => ({ ...port, interfaces: port.interfaces.filter(({ name }) => !nics.includes(name)) }))
        .filter(({ interfaces }) => interfaces.length > 0),
    })),
  };
}

function isBusy(nic: string, { links, addresses }: KernelWhole): boolean {
  const names = connected([nic], links);
  return names.length > 1 || addresses.some(({ device, automatic }) => device === nic && automatic !== true);
}

/** It is up, and no cable is in it: nothing could move to it, and what works now is not kept waiting for it. */
function isDead(nic: string, { links }: KernelWhole): boolean {
  return links.some(({ name, up, carrier }) => name === nic && up && !carrier);
}

/** Open vSwitch makes a device for each bridge and each port with an address, and cannot where the kernel has one of that name. */
function clashes({ bridges }: Target, { links }: KernelWhole): string[] {
  const ports = bridges.flatMap((bridge) => bridge.ports.flatMap(({ interfaces }) => interfaces));
  const internal = ports.filter(({ columns }) => columns.type === "internal").map(({ name }) => name);
  const made = [...bridges.map(({ name }) => name), ...internal];
  return links
    .filter((link) => made.includes(link.name) && !isOfOvs(link))
    .map(
      ({ name, kind }) => `${name} (${kind ?? "a NIC"}) is here already: give that of the configuration another name`,
    );
}

function unknownTo({ name, kind, bond, vlan, master }: WholeLink, nics: readonly string[]): string[] {
  if (bond !== undefined) {
    if (bond.mode === "active-backup") return [];
    return [`${name} has the mode ${bond.mode === "802.3ad" ? "802.3ad (LACP)" : bond.mode}, not active-backup`];
  }
  if (vlan !== undefined) return vlan.protocol === "802.1Q" ? [] : [`${name} is tagged by ${vlan.protocol}`];
  if (kind !== undefined && kind !== "veth") return [`${name} (${kind}) is not something that can be adopted`];
  return nics.includes(name) ? [] : [`${name} is in ${master ?? "the bond"} too, and not a NIC of the configuration`];
}

/** What a container or a virtual machine has on a NIC would stop working. */
function standsOn({ name, kind, parent }: WholeLink, names: readonly string[]): string[] {
  const stands = parent !== undefined && names.includes(parent) && kind !== "vlan" && kind !== "veth";
  return stands ? [`${name} (${kind ?? "unknown"}) stands on ${parent}`] : [];
}

function imageOf(links: readonly WholeLink[], whole: KernelWhole): KernelImage {
  const names = links.map(({ name }) => name);
  const on = ({ device }: { readonly device: string }): boolean => names.includes(device);
  return {
    links: [...links].sort((a, b) => rank(a) - rank(b)).map((link) => linkImage(link, whole)),
    addresses: whole.addresses.filter(on),
    routes: whole.routes.filter(on),
  };
}

/** A bond is made before its members come to it, and a VLAN after what it stands on. */
function rank({ kind }: WholeLink): number {
  return kind === "bond" ? 0 : kind === "vlan" ? 2 : 1;
}

function linkImage(link: WholeLink, { addresses }: KernelWhole): LinkImage {
  const { name, up, mtu, address, master, linkLocal, vlan, bond, parent } = link;
  const six = addresses.some((entry) => entry.device === name && entry.address.includes(":"));
  return {
    name,
    up,
    mtu,
    address,
    ipv6: linkLocal || six,
    ...(master === undefined ? {} : { master }),
    ...(vlan === undefined || parent === undefined ? {} : { made: { kind: "vlan", parent, ...vlan } as const }),
    ...(bond === undefined ? {} : { made: madeBond(bond) }),
  };
}

function madeBond({ options, primary }: NonNullable<WholeLink["bond"]>): NonNullable<LinkImage["made"]> {
  return { kind: "bond", options, ...(primary === undefined ? {} : { primary }) };
}
