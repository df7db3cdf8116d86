/** An address as a number, so that masks and comparisons are plain arithmetic. */
export interface Ip {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** An address together with its prefix length: `10.1.0.17/24`. */
export interface Cidr extends Ip {
  readonly prefix: number;
}

/** An IPv4 or IPv6 address; undefined for anything else, zones (`%em1`) and leading zeros included. */
export function parseIp(text: string): Ip | undefined {
  const value4 = parseIpv4(text);
  if (value4 !== undefined) return { family: 4, value: value4 };
  const value6 = parseIpv6(text);
  return value6 === undefined ? undefined : { family: 6, value: value6 };
}

/** `ADDRESS/PREFIX`; undefined for anything else. */
export function parseCidr(text: string): Cidr | undefined {
  const [, address, digits] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const ip = parseIp(address ?? "");
  const prefix = Number(digits);
  return ip && prefix <= bits(ip.family) ? { ...ip, prefix } : undefined;
}

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    // "010" is ten to some programs and eight to others, so it is neither here.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

// RFC 4291, section 2.2: eight groups, one run of zeros may be `::`, the last 32 bits may be written as IPv4.
function parseIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, index) => groups(half, index === halves.length - 1));
  if (!head || (halves.length === 2 && !tail)) return undefined;
  const given = head.length + (tail?.length ?? 0);
  if (tail ? given > 7 : given !== 8) return undefined;
  const all = [...head, ...Array.from({ length: 8 - given }, () => 0), ...(tail ?? [])];
  return all.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

function groups(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const found: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(part)) {
      found.push(Number.parseInt(part, 16));
      continue;
    }
    const embedded = last && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (embedded === undefined) return undefined;
    found.push(Number(embedded >> 16n), Number(embedded & 0xffffn));
  }
  return found;
}

function bits(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

/** Whether two addresses in CIDR form are of one net; what is none is of no net. */
export function sameNet(a: string, b: string): boolean {
  const [one, other] = [parseCidr(a), parseCidr(b)];
  if (one === undefined || other === undefined) return false;
  return one.family === other.family && one.prefix === other.prefix && networkOf(one) === networkOf(other);
}

/** The first address of the net, as a number. */
export function networkOf(cidr: Cidr): bigint {
  const host = BigInt(bits(cidr.family) - cidr.prefix);
  return (cidr.value >> host) << host;
}

/** The last address of the net, as a number: IPv4's broadcast. */
export function lastOf(cidr: Cidr): bigint {
  return networkOf(cidr) + (1n << BigInt(bits(cidr.family) - cidr.prefix)) - 1n;
}

export function contains(net: Cidr, ip: Ip): boolean {
  return net.family === ip.family && ip.value >= networkOf(net) && ip.value <= lastOf(net);
}

export function overlap(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && networkOf(a) <= lastOf(b) && networkOf(b) <= lastOf(a);
}

/** Whether the address lies in a range that is written as CIDR, e.g. `isIn(ip, "fe80::/10")`. */
export function isIn(ip: Ip, range: string): boolean {
  const net = parseCidr(range);
  return net !== undefined && contains(net, ip);
}

/** The first address of the net in CIDR form, IPv4 only in dotted form, IPv6 in full groups without compression. */
export function formatNet(cidr: Cidr): string {
  return `${formatIp({ family: cidr.family, value: networkOf(cidr) })}/${cidr.prefix}`;
}

/** The usual text of an address; IPv6 by RFC 5952 (lower case, the longest run of zeros as `::`). */
export function formatIp(ip: Ip): string {
  if (ip.family === 4) return [24n, 16n, 8n, 0n].map((shift) => (ip.value >> shift) & 0xffn).join(".");
  const all = Array.from({ length: 8 }, (_, index) => ((ip.value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  const text = all.join(":");
  const runs = text.match(/(?<![0-9a-f])0(:0)+(?![0-9a-f])/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), "");
  if (longest === "") return text;
  const at = text.search(new RegExp(`(?<![0-9a-f])${longest}(?![0-9a-f])`));
  return `${text.slice(0, at).replace(/:$/, "")}::${text.slice(at + longest.length).replace(/^:/, "")}`;
}
