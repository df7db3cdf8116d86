import type { Link } from "../network/observed.ts";

/** What `ip -json -details` prints, of which only this is read (iproute2's ipaddress.c). */
export interface IpLink {
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

export function linkOf(link: IpLink): Link {
  return {
    name: link.ifname,
    mac: (link.permaddr ?? link.address ?? "").toLowerCase(),
    mtu: link.mtu,
    up: link.flags.includes("UP"),
    carrier: link.flags.includes("LOWER_UP"),
    linkLocal: link.addr_info.some(({ local, scope }) => scope === "link" && local.includes(":")),
    ...(link.parentbus === "pci" && link.parentdev !== undefined ? { pci: link.parentdev } : {}),
    ...(link.linkinfo?.info_kind === undefined ? {} : { kind: link.linkinfo.info_kind }),
    ...(link.link === undefined ? {} : { parent: link.link }),
    ...(link.master === undefined ? {} : { master: link.master }),
  };
}
