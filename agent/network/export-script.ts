import { type KernelNetwork, type KernelPort, MIIMON_MS } from "./export.ts";

const SAFE = /^[A-Za-z0-9_.:/-]+$/;

/** A plain script of `ip` commands, which gives a host this network by the kernel alone. Run as root, on its console. */
export function ipScript({ bond, ports, dns }: KernelNetwork): string {
  const { name, members, primary, updelayMs, downdelayMs, mac } = bond;
  const mtu = bond.mtu === undefined ? [] : [`ip link set dev ${safe(name)} mtu ${bond.mtu}`];
  return `#!/bin/sh
# This host's network without Open vSwitch: a bond of the kernel, and its VLANs. Written by devcloud-agent network export.
# Take the agent off and the NICs out of Open vSwitch first, on the console:
#     rpm -e devcloud-agent                  or, where an image has it, what operations.md says instead
#     ovs-vsctl --if-exists del-br NAME      for each bridge of ovs-vsctl list-br
# It lasts until the next boot, where something has to run it again. Let NetworkManager and others leave these NICs alone.
set -eu

modprobe bonding 2>/dev/null || true
modprobe 8021q 2>/dev/null || true
[ -e /sys/class/net/${safe(name)} ] ||
  ip link add name ${safe(name)} type bond mode active-backup miimon ${MIIMON_MS} updelay ${updelayMs} downdelay ${downdelayMs}
${lines([
  ...(mac === undefined ? [] : [`ip link set dev ${safe(name)} address ${safe(mac)}`]),
  ...members.flatMap(({ device }) => [
    `ip link set dev ${safe(device)} down`,
    `ip link set dev ${safe(device)} master ${safe(name)}`,
  ]),
  ...mtu,
  ...(primary === undefined ? [] : [`ip link set dev ${safe(name)} type bond primary ${safe(primary)}`]),
  ...[...members.map(({ device }) => device), name].map((device) => `ip link set dev ${safe(device)} up`),
  ...ports.flatMap((port) => portLines(port, name)),
  ...(dns.length === 0
    ? []
    : [`printf '%s\\n' ${dns.map((address) => `'nameserver ${safe(address)}'`).join(" ")} >/etc/resolv.conf`]),
])}
`;
}

function portLines({ device, vlan, mtu, addresses, gateways, routes }: KernelPort, bond: string): string[] {
  const made =
    vlan === undefined
      ? []
      : [
          `[ -e /sys/class/net/${safe(device)} ] ||`,
          `  ip link add link ${safe(bond)} name ${safe(device)} type vlan id ${vlan}`,
        ];
  return [
    ...made,
    ...(mtu === undefined ? [] : [`ip link set dev ${safe(device)} mtu ${mtu}`]),
    `ip link set dev ${safe(device)} up`,
    ...addresses.map((cidr) => `ip address replace ${safe(cidr)} dev ${safe(device)}${nodad(cidr)}`),
    ...gateways.map((via) => `ip ${familyOf(via)}route replace default via ${safe(via)} dev ${safe(device)}`),
    ...routes.map(({ to, via }) => `ip route replace ${safe(to)} via ${safe(via)} dev ${safe(device)}`),
  ];
}

function familyOf(address: string): string {
  return address.includes(":") ? "-6 " : "";
}

function nodad(cidr: string): string {
  return cidr.includes(":") ? " nodad" : "";
}

function lines(all: readonly string[]): string {
  return all.join("\n");
}

/** Values were checked when the configuration was read; a script that root runs is no place to rely on that. */
function safe(value: string): string {
  if (SAFE.test(value) && !value.startsWith("-")) return value;
  throw new TypeError(`${JSON.stringify(value)} passed validation and has no place in a shell script`);
}
