import { contains, isHostName, parseCidr, parseIp } from "../../agent/config/host.ts";
import { isLocalhost } from "../checks/host.ts";
import { netOf } from "../network-line.ts";
import type { Command, Document } from "../parse.ts";
import { about, type Finding, optionOf } from "./finding.ts";

type Check = (value: string) => string | undefined;

const ipv4: Check = (value) => (parseIp(value)?.family === 4 ? undefined : "an IPv4 address such as 10.1.0.17");
const ipv6: Check = (value) =>
  parseCidr(value)?.family === 6 ? undefined : "an IPv6 address with its prefix, such as 2001:db8::17/64";
const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    words.includes(value) ? undefined : `one of ${words.join(", ")}`;

/** The form of each option's value, which ksvalidator takes as it comes. */
const forms: ReadonlyMap<string, Check> = new Map(
  Object.entries<Check>({
    bootproto: oneOf("dhcp", "bootp", "static", "query", "ibft"),
    onboot: oneOf("yes", "no", "on", "off", "true", "false"),
    bindto: oneOf("mac"),
    ip: ipv4,
    gateway: ipv4,
    netmask: (value) => (netOf("10.0.0.1", value) ? undefined : "a netmask such as 255.255.255.0"),
    ipv6: (value) => (["auto", "dhcp"].includes(value) ? undefined : ipv6(value)),
    ipv6gateway: (value) => (parseIp(value)?.family === 6 ? undefined : "an IPv6 address such as 2001:db8::1"),
    nameserver: (value) =>
      value.split(",").every((one) => parseIp(one)) ? undefined : "addresses with commas between them",
    hostname: (value) =>
      isHostName(value) && !isLocalhost(value) ? undefined : "a host name such as cmp07.dc1.example.net",
    vlanid: (value) => {
      const right = /^[1-9]\d{0,3}$/.test(value) && Number(value) <= 4094;
      return right ? undefined : "a VLAN id: a whole number from 1 to 4094";
    },
    mtu: (value) =>
      /^[1-9]\d{2,3}$/.test(value) && Number(value) >= 576 && Number(value) <= 9216
        ? undefined
        : "an MTU from 576 to 9216",
    device: (value) =>
      /^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$|^[A-Za-z][A-Za-z0-9_.-]{0,14}$|^(link|bootif|ibft)$/.test(value)
        ? undefined
        : "a NIC by its MAC address, such as 24:6e:96:aa:00:01, or by its name",
  }),
);

/** `network` lines: what ksvalidator lets through. */
export function networkFindings({ commands }: Document): Finding[] {
  const lines = commands.filter(({ name }) => name === "network");
  return lines.flatMap((line) => [...values(line), ...staticAddress(line), ...binding(line)]);
}

function values(line: Command): Finding[] {
  return [...line.options].flatMap(([name, { value }]) => {
    const expected = forms.get(name)?.(value);
    if (expected === undefined) return [];
    const message = `--${name}=${value} does not fit`;
    return [about(line, name, { code: "E_KICKSTART_VALUE", message, expected, hint: `Write ${expected}.` })];
  });
}

function staticAddress(line: Command): Finding[] {
  if (optionOf(line, "bootproto") !== "static") return [];
  const missing = ["ip", "netmask"].filter((name) => !line.options.has(name));
  const found = missing.map((name) =>
    about(line, "bootproto", {
      code: "E_KICKSTART_MISSING",
      message: `--bootproto=static without --${name}`,
      hint: `Add --${name}: the installer would go on without an address.`,
    }),
  );
  const net = netOf(optionOf(line, "ip") ?? "", optionOf(line, "netmask") ?? "");
  const gateway = parseIp(optionOf(line, "gateway") ?? "");
  const cidr = net && parseCidr(net.cidr);
  if (cidr === undefined || gateway === undefined || contains(cidr, gateway)) return found;
  const message = `the gateway is outside ${net?.cidr ?? ""}`;
  return [
    ...found,
    about(line, "gateway", { code: "E_KICKSTART_VALUE", message, hint: "Check the netmask and the gateway." }),
  ];
}

function binding(line: Command): Finding[] {
  if (!line.options.has("vlanid") || optionOf(line, "bindto") !== "mac") return [];
  const message = "--bindto=mac cannot be used with --vlanid";
  return [
    about(line, "bindto", { code: "E_KICKSTART_CONFLICT", message, hint: "Name the NIC by its MAC: --device=MAC." }),
  ];
}
