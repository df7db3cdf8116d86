import * as v from "valibot";
import { parseCidr, parseIp } from "../core/ip.ts";

/*
 * The kinds of single values. The description of each says what it looks like: it is what an editor shows and what an
 * error calls `expected`.
 */

/** Timers of the runtime overflow at 24.8 days and would then fire at once. */
const MAX_DURATION_MS = 24 * 3_600_000;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const DURATION = /^(0|[1-9]\d{0,7})(ms|s|m|h)$/;

/** Milliseconds of `120s`, `10m`, `500ms`, `1h`; undefined when the text is no duration or longer than a day. */
export function durationMs(text: string): number | undefined {
  const [, amount, unit] = DURATION.exec(text) ?? [];
  const factor = UNITS[unit ?? ""];
  if (amount === undefined || factor === undefined) return undefined;
  const ms = Number(amount) * factor;
  return ms <= MAX_DURATION_MS ? ms : undefined;
}

/** A duration, `0s` included. */
export const duration = v.pipe(
  v.string(),
  v.regex(DURATION),
  v.check((text) => durationMs(text) !== undefined),
  v.description("a duration with its unit, such as 500ms, 30s, 10m or 1h (at most 24h)"),
);

/** A duration that something waits by: zero would be a busy loop or a time-out before the start. */
export const waiting = v.pipe(
  v.string(),
  v.regex(DURATION),
  v.check((text) => (durationMs(text) ?? 0) > 0),
  v.description("a duration with its unit, longer than zero, such as 500ms, 30s, 10m or 1h (at most 24h)"),
);

// What the kernel and Open vSwitch both take, and nothing that a shell would look at twice.
const NAME = /^[A-Za-z][A-Za-z0-9_.-]*$/;

/** A network device: the kernel has room for 15 characters (IFNAMSIZ less one). */
export const deviceName = v.pipe(
  v.string(),
  v.regex(NAME),
  v.maxLength(15),
  v.description("a device name: a letter, then letters, digits, `.`, `_` or `-`, at most 15 characters"),
);

/** Neutron derives the names of its own ports from the bridge's, which leaves 11 characters. */
export const neutronBridgeName = v.pipe(
  v.string(),
  v.regex(NAME),
  v.maxLength(11),
  v.description("a bridge name: a letter, then letters, digits, `.`, `_` or `-`, at most 11 characters for Neutron"),
);

/** A name of our own making: a VLAN, a physical network, a switch fabric. */
export const label = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/),
  v.maxLength(64),
  v.description("a name: letters, digits, `.`, `_` or `-`, at most 64 characters"),
);

export const vlanId = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(1),
  v.maxValue(4094),
  v.description("a VLAN id: a whole number from 1 to 4094"),
);

export const mtu = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(576),
  v.maxValue(9216),
  v.description("an MTU: a whole number of bytes from 576 to 9216"),
);

export const mac = v.pipe(
  v.string(),
  v.regex(/^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$/),
  v.description('a MAC address such as "24:6e:96:aa:00:01"'),
);

export const portMac = v.pipe(
  mac,
  v.check((text) => Number.parseInt(text.slice(0, 2), 16) % 2 === 0 && /[^0:]/.test(text)),
  v.description('the MAC address of one port (no group\'s) such as "24:6e:96:aa:00:01"'),
);

export const pci = v.pipe(
  v.string(),
  v.regex(/^[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[01][0-9A-Fa-f]\.[0-7]$/),
  v.description('a PCI address with its domain, such as "0000:3b:00.1"'),
);

export const ipAddress = v.pipe(
  v.string(),
  v.check((text) => parseIp(text) !== undefined),
  v.description("an IPv4 or IPv6 address, such as 10.1.0.1 or 2001:db8::1"),
);

export const ipv4Cidr = v.pipe(
  v.string(),
  v.check((text) => parseCidr(text)?.family === 4),
  v.description("an IPv4 address with its prefix, such as 10.1.0.17/24"),
);

export const ipv6Cidr = v.pipe(
  v.string(),
  v.check((text) => parseCidr(text)?.family === 6),
  v.description("an IPv6 address with its prefix, such as 2001:db8::17/64"),
);

export const network = v.pipe(
  v.string(),
  v.check((text) => parseCidr(text) !== undefined),
  v.description("a network with its prefix, such as 10.9.0.0/16 or 2001:db8:9::/48"),
);

// RFC 1123, section 2.1. A label begins and ends with a letter or digit; the last one is no number, or 10.1.0.300 would
// be a name.
const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const HOST_NAME = new RegExp(`^(?=.{1,253}$)(?:${LABEL}\\.)*(?!\\d+$)${LABEL}$`);

export function isHostName(text: string): boolean {
  return HOST_NAME.test(text);
}

export const hostName = v.pipe(
  v.string(),
  v.regex(HOST_NAME),
  v.description("a host name such as cmp07.dc1.example.net"),
);

export const absolutePath = v.pipe(
  v.string(),
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  v.regex(/^\/[^\x00-\x1f\x7f]*$/),
  v.maxLength(4096),
  v.description("an absolute path such as /etc/devcloud-agent/ca.pem"),
);

/** `HOST:PORT`, with an IPv6 address in brackets. */
export function splitHostPort(text: string): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*)):([1-9]\d{0,4})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) return undefined;
  if (bracketed !== undefined) return parseIp(bracketed)?.family === 6 ? { host: bracketed, port } : undefined;
  const host = plain ?? "";
  return parseIp(host) !== undefined || isHostName(host) ? { host, port } : undefined;
}

export const hostPort = v.pipe(
  v.string(),
  v.check((text) => splitHostPort(text) !== undefined),
  v.description("HOST:PORT, such as 127.0.0.1:9464, [::1]:9464 or mgmt0:9464"),
);

export const probe = v.pipe(
  v.string(),
  v.check((text) => text === "gateway" || (text.startsWith("tcp:") && splitHostPort(text.slice(4)) !== undefined)),
  v.description("`gateway`, or tcp:HOST:PORT such as tcp:10.1.0.5:22 or tcp:[2001:db8::5]:22"),
);

export const opening = v.pipe(
  v.string(),
  v.regex(/^(config:[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|order:[A-Za-z0-9_.-]+)$/),
  v.description("config:PATH or order:NAME, such as config:network.vlans"),
);

export const url = (schemes: readonly string[], form: string) =>
  v.pipe(
    v.string(),
    v.check((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol)),
    v.description(form),
  );

export const instant = v.pipe(
  v.string(),
  v.regex(/^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|z|[+-]\d{2}:\d{2})$/),
  v.check((text) => !Number.isNaN(Date.parse(text.replace(" ", "T")))),
  v.description("a time with its offset, such as 2026-03-01T06:00:00Z"),
);
