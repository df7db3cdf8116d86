import type { Risk } from "../core/step.ts";
import { destinationOf, type LinkImage, type WholeAddress, type WholeRoute } from "./kernel.ts";

interface Reason {
  readonly why: string;
  readonly risk: Risk;
}

/** Steps on what the kernel held before us: taken from it by an adoption, and given back by its rollback. */
export type AdoptStep =
  | ({ readonly kind: "take-address"; readonly device: string; readonly address: string } & Reason)
  | ({ readonly kind: "take-route"; readonly route: WholeRoute } & Reason)
  | ({ readonly kind: "settle-address"; readonly device: string; readonly address: string } & Reason)
  | ({ readonly kind: "release-nic"; readonly device: string; readonly master: string } & Reason)
  | ({ readonly kind: "remove-link"; readonly device: string } & Reason)
  | ({ readonly kind: "make-link"; readonly link: LinkImage } & Reason)
  | ({ readonly kind: "set-link"; readonly device: string } & LinkSettings & Reason)
  | ({ readonly kind: "enslave-nic"; readonly device: string; readonly master: string } & Reason)
  | ({ readonly kind: "give-address"; readonly given: WholeAddress } & Reason)
  | ({ readonly kind: "give-route"; readonly route: WholeRoute } & Reason);

export interface LinkSettings {
  readonly mtu?: number;
  readonly mac?: string;
  /** Of a bond. */
  readonly primary?: string;
}

/**
 * Of the route of an address that is on two devices for a moment: worse than any that is in use, so that what the kernel sends
 * keeps its way. An IPv4 address that came with `noprefixroute` cannot get its route later without being removed; one that came
 * with a metric can get another.
 */
export const EARLY_METRIC = 40_960;
/** What the kernel gives the route of an IPv6 address by itself. */
const IPV6_METRIC = 256;

type Lines = { readonly [K in AdoptStep["kind"]]: (step: Extract<AdoptStep, { kind: K }>) => readonly string[] };

/** The lines of `ip -batch` for each. */
export const adoptLines: Lines = {
  "take-address": ({ device, address }) => [`address del ${address} dev ${device}`],
  "take-route": ({ route }) => [`route del ${pathOf(route)}`],
  "settle-address": ({ device, address }) => [
    `address replace ${address} dev ${device}${address.includes(":") ? ` nodad metric ${IPV6_METRIC}` : ""}`,
  ],
  "release-nic": ({ device }) => [`link set dev ${device} nomaster`, `link set dev ${device} up`],
  "remove-link": ({ device }) => [`link del dev ${device}`],
  "make-link": ({ link }) => makingOf(link),
  "set-link": ({ device, mtu, mac, primary }) => [
    ...(mac === undefined ? [] : [`link set dev ${device} address ${mac}`]),
    ...(mtu === undefined ? [] : [`link set dev ${device} mtu ${mtu}`]),
    ...(primary === undefined ? [] : [`link set dev ${device} type bond primary ${primary}`]),
  ],
  "enslave-nic": ({ device, master }) => [
    `link set dev ${device} down`,
    `link set dev ${device} master ${master}`,
    `link set dev ${device} up`,
  ],
  "give-address": ({ given }) => [`address replace ${addressOf(given)}`],
  "give-route": ({ route }) => [
    `route add ${pathOf(route)}${route.expiresS === undefined ? "" : ` expires ${route.expiresS}`}`,
  ],
};

function makingOf({ name, made }: LinkImage): readonly string[] {
  if (made === undefined) throw new TypeError(`${name} is hardware, which nobody can make`);
  if (made.kind === "vlan") {
    const { parent, id, protocol } = made;
    return [`link add link ${parent} name ${name} type vlan protocol ${protocol} id ${id}`];
  }
  const [mode, ...options] = made.options.map((option) => option.join(" "));
  // One by one: an option that this kernel refuses must not keep the bond from being there.
  return [
    `link add name ${name} type bond ${mode ?? ""}`,
    ...options.map((option) => `link set dev ${name} type bond ${option}`),
  ];
}

function addressOf({ device, address, broadcast, metric, noprefixroute, validS, preferredS }: WholeAddress): string {
  return [
    `${address} dev ${device}`,
    ...(broadcast === undefined ? [] : [`broadcast ${broadcast}`]),
    ...(metric === undefined ? [] : [`metric ${metric}`]),
    ...(address.includes(":") ? ["nodad"] : []),
    ...(noprefixroute === true ? ["noprefixroute"] : []),
    ...(validS === undefined ? [] : [`valid_lft ${validS} preferred_lft ${preferredS ?? validS}`]),
  ].join(" ");
}

/** A route, told apart from every other one. */
function pathOf(route: WholeRoute): string {
  const { via, device, family, protocol, table, metric, scope, source, onlink } = route;
  return [
    destinationOf(route),
    ...(via === undefined ? [] : [`via ${family === 4 && via.includes(":") ? "inet6 " : ""}${via}`]),
    `dev ${device} table ${table} proto ${protocol}`,
    ...(scope === undefined ? [] : [`scope ${scope}`]),
    ...(source === undefined ? [] : [`src ${source}`]),
    ...(metric === undefined ? [] : [`metric ${metric}`]),
    ...(onlink === true ? ["onlink"] : []),
  ].join(" ");
}

export const adoptKinds = Object.keys(adoptLines) as readonly AdoptStep["kind"][];
