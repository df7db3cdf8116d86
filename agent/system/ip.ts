import { AgentError } from "../core/errors.ts";
import type { KernelObserved, Link } from "../network/observed.ts";
import type { KernelPort } from "../network/ports.ts";
import { type AddressTarget, ROUTE_PROTOCOL, type RouteTarget } from "../network/target.ts";
import { run } from "./run.ts";

const TIMEOUT_MS = 5_000;

/** Links, addresses and routes through iproute2, in one process for all of a look and one for all of a change. */
export const ip: KernelPort = {
  async observe(signal) {
    const input = `address show\nroute show table all proto ${ROUTE_PROTOCOL}\n`;
    const { code, stdout, stderr } = await run("ip", ["-json", "-details", "-batch", "-"], {
      input,
      signal,
      timeoutMs: TIMEOUT_MS,
    });
    if (code !== 0)
      throw new AgentError({ code: "E_IP_FAILED", message: `ip could not list the network: ${stderr.trim()}` });
    return parseIp(stdout);
  },

  async batch(lines, signal) {
    const input = `${lines.join("\n")}\n`;
    const { code, stderr } = await run("ip", ["-force", "-batch", "-"], { input, signal, timeoutMs: TIMEOUT_MS });
    if (code === 0) return [];
    return stderr.split("\n").filter((line) => line !== "" && !line.startsWith("Command failed"));
  },
};

/** What `ip -json -details` prints, of which only this is read (iproute2's ipaddress.c and iproute.c). */
interface IpLink {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly address?: string;
  readonly permaddr?: string;
  readonly master?: string;
  readonly link?: string;
  readonly parentbus?: string;
  readonly parentdev?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number; readonly scope: string }[];
}

interface IpRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
}

/** The output of the batch: a JSON array of links, then one of routes, each on a line. */
export function parseIp(text: string): KernelObserved {
  const [links, routes] = text
    .split("\n")
    .filter((line) => line.startsWith("["))
    .map((line): unknown => JSON.parse(line));
  if (!isListOf<IpLink>(links, "ifname") || !isListOf<IpRoute>(routes, "dst")) {
    throw new AgentError({
      code: "E_IP_FAILED",
      message: `ip printed something else than links and routes: ${text.slice(0, 200)}`,
      hint: "iproute2 5.0 or newer is needed",
    });
  }
  return { links: links.map(linkOf), addresses: links.flatMap(addressesOf), routes: routes.flatMap(routeOf) };
}

function isListOf<T>(value: unknown, key: keyof T & string): value is T[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "object" && entry !== null && key in entry);
}

function linkOf(link: IpLink): Link {
  return {
    name: link.ifname,
    mac: (link.permaddr ?? link.address ?? "").toLowerCase(),
    mtu: link.mtu,
    up: link.flags.includes("UP"),
    carrier: link.flags.includes("LOWER_UP"),
    ...(link.parentbus === "pci" && link.parentdev !== undefined ? { pci: link.parentdev } : {}),
    ...(link.linkinfo?.info_kind === undefined ? {} : { kind: link.linkinfo.info_kind }),
    ...(link.link === undefined ? {} : { parent: link.link }),
    ...(link.master === undefined ? {} : { master: link.master }),
  };
}

function addressesOf(link: IpLink): AddressTarget[] {
  return link.addr_info
    .filter(({ scope }) => scope === "global")
    .map(({ local, prefixlen }) => ({ device: link.ifname, address: `${local}/${prefixlen}` }));
}

function routeOf({ dst, gateway, dev }: IpRoute): RouteTarget[] {
  // A route of our protocol without a gateway is not one that we make.
  return gateway === undefined || dev === undefined ? [] : [{ to: dst, via: gateway, device: dev }];
}
