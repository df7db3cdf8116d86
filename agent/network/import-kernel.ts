import type { Imported, ImportedNic, ImportResult, ImportView } from "./import-parts.ts";
import { freeName, hasGateway, importAddress, nameVlans, USUAL_MTU } from "./import-parts.ts";
import { connected, type WholeLink } from "./kernel.ts";

/** What most switches call the VLAN that has no tag. The host cannot know the number, and inside of it any does. */
const NATIVE_ID = 1;
const MANAGEMENT_NAMES = ["mgmt0", "mgmt1", "mgmt2"] as const;

/** A host whose uplinks are the kernel's: a bond or a NIC, with VLANs on it or without. */
export function importKernel(view: ImportView): ImportResult {
  const { links } = view.kernel;
  const bonds = links.filter((link) => link.bond !== undefined);
  const nics = links.filter(isNic);
  const addressed = uplinked(view);
  const [uplink, ...others] = baseOf(addressed, bonds, nics);
  const why = [...refusals(links, nics, bonds), ...refusedDevices(links, view)];
  if (others.length > 0) {
    why.push(
      `addresses are on ${[uplink, ...others].map((link) => link?.name).join(" and ")}; the agent keeps one uplink`,
    );
  }
  if (uplink === undefined) why.push("no NIC and no bond has an address: there is nothing to import");
  if (uplink === undefined || why.length > 0) return { ok: false, why };
  const members = membersOf(uplink, nics, addressed);
  if (members.length < 2) {
    return { ok: false, why: [`${uplink.name} is the only NIC; the agent keeps a bond of two`] };
  }
  return { ok: true, network: imported(view, uplink, members) };
}

function isNic({ kind, name }: WholeLink): boolean {
  return (kind === undefined || kind === "veth") && name !== "lo";
}

/** What carries addresses. A router gives one to every NIC that is up: those count only where nothing else has any. */
function uplinked({ kernel }: ImportView): readonly WholeLink[] {
  const kinds: readonly (string | undefined)[] = [undefined, "veth", "vlan", "bond"];
  const found = kernel.links.filter(
    ({ name, kind }) => name !== "lo" && kinds.includes(kind) && kernel.addresses.some(({ device }) => device === name),
  );
  const lasting = found.filter(({ name }) =>
    kernel.addresses.some(({ device, automatic }) => device === name && automatic !== true),
  );
  return lasting.length > 0 ? lasting : found;
}

/** The bonds and NICs that carry addresses, themselves or through VLANs. */
function baseOf(
  addressed: readonly WholeLink[],
  bonds: readonly WholeLink[],
  nics: readonly WholeLink[],
): readonly WholeLink[] {
  const bases = [...bonds, ...nics];
  const names = addressed.map(({ name, kind, parent }) => (kind === "vlan" ? parent : name));
  return bases.filter(({ name, master }) => names.includes(name) && master === undefined);
}

function refusals(links: readonly WholeLink[], nics: readonly WholeLink[], bonds: readonly WholeLink[]): string[] {
  return [
    ...(bonds.length > 1
      ? [`there are several bonds (${bonds.map(({ name }) => name).join(", ")}); the configuration has one`]
      : []),
    ...bonds.flatMap(({ name, bond }) => {
      if (bond === undefined || bond.mode === "active-backup") return [];
      return bond.mode === "802.3ad"
        ? [`${name} speaks LACP (802.3ad)`]
        : [`${name} has the mode ${bond.mode}; the configuration has active-backup`];
    }),
    ...[...nics, ...bonds].flatMap(({ name, master }) => {
      const over = links.find((link) => link.name === master);
      if (over === undefined || over.kind === "bond" || over.kind === "openvswitch") return [];
      return [`${name} is in ${over.name} (${over.kind ?? "unknown"}), which the agent does not take apart`];
    }),
  ];
}

function refusedDevices(links: readonly WholeLink[], { kernel }: ImportView): string[] {
  return links.flatMap(({ name, vlan, parent }) => {
    if (vlan === undefined || !kernel.addresses.some(({ device }) => device === name)) return [];
    const below = links.find((link) => link.name === parent);
    if (below?.kind === "vlan") return [`${name} is a VLAN inside of another (${below.name})`];
    return vlan.protocol === "802.1Q" ? [] : [`${name} is tagged by ${vlan.protocol}`];
  });
}

/** Those of the bond; of a host without one, its NIC and the likeliest other. */
function membersOf(
  uplink: WholeLink,
  nics: readonly WholeLink[],
  addressed: readonly WholeLink[],
): readonly ImportedNic[] {
  if (uplink.bond !== undefined) {
    // The first member's MAC stands for the host, as the bond's does now.
    return nics
      .filter(({ master }) => master === uplink.name)
      .sort((a, b) => Number(b.mac === uplink.address) - Number(a.mac === uplink.address))
      .map(({ name, mac }) => ({ name, mac }));
  }
  const free = nics.filter(
    ({ name, master }) => name !== uplink.name && master === undefined && addressed.every((link) => link.name !== name),
  );
  const [other, ...more] = [...free].sort((a, b) => Number(b.carrier) - Number(a.carrier));
  if (other === undefined) return [uplink].map(({ name, mac }) => ({ name, mac }));
  const choice = more.length === 0 ? "" : `, or ${more.map(({ name }) => name).join(", ")}`;
  const remark = `chosen because nothing uses it${choice}: is it the cable to the other fabric?`;
  return [
    { name: uplink.name, mac: uplink.mac },
    { name: other.name, mac: other.mac, remark },
  ];
}

function imported(view: ImportView, uplink: WholeLink, nics: readonly ImportedNic[]): Imported {
  const { links, addresses } = view.kernel;
  const on = (device: string): boolean => addresses.some((address) => address.device === device);
  const tagged = links.filter(({ name, parent, vlan }) => vlan !== undefined && parent === uplink.name && on(name));
  const untagged = on(uplink.name);
  const ids = tagged.flatMap(({ vlan }) => vlan?.id ?? []);
  const native = untagged ? [NATIVE_ID, 4094, 4093].find((id) => !ids.includes(id)) : undefined;
  const devices = [
    ...(native === undefined ? [] : [{ device: uplink.name, id: native }]),
    ...tagged.map(({ name, vlan }) => ({ device: name, id: vlan?.id ?? 0 })),
  ];
  const management = (devices.find(({ device }) => hasGateway(view, device)) ?? devices[0])?.id;
  const said: ReadonlyMap<number, string> =
    native === undefined
      ? new Map()
      : new Map([[native, "the VLAN of the switch ports that has no tag: which number?"]]);
  const vlans = nameVlans([...ids, ...(native === undefined ? [] : [native])], management, said);
  const nameOf = (id: number): string => vlans.find((vlan) => vlan.id === id)?.name ?? "";
  const bridge = freeName(view, ["br-uplink", "br-uplink0", "br-uplink1"]);
  const entries = devices.map(({ device, id }) => {
    const port = freeName(view, id === management ? MANAGEMENT_NAMES : [`net${id}`, `net${id}-0`, `net${id}-1`]);
    const { address, remarks } = importAddress(view, device, { name: port.name, vlan: nameOf(id) }, uplink.mtu);
    return { address, remarks: [...port.remarks, ...remarks] };
  });
  const all = connected([uplink.name, ...nics.map(({ name }) => name)], links);
  const empty = links.filter(({ name, kind }) => all.includes(name) && kind === "vlan" && !on(name));
  return {
    from: uplink.bond === undefined ? (tagged.length > 0 ? "kernel-vlan" : "nic") : "kernel-bond",
    nics,
    bond: bondOf(uplink, nics),
    bridge: bridge.name,
    vlans,
    ...(native === undefined ? {} : { nativeVlan: nameOf(native) }),
    addresses: entries.map(({ address }) => address),
    neutron: [],
    dns: view.dns,
    remarks: [
      ...bridge.remarks,
      ...entries.flatMap(({ remarks }) => remarks),
      ...empty.map(({ name }) => `${name} has no address, and is left out`),
    ],
  };
}

function bondOf({ name, bond, mtu }: WholeLink, nics: readonly ImportedNic[]): Imported["bond"] {
  const members = nics.map((nic) => nic.name);
  return {
    name: bond === undefined ? "bond0" : name,
    members,
    ...(bond?.primary === undefined ? {} : { primary: bond.primary }),
    updelayMs: bond?.updelayMs ?? 30_000,
    downdelayMs: bond?.downdelayMs ?? 0,
    detect: "carrier",
    ...(mtu === USUAL_MTU ? {} : { mtu }),
  };
}
