import type { Imported, ImportedAddress } from "./import-parts.ts";

const SOURCES: Readonly<Record<Imported["from"], string>> = {
  openvswitch: "the bond of Open vSwitch that is here",
  "kernel-bond": "the kernel's bond",
  "kernel-vlan": "a NIC with the kernel's VLANs",
  nic: "a NIC without VLANs",
};

/** The fragment of the configuration, with remarks for whoever has to decide what a host cannot know. */
export function importedText(network: Imported): string {
  const { nics, bond, bridge, vlans, nativeVlan, addresses, neutron, dns, hostName, remarks, datapath } = network;
  const fabric = (index: number): string => (index === 0 ? "A" : "B");
  const lines = [
    `# This host as it stood: ${SOURCES[network.from]}. Lines with "decide" need a person.`,
    ...remarks.map((remark) => `# ${remark}`),
    "version: 1",
    ...(hostName === undefined ? [] : ["host:", `  name: ${quoted(hostName)}`]),
    // Without it resolv.conf is left alone, which keeps a host whose names are resolved some other way as it is.
    ...(dns.length === 0 ? [] : [`# host: { dns: ${list(dns)} } # decide: with this the agent writes resolv.conf`]),
    "network:",
    "  mode: observe # decide: `devcloud-agent network plan` shows what enforce would do",
    ...(datapath === undefined ? [] : [`  datapath: ${datapath}`]),
    "  nics:",
    ...nics.map(
      ({ name, mac, remark }, index) =>
        `    ${quoted(name)}: { mac: ${JSON.stringify(mac)}, fabric: ${fabric(index)} } # decide: the fabric${remark === undefined ? "" : `; ${remark}`}`,
    ),
    "  bond:",
    `    name: ${quoted(bond.name)}`,
    `    members: ${list(bond.members)}`,
    "    mode: active-backup",
    ...(bond.primary === undefined ? [] : [`    primary: ${quoted(bond.primary)}`]),
    `    updelay: ${duration(bond.updelayMs)}`,
    `    downdelay: ${duration(bond.downdelayMs)}`,
    `    detect: ${bond.detect}`,
    ...(bond.mtu === undefined ? [] : [`    mtu: ${bond.mtu}`]),
    ...(nativeVlan === undefined ? [] : [`    native_vlan: ${quoted(nativeVlan)} # has no tag on the cables`]),
    `  bridge: ${quoted(bridge)}`,
    "  vlans:",
    ...vlans.map(
      ({ name, id, remark }) => `    ${quoted(name)}: ${id}${remark === undefined ? "" : ` # decide: ${remark}`}`,
    ),
    "  addresses:",
    ...addresses.flatMap(addressText),
    ...(neutron.length === 0 ? [] : ["  neutron:", "    bridges:"]),
    ...neutron.map(
      ({ bridge: name, vlans: names }, index) =>
        `      ${quoted(name)}: { physnet: physnet${index + 1}, vlans: ${list(names)} } # decide: Neutron's name of it`,
    ),
    `  probes: ${addresses.some(({ gateway }) => gateway !== undefined) ? "[gateway]" : "[] # decide: what must answer"}`,
    ...(addresses.some(({ gateway }) => gateway !== undefined) ? [] : ["  confirm: { by: operator }"]),
  ];
  return `${[...lines, ...listenText(addresses)].join("\n")}\n`;
}

/** Metrics are served on mgmt0 unless somebody says otherwise. */
function listenText(addresses: readonly ImportedAddress[]): string[] {
  const port = addresses.find(({ gateway }) => gateway !== undefined) ?? addresses[0];
  if (port === undefined || addresses.some(({ name }) => name === "mgmt0")) return [];
  return [`metrics: { listen: ["127.0.0.1:9464", ${JSON.stringify(`${port.name}:9464`)}] }`];
}

function addressText({ name, vlan, ipv4, ipv6, gateway, mtu, mac, routes }: ImportedAddress): string[] {
  return [
    `    ${quoted(name)}:`,
    `      vlan: ${quoted(vlan)}`,
    ...(ipv4.length === 0 ? [] : [`      ipv4: ${list(ipv4)}`]),
    ...(ipv6.length === 0 ? [] : [`      ipv6: ${list(ipv6)}`]),
    ...(gateway === undefined ? [] : [`      gateway: ${quoted(gateway)}`]),
    ...(mtu === undefined ? [] : [`      mtu: ${mtu}`]),
    ...(mac === undefined ? [] : [`      mac: ${quoted(mac)}`]),
    ...(routes.length === 0 ? [] : ["      routes:"]),
    ...routes.map(({ to, via }) => `        - { to: ${quoted(to)}, via: ${quoted(via)} }`),
  ];
}

function list(values: readonly string[]): string {
  return `[${values.map(quoted).join(", ")}]`;
}

/** Plain where YAML reads it as this text, and in quotes where it would read something else. */
function quoted(text: string): string {
  const word = /^[A-Za-z][A-Za-z0-9_.-]*$/.test(text) && !/^(y|n|yes|no|on|off|true|false|null|none)$/i.test(text);
  return word || /^\d+\.\d+\.\d+\.\d+(\/\d+)?$/.test(text) ? text : JSON.stringify(text);
}

function duration(ms: number): string {
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
}
