import { contains, formatIp, parseCidr, parseIp } from "../agent/config/host.ts";
import type { AddressSettings, NetworkSettings } from "../agent/config/settings.ts";
import { quoted } from "./shell.ts";

export interface Management {
  readonly device: string;
  readonly address: AddressSettings;
  readonly gateway: string;
  readonly family: 4 | 6;
  /** CIDR form: the one address in whose net the gateway is. */
  readonly cidr: string;
  /** Absent: without a tag on the cable. */
  readonly vlan?: number;
}

/** The address that the installer uses: the first one with a gateway of its own family. */
export function managementOf({ addresses, vlans, bond }: NetworkSettings): Management | undefined {
  for (const [device, address] of Object.entries(addresses)) {
    const { gateway } = address;
    const family = parseIp(gateway ?? "")?.family;
    const vlan = vlans[address.vlan];
    if (gateway === undefined || family === undefined || vlan === undefined) continue;
    const cidr = besides(gateway, family === 4 ? address.ipv4 : address.ipv6);
    if (cidr === undefined) continue;
    const tagged = address.vlan === bond.nativeVlan ? {} : { vlan };
    return { device, address, gateway, family, cidr, ...tagged };
  }
  return undefined;
}

/** The address from which the gateway is a neighbour; a link-local one is that of all of them. */
function besides(gateway: string, cidrs: readonly string[]): string | undefined {
  const ip = parseIp(gateway);
  const near = cidrs.find((text) => {
    const cidr = parseCidr(text);
    return ip !== undefined && cidr !== undefined && contains(cidr, ip);
  });
  return near ?? cidrs[0];
}

/**
 * The one `network` line: plain, on one physical link. The port is a trunk, so it needs `--vlanid`, unless the switches take the
 * management VLAN without a tag; the bond is the agent's. The link is named by its MAC in `--device`: pykickstart refuses `--bindto=mac` together with `--vlanid`.
 */
export function networkLine(
  management: Management,
  mac: string,
  host: { readonly name: string; readonly dns: readonly string[] },
): string {
  const { family, cidr, gateway, vlan } = management;
  const [ip = "", prefix = ""] = cidr.split("/");
  const addressed =
    family === 4
      ? ["--bootproto=static", `--ip=${ip}`, `--netmask=${netmask(Number(prefix))}`, `--gateway=${gateway}`, "--noipv6"]
      : ["--noipv4", `--ipv6=${cidr}`, `--ipv6gateway=${gateway}`];
  const dns = host.dns.length === 0 ? ["--nodns"] : [`--nameserver=${host.dns.join(",")}`];
  const tag = vlan === undefined ? [] : [`--vlanid=${vlan}`];
  const words = [`--device=${mac}`, ...tag, ...addressed, ...dns, `--hostname=${host.name}`];
  return ["network", ...words, "--onboot=yes", "--activate"].map(quoted).join(" ");
}

function netmask(prefix: number): string {
  const bits = prefix === 0 ? 0n : (0xffff_ffffn << BigInt(32 - prefix)) & 0xffff_ffffn;
  return formatIp({ family: 4, value: bits });
}

/** Whether the gateway is in the net of the address; for the validator, which has both as text. */
export function netOf(ip: string, mask: string): { readonly cidr: string } | undefined {
  const value = parseIp(mask)?.value;
  if (value === undefined || parseIp(ip)?.family !== 4) return undefined;
  const ones = value.toString(2).padStart(32, "0");
  if (!/^1*0*$/.test(ones)) return undefined;
  const cidr = `${ip}/${ones.replaceAll("0", "").length}`;
  return parseCidr(cidr) === undefined ? undefined : { cidr };
}
