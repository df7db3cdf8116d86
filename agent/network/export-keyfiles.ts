import type { KernelNetwork, KernelPort } from "./export.ts";
import { MIIMON_MS } from "./export.ts";

export interface Keyfile {
  /** Below /etc/NetworkManager; only root may read it, or NetworkManager does not. */
  readonly name: string;
  readonly text: string;
}

/**
 * Below /etc it takes the place of the file by which NetworkManager keeps its hands off a host of the agent, wherever that is
 * (NetworkManager.conf(5), "File Format"): without it the profiles would be ignored at the next boot.
 */
const inCharge: Keyfile = {
  name: "conf.d/90-devcloud-agent.conf",
  text: `# This host's network is NetworkManager's again. In its place stood: unmanaged-devices=*
`,
};

type Section = readonly [name: string, keys: readonly (readonly [key: string, value: string | number])[]];

/**
 * Profiles of NetworkManager for this network (nm-settings-keyfile(5)): the bond, a port of it for each NIC, the VLANs with addresses; and what lets
 * it use them.
 * The profiles are told apart by `uuids`, one for each in the order of the files.
 */
export function keyfiles(network: KernelNetwork, uuids: (name: string) => string): readonly Keyfile[] {
  const { bond, ports, dns } = network;
  const { name, members, mac } = bond;
  const own = ports.find(({ vlan }) => vlan === undefined);
  // Name servers belong to a profile; that with the way out of the host has them.
  const asks = ports.find(({ gateways }) => gateways.length > 0) ?? ports[0];
  const dnsOf = (port: KernelPort): readonly string[] => (port === asks ? dns : []);
  const file = (id: string, sections: readonly Section[]): Keyfile => ({
    name: `system-connections/${id}.nmconnection`,
    text: sections.map(sectionText).join("\n"),
  });
  const connection = (id: string, type: string, more: Section[1] = []): Section => [
    "connection",
    [["id", id], ["uuid", uuids(id)], ["type", type], ["interface-name", id], ...more],
  ];
  const wired = (mtu: number | undefined, address?: string): Section[] => {
    const keys: Section[1] = [
      ...(address === undefined ? [] : ([["cloned-mac-address", address]] as const)),
      ...(mtu === undefined ? [] : ([["mtu", mtu]] as const)),
    ];
    return keys.length === 0 ? [] : [["ethernet", keys]];
  };
  return [
    inCharge,
    file(name, [
      connection(name, "bond"),
      ["bond", bondOptions(bond)],
      ...wired(bond.mtu ?? own?.mtu, mac),
      ...(own === undefined ? without : addressing(own, dnsOf(own))),
    ]),
    ...members.map(({ device }) =>
      file(device, [
        connection(device, "ethernet", [
          // Newer releases say controller and port-type, and read these too.
          ["master", name],
          ["slave-type", "bond"],
        ]),
        ...wired(bond.mtu),
      ]),
    ),
    ...ports.flatMap((port) => {
      if (port.vlan === undefined) return [];
      return file(port.device, [
        connection(port.device, "vlan"),
        [
          "vlan",
          [
            ["flags", 1],
            ["id", port.vlan],
            ["parent", name],
          ],
        ],
        ...wired(port.mtu),
        ...addressing(port, dnsOf(port)),
      ]);
    }),
  ];
}

const without: readonly Section[] = [
  ["ipv4", [["method", "disabled"]]],
  ["ipv6", [["method", "disabled"]]],
];

function bondOptions({ primary, updelayMs, downdelayMs }: KernelNetwork["bond"]): Section[1] {
  return [
    ["mode", "active-backup"],
    ["miimon", MIIMON_MS],
    ["updelay", updelayMs],
    ["downdelay", downdelayMs],
    ...(primary === undefined ? [] : ([["primary", primary]] as const)),
  ];
}

function addressing(port: KernelPort, dns: readonly string[]): Section[] {
  return [
    ["ipv4", family(port, dns, (address) => !address.includes(":"))],
    ["ipv6", family(port, dns, (address) => address.includes(":"))],
  ];
}

function family(
  { addresses, gateways, routes }: KernelPort,
  dns: readonly string[],
  mine: (address: string) => boolean,
): Section[1] {
  const own = addresses.filter(mine);
  if (own.length === 0) return [["method", "disabled"]];
  const servers = dns.filter(mine);
  const gateway = gateways.find(mine);
  return [
    ["method", "manual"],
    ...own.map((address, index) => [`address${index + 1}`, address] as const),
    ...(gateway === undefined ? [] : ([["gateway", gateway]] as const)),
    ...routes
      .filter(({ via }) => mine(via))
      .map(({ to, via }, index) => [`route${index + 1}`, `${to},${via}`] as const),
    ...(servers.length === 0 ? [] : ([["dns", `${servers.join(";")};`]] as const)),
  ];
}

function sectionText([name, keys]: Section): string {
  return `[${name}]\n${keys.map(([key, value]) => `${key}=${value}\n`).join("")}`;
}
