import { AgentError } from "../core/errors.ts";
import {
  type KernelBond,
  type KernelWhole,
  ROUTER_PROTOCOL,
  type WholeAddress,
  type WholeLink,
  type WholeRoute,
} from "../network/kernel.ts";
import { type IpLink, linkOf } from "./ip-link.ts";
import { run } from "./run.ts";

const TIMEOUT_MS = 5_000;
/** rtnetlink(7): what the kernel makes of a redirect, and of an address. */
const MADE_BY_THE_KERNEL = new Set([1, 2]);
const UNICAST = 1;
/** ip-link(8), in the order in which the kernel takes them: the mode first, `miimon` before the delays that count in it. */
const BOND_OPTIONS: readonly (readonly [json: string, option: string])[] = [
  ...["mode", "miimon", "updelay", "downdelay", "use_carrier", "arp_interval", "arp_validate", "arp_ip_target"],
  ...["fail_over_mac", "primary_reselect", "resend_igmp", "num_grat_arp", "all_slaves_active", "min_links"],
].map((name) => [name === "num_grat_arp" ? "num_peer_notif" : name, name] as const);

interface WholeIpAddress {
  readonly family: string;
  readonly local: string;
  readonly prefixlen: number;
  readonly scope: string;
  readonly metric?: number;
  readonly broadcast?: string;
  readonly dynamic?: boolean;
  readonly temporary?: boolean;
  readonly mngtmpaddr?: boolean;
  readonly noprefixroute?: boolean;
  readonly valid_life_time?: number;
  readonly preferred_life_time?: number;
}

interface WholeIpLink extends IpLink {
  readonly addr_info: readonly WholeIpAddress[];
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: Readonly<Record<string, unknown>> };
}

interface IpNextHop {
  readonly gateway?: string;
  /** A next hop of the other family. */
  readonly via?: { readonly host: string };
  readonly dev?: string;
  readonly flags?: readonly string[];
}

interface WholeIpRoute extends IpNextHop {
  readonly type?: string;
  readonly dst: string;
  readonly nexthops?: readonly IpNextHop[];
  readonly table?: string;
  readonly protocol?: string;
  readonly scope?: string;
  readonly metric?: number;
  readonly prefsrc?: string;
  readonly pref?: string;
  readonly expires?: number;
}

/** Everything that the kernel holds. Two processes of `ip` that end: nobody asks often. Throws E_IP_FAILED, E_TOOL_MISSING. */
export async function lookAtAll(signal: AbortSignal): Promise<KernelWhole> {
  const [links, routes] = await Promise.all([
    ip(["-json", "-details", "address", "show"], signal),
    // Numbers: the names of protocols and tables are what the host's files say they are.
    ip(["-json", "-details", "-N", "route", "show", "table", "all"], signal),
  ]);
  return parseAll(links, routes);
}

/** What the two commands print. */
export function parseAll(linksText: string, routesText: string): KernelWhole {
  // iproute2 prints nothing at all where there is no route.
  const links = JSON.parse(linksText || "[]") as readonly WholeIpLink[];
  const routes = JSON.parse(routesText || "[]") as readonly WholeIpRoute[];
  return {
    links: links.map(wholeLink),
    addresses: links.flatMap(({ ifname, addr_info }) =>
      addr_info.filter(({ scope }) => scope === "global").map((entry) => wholeAddress(ifname, entry)),
    ),
    routes: routes.flatMap(({ nexthops, ...route }) =>
      nexthops === undefined
        ? wholeRoute(route)
        : nexthops.flatMap((hop) => wholeRoute({ ...route, ...hop }).map((one) => ({ ...one, shared: true as const }))),
    ),
  };
}

async function ip(args: readonly string[], signal: AbortSignal): Promise<string> {
  const { code, stdout, stderr } = await run("ip", args, { signal, timeoutMs: TIMEOUT_MS });
  if (code === 0) return stdout;
  throw new AgentError({ code: "E_IP_FAILED", message: `ip could not list the network: ${stderr.trim()}` });
}

function wholeLink(link: WholeIpLink): WholeLink {
  const { info_kind: kind, info_data: data = {} } = link.linkinfo ?? {};
  const { id, protocol } = data;
  return {
    ...linkOf(link),
    address: (link.address ?? "").toLowerCase(),
    ...(kind === "vlan" && typeof id === "number" ? { vlan: { id, protocol: text(protocol) ?? "802.1Q" } } : {}),
    ...(kind === "bond" ? { bond: bondOf(data) } : {}),
  };
}

function bondOf(data: Readonly<Record<string, unknown>>): KernelBond {
  const number = (key: string): number => (typeof data[key] === "number" ? data[key] : 0);
  const [active, primary] = [text(data.active_slave), text(data.primary)];
  const listens = number("arp_interval") > 0;
  return {
    mode: text(data.mode) ?? "unknown",
    ...(active === undefined ? {} : { active }),
    ...(primary === undefined ? {} : { primary }),
    miimonMs: number("miimon"),
    updelayMs: number("updelay"),
    downdelayMs: number("downdelay"),
    options: BOND_OPTIONS.flatMap(([json, option]) => {
      // The kernel lets a bond watch its links in one of two ways, and refuses an option of the other.
      if (option.startsWith("arp_") ? !listens : listens && /miimon|delay|use_carrier/.test(option)) return [];
      const found = data[json];
      const value = Array.isArray(found) ? found.join(",") : found;
      return value === null || value === undefined || value === "" ? [] : [[option, String(value)] as const];
    }),
  };
}

function wholeAddress(device: string, entry: WholeIpAddress): WholeAddress {
  const { metric, broadcast, dynamic, temporary, mngtmpaddr, noprefixroute } = entry;
  const automatic = entry.family === "inet6" && (temporary === true || mngtmpaddr === true || dynamic === true);
  const lasts = entry.family === "inet" && dynamic === true;
  return {
    device,
    address: `${entry.local}/${entry.prefixlen}`,
    ...(metric === undefined ? {} : { metric }),
    ...(lasts ? { validS: entry.valid_life_time ?? 0, preferredS: entry.preferred_life_time ?? 0 } : {}),
    ...(broadcast === undefined ? {} : { broadcast }),
    ...(noprefixroute === true ? { noprefixroute } : {}),
    ...(automatic ? { automatic } : {}),
    ...(automatic && temporary === true ? { temporary } : {}),
  };
}

function wholeRoute(route: WholeIpRoute): WholeRoute[] {
  const { dst, dev, gateway = route.via?.host } = route;
  const [type, protocol, table] = [route.type ?? "1", route.protocol ?? "0", route.table ?? "254"].map(Number);
  if (dev === undefined || type !== UNICAST || protocol === undefined || MADE_BY_THE_KERNEL.has(protocol)) return [];
  // A net that a router says is on the cable comes with the addresses that it gives.
  if (protocol === ROUTER_PROTOCOL && gateway === undefined) return [];
  // iproute2 tells the preference of IPv6's routes only.
  const six = route.pref !== undefined || dst.includes(":");
  const prefix = dst === "default" || dst.includes("/") ? "" : six ? "/128" : "/32";
  return [
    {
      to: `${dst}${prefix}`,
      device: dev,
      family: six ? 6 : 4,
      protocol,
      table: table ?? 254,
      ...(gateway === undefined ? {} : { via: gateway }),
      ...detailsOf(route, six),
    },
  ];
}

function detailsOf({ metric, scope, prefsrc, expires, flags = [] }: WholeIpRoute, six: boolean): Partial<WholeRoute> {
  return {
    ...(metric === undefined || metric === 0 ? {} : { metric }),
    ...(six || scope === undefined || Number(scope) === 0 ? {} : { scope: Number(scope) }),
    ...(prefsrc === undefined ? {} : { source: prefsrc }),
    ...(flags.includes("onlink") ? { onlink: true } : {}),
    ...(expires === undefined ? {} : { expiresS: Math.max(1, expires) }),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
