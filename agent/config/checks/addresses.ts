import { type Cidr, contains, formatIp, formatNet, type Ip, isIn, lastOf, networkOf, overlap } from "../../core/ip.ts";
import type { AddressDraft, NetworkDraft } from "../draft.ts";
import { duplicates, type Finding } from "./finding.ts";

/** Addresses that no host can have: of the net itself, of everybody, of a group, of the machine itself. */
export function hostAddresses({ addresses }: NetworkDraft): Finding[] {
  return each(addresses, (path, { ips }) =>
    ips.flatMap(({ value: cidr, index, text }) => {
      const why = unfit(cidr);
      if (why === undefined) return [];
      const expected = "an address that one host can have";
      return [
        { code: "E_CONFIG_HOST_ADDRESS", message: `${text} is ${why}`, path: [...path, cidr.key, index], expected },
      ];
    }),
  );
}

function unfit(cidr: Cidr): string | undefined {
  const range = RESERVED.find(([net]) => isIn(cidr, net));
  if (range) return range[1];
  if (cidr.prefix === 0) return "an address whose net would be the whole internet";
  // RFC 3021 and RFC 6164: the two addresses of a point-to-point net are both a host's.
  if (cidr.prefix >= (cidr.family === 4 ? 31 : 127)) return undefined;
  if (cidr.value === networkOf(cidr)) return "the address of the net itself";
  if (cidr.family === 4 && cidr.value === lastOf(cidr)) return "the net's broadcast address";
  return undefined;
}

const RESERVED: readonly (readonly [string, string])[] = [
  ["0.0.0.0/8", "an address of no host"],
  ["127.0.0.0/8", "a loopback address"],
  ["224.0.0.0/4", "a multicast address"],
  ["240.0.0.0/4", "a reserved address"],
  ["::/128", "an address of no host"],
  ["::1/128", "a loopback address"],
  ["::ffff:0:0/96", "an IPv4 address in IPv6 clothes"],
  ["ff00::/8", "a multicast address"],
];

export function duplicateAddresses({ addresses }: NetworkDraft): Finding[] {
  const all = [...addresses].flatMap(([name, { ips }]) => ips.map((item) => ({ name, ...item })));
  return duplicates(
    all,
    ({ value: ip }) => `${ip.family} ${ip.value}`,
    (later, first) => ({
      code: "E_CONFIG_DUPLICATE_ADDRESS",
      message: `${formatIp(later.value)} is an address of ${first.name} already`,
      path: ["network", "addresses", later.name, later.value.key, later.index],
      expected: "each address once",
    }),
  );
}

export function gateways({ addresses }: NetworkDraft): Finding[] {
  return each(addresses, (path, address) => {
    return address.gateway ? nextHop(address, address.gateway, "gateway", [...path, "gateway"]) : [];
  });
}

export function routes({ addresses }: NetworkDraft): Finding[] {
  return each(addresses, (path, address) =>
    address.routes.flatMap(({ value: { to, via }, index }) => {
      const here = [...path, "routes", index];
      const found: Finding[] = via ? nextHop(address, via, "next hop", [...here, "via"]) : [];
      if (to && via && to.family !== via.family) {
        found.push({
          code: "E_CONFIG_ROUTE",
          message: "the route is IPv4 on one side and IPv6 on the other",
          path: [...here, "via"],
        });
      }
      if (to && to.value !== networkOf(to)) {
        const message = `${formatIp(to)}/${to.prefix} is an address inside a network`;
        found.push({
          code: "E_CONFIG_ROUTE",
          message,
          path: [...here, "to"],
          expected: "the network",
          hint: `Write ${formatNet(to)}.`,
        });
      }
      return found;
    }),
  );
}

function nextHop(address: AddressDraft, hop: Ip, what: string, path: Finding["path"]): Finding[] {
  const nets = address.ips.map((item) => item.value).filter((net) => net.family === hop.family);
  if (nets.some((net) => net.value === hop.value)) {
    return [{ code: "E_CONFIG_GATEWAY", message: `the ${what} ${formatIp(hop)} is this host's own address`, path }];
  }
  const linkLocal = isIn(hop, "fe80::/10");
  if (linkLocal || !address.complete || nets.some((net) => contains(net, hop))) return [];
  const inside = nets.map(formatNet).join(", ");
  const hint = inside === "" ? `There is no IPv${hop.family} address here to reach it from.` : undefined;
  return [
    {
      code: "E_CONFIG_GATEWAY",
      message: `the ${what} ${formatIp(hop)} lies outside the nets of this address`,
      path,
      ...(inside !== "" && { expected: `an address inside ${inside}` }),
      ...(hint !== undefined && { hint }),
    },
  ];
}

/** Two default routes of one family: which of them counts would depend on the order of start. */
export function oneDefaultRoute({ addresses }: NetworkDraft): Finding[] {
  const defaults = [...addresses].flatMap(([name, { gateway, routes: more }]) => {
    const path = ["network", "addresses", name];
    const own = gateway ? [{ name, family: gateway.family, path: [...path, "gateway"] }] : [];
    const further = more.filter(({ value: { to } }) => to?.prefix === 0);
    return [
      ...own,
      ...further.map(({ index, value: { to } }) => ({ name, family: to?.family, path: [...path, "routes", index] })),
    ];
  });
  return duplicates(
    defaults,
    ({ family }) => family,
    (later, first) => ({
      code: "E_CONFIG_DEFAULT_ROUTE",
      message: `a second IPv${later.family} default route; the first is that of ${first.name}`,
      path: later.path,
      expected: "one gateway of a family for the whole host",
      hint: "Keep the gateway of the management address; reach other networks by `routes`.",
    }),
  );
}

/** Two next hops to one net: the kernel keeps one of them, and the plan would never be empty. */
export function oneRouteToEachNet({ addresses }: NetworkDraft): Finding[] {
  const all = [...addresses].flatMap(([name, { routes: own }]) =>
    own.flatMap(({ index, value: { to } }) => (to === undefined || to.prefix === 0 ? [] : [{ name, index, to }])),
  );
  return duplicates(
    all,
    ({ to }) => formatNet(to),
    (later, first) => ({
      code: "E_CONFIG_ROUTE",
      message: `a second route to ${formatNet(later.to)}; the first is that of ${first.name}`,
      path: ["network", "addresses", later.name, "routes", later.index, "to"],
      expected: "one route to each net",
    }),
  );
}

export function mtus({ addresses, bond }: NetworkDraft): Finding[] {
  const most = bond?.mtu ?? 1500;
  return each(addresses, (path, { mtu, ips }) => {
    const found: Finding[] = [];
    if (mtu === undefined) return found;
    if (bond && mtu > most) {
      const limit = bond.mtu === undefined ? "1500, because the bond says none" : `the bond's ${most}`;
      found.push({
        code: "E_CONFIG_MTU",
        message: `MTU ${mtu} does not fit into ${limit}`,
        path: [...path, "mtu"],
        expected: `at most ${most}`,
      });
    }
    if (mtu < 1280 && ips.some(({ value: ip }) => ip.family === 6)) {
      found.push({
        code: "E_CONFIG_MTU",
        message: `MTU ${mtu} is too small for IPv6`,
        path: [...path, "mtu"],
        expected: "1280 or more",
      });
    }
    return found;
  });
}

export function doubtfulAddresses({ addresses }: NetworkDraft): Finding[] {
  const empty = each(addresses, (path, { ips, complete }) => {
    if (ips.length > 0 || !complete) return [];
    const message = "this port has no address";
    return [{ code: "E_CONFIG_NO_ADDRESS", message, path, at: "key", hint: "Fill `ipv4` or `ipv6`.", warning: true }];
  });
  return [...empty, ...overlaps(addresses)];
}

interface PlacedNet {
  readonly name: string;
  readonly order: number;
  readonly net: Cidr & { readonly key: string };
  readonly index: number;
}

// Sorted by where they begin, only the net that reaches furthest can overlap the next: no comparing of all with all.
function overlaps(addresses: NetworkDraft["addresses"]): Finding[] {
  const placed = [...addresses].flatMap(([name, { ips }]) =>
    ips.map(({ value: net, index }) => ({ name, net, index })),
  );
  const nets = placed.map((one, order): PlacedNet => ({ ...one, order }));
  const begin = ({ net }: PlacedNet) => networkOf(net);
  return ([4, 6] as const).flatMap((family) => {
    const sorted = nets.filter(({ net }) => net.family === family).sort((a, b) => (begin(a) < begin(b) ? -1 : 1));
    let furthest: PlacedNet | undefined;
    const found: Finding[] = [];
    for (const next of sorted) {
      if (furthest && furthest.name !== next.name && overlap(furthest.net, next.net))
        found.push(...overlapOf(furthest, next));
      if (!furthest || lastOf(next.net) > lastOf(furthest.net)) furthest = next;
    }
    return found;
  });
}

function overlapOf(a: PlacedNet, b: PlacedNet): Finding[] {
  const [first, later] = a.order < b.order ? [a, b] : [b, a];
  // The very same address is an error of its own.
  if (first.net.value === later.net.value) return [];
  return [
    {
      code: "E_CONFIG_OVERLAP",
      message: `${formatNet(later.net)} of ${later.name} overlaps ${formatNet(first.net)} of ${first.name}`,
      path: ["network", "addresses", later.name, later.net.key, later.index],
      hint: "Answers may leave through the other port.",
      warning: true,
    },
  ];
}

function each(
  addresses: NetworkDraft["addresses"],
  check: (path: readonly string[], address: AddressDraft) => readonly Finding[],
): Finding[] {
  return [...addresses].flatMap(([name, address]) => check(["network", "addresses", name], address));
}
