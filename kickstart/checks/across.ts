import { type At, formatIp, type Path, type Problem, parseCidr, parseIp } from "../../agent/config/host.ts";
import type { PlacedHost } from "../host.ts";

interface Thing {
  readonly host: string;
  /** What makes two of them the same. */
  readonly id: string;
  readonly text: string;
  readonly at: At;
}

/** A problem for each thing that another host has already. */
function once(things: readonly Thing[], tell: (later: Thing, first: Thing) => Omit<Problem, keyof At>): Problem[] {
  const first = new Map<string, Thing>();
  return things.flatMap((thing) => {
    const earlier = first.get(thing.id);
    if (earlier === undefined) first.set(thing.id, thing);
    return earlier === undefined || earlier.host === thing.host ? [] : [{ ...tell(thing, earlier), ...thing.at }];
  });
}

export function addressesOnce(hosts: readonly PlacedHost[]): Problem[] {
  const things = hosts.flatMap((host) =>
    Object.entries(host.settings.network.addresses).flatMap(([device, { ipv4, ipv6 }]) =>
      (["ipv4", "ipv6"] as const).flatMap((family) =>
        (family === "ipv4" ? ipv4 : ipv6).map((cidr, index) => {
          const id = bare(cidr);
          return { host: host.name, id, text: id, at: at(host, ["network", "addresses", device, family, index]) };
        }),
      ),
    ),
  );
  const gateways = new Map(
    hosts.flatMap((host) =>
      Object.values(host.settings.network.addresses).flatMap(({ gateway }) =>
        gateway === undefined ? [] : [[bare(gateway), host.name] as const],
      ),
    ),
  );
  const taken = things.flatMap((thing): Problem[] => {
    const whose = gateways.get(thing.id);
    if (whose === undefined) return [];
    const message = `${thing.text} is the address of ${thing.host} and the gateway of ${whose}`;
    return [
      { code: "E_FLEET_DUPLICATE_ADDRESS", message, ...thing.at, hint: "The gateway is not a host of this fleet." },
    ];
  });
  const twice = once(things, (later, first) => ({
    code: "E_FLEET_DUPLICATE_ADDRESS",
    message: `${later.text} belongs to ${first.host} already, on line ${first.at.line}`,
    hint: `Give ${later.host} an address of its own: with one address two hosts cut each other off.`,
  }));
  return [...taken, ...twice];
}

/** One spelling for one address. */
function bare(text: string): string {
  const ip = parseCidr(text) ?? parseIp(text);
  return ip === undefined ? text : formatIp(ip);
}

export function macsOnce(hosts: readonly PlacedHost[]): Problem[] {
  const things = hosts.flatMap((host) =>
    Object.entries(host.settings.network.nics).flatMap(([nic, { mac }]) =>
      mac === undefined
        ? []
        : [{ host: host.name, id: mac, text: `${mac} (${nic})`, at: at(host, ["network", "nics", nic, "mac"]) }],
    ),
  );
  return once(things, (later, first) => ({
    code: "E_FLEET_DUPLICATE_MAC",
    message: `${later.text} is a NIC of ${first.host} already, on line ${first.at.line}`,
    hint: "Read the address from the label or from `ip link` of the machine itself.",
  }));
}

/** Switches have one idea of a VLAN: one name for one id, on all hosts. */
export function vlansAgree(hosts: readonly PlacedHost[]): Problem[] {
  const vlans = hosts.flatMap((host) =>
    Object.entries(host.settings.network.vlans).map(([name, id]) => ({
      host: host.name,
      name,
      id,
      at: at(host, ["network", "vlans", name]),
    })),
  );
  const found: Problem[] = [];
  const byName = new Map<string, (typeof vlans)[number]>();
  const byId = new Map<number, (typeof vlans)[number]>();
  for (const vlan of vlans) {
    const first = byName.get(vlan.name) ?? byId.get(vlan.id);
    byName.set(vlan.name, byName.get(vlan.name) ?? vlan);
    byId.set(vlan.id, byId.get(vlan.id) ?? vlan);
    if (first === undefined || (first.name === vlan.name && first.id === vlan.id)) continue;
    found.push({
      code: "E_FLEET_VLAN",
      message: `VLAN ${vlan.id} is "${vlan.name}" on ${vlan.host}, and VLAN ${first.id} is "${first.name}" on ${first.host}`,
      ...vlan.at,
      hint: "Name the VLANs once for all hosts, below the fleet's own `config.network.vlans`.",
    });
  }
  return found;
}

export function disksOnce(hosts: readonly PlacedHost[]): Problem[] {
  const things = hosts
    // by-path names a place in the machine, which all machines have; by-id names one disk of the world.
    .filter(({ install }) => install.disk.startsWith("/dev/disk/by-id/"))
    .map((host) => ({
      host: host.name,
      id: host.install.disk,
      text: host.install.disk,
      at: host.place("install", ["disk"]),
    }));
  return once(things, (later, first) => ({
    code: "E_FLEET_DUPLICATE_DISK",
    message: `${later.text} is the disk of ${first.host} already`,
    hint: "A name by id is that of one disk. Look at `ls -l /dev/disk/by-id` of this host, or name the slot by /dev/disk/by-path.",
  }));
}

/** DNS does not know small letters from large ones. */
export function namesOnce(hosts: readonly PlacedHost[]): Problem[] {
  const things = hosts.map((host) => ({ host: host.name, id: host.name.toLowerCase(), text: host.name, at: host.at }));
  return once(things, (later, first) => ({
    code: "E_FLEET_DUPLICATE_HOST",
    message: `${later.text} and ${first.text} are one name`,
    hint: "Remove one of them.",
  }));
}

function at(host: PlacedHost, path: Path): At {
  return host.place("config", path);
}
