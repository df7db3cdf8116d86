import type { Drift } from "../core/step.ts";
import type { WholeRoute } from "./kernel.ts";
import type { Step } from "./steps.ts";

/** A step as a person reads it: `+` comes, `-` goes, `~` changes; `details` are the changes one by one. */
export interface Description {
  readonly sign: "+" | "-" | "~";
  readonly text: string;
  readonly details: readonly string[];
}

type Describers = { readonly [K in Step["kind"]]: (step: Extract<Step, { kind: K }>) => Description };

const describers: Describers = {
  "create-bridge": ({ bridge }) => comes(`bridge ${bridge.name}`),
  "remove-bridge": ({ bridge }) => goes(`bridge ${bridge}`),
  "update-bridge": ({ name, drift }) => changes(`bridge ${name}`, drift),
  "create-port": ({ bridge, port }) => {
    const { tag, trunks } = port.columns;
    const vlan =
      tag?.[0] === undefined ? (trunks?.length ? ` trunking ${trunks.join(", ")}` : "") : ` on VLAN ${tag[0]}`;
    const members = port.interfaces.length > 1 ? ` of ${port.interfaces.map(({ name }) => name).join(" and ")}` : "";
    return comes(`port ${port.name}${members} on ${bridge}${vlan}`);
  },
  "remove-port": ({ bridge, port }) => goes(`port ${port} of ${bridge}`),
  "update-port": ({ name, drift }) => changes(`port ${name}`, drift),
  "add-interface": ({ port, interface: entry }) => comes(`interface ${entry.name} in ${port}`),
  "remove-interface": ({ port, interface: name }) => goes(`interface ${name} of ${port}`),
  "update-interface": ({ name, drift }) => changes(`interface ${name}`, drift),
  "add-manager": ({ target }) => comes(`OVSDB manager ${target}`),
  "remove-manager": ({ target }) => goes(`OVSDB manager ${target}`),
  "set-external-id": ({ drift }) => changes("Open vSwitch", drift),
  "remove-vlan": ({ device }) => goes(`kernel VLAN ${device}`),
  "add-vlan": ({ device, parent, id }) => comes(`kernel VLAN ${device} (${id}) on ${parent}`),
  "link-up": ({ device }) => changes(`${device} up`, []),
  "take-address": ({ address, device }) => goes(`address ${address} of ${device}`),
  "take-route": ({ route }) => goes(`route ${wayOf(route)}`),
  "settle-address": ({ address, device }) => changes(`route of ${address} on ${device}`, []),
  "release-nic": ({ device, master }) => goes(`NIC ${device} of ${master}`),
  "remove-link": ({ device }) => goes(`kernel device ${device}`),
  "make-link": ({ link }) => comes(`kernel device ${link.name} (${link.made?.kind ?? "hardware"})`),
  "set-link": ({ device, mtu, mac, primary }) => ({
    ...changes(device, []),
    details: Object.entries({ mtu, mac, primary }).flatMap(([key, value]) =>
      value === undefined ? [] : `${key}: ${value}`,
    ),
  }),
  "enslave-nic": ({ device, master }) => comes(`NIC ${device} in ${master}`),
  "give-address": ({ given }) => comes(`address ${given.address} on ${given.device}`),
  "give-route": ({ route }) => comes(`route ${wayOf(route)}`),
  "add-address": ({ address, device }) => comes(`address ${address} on ${device}`),
  "remove-address": ({ address, device }) => goes(`address ${address} of ${device}`),
  "add-route": ({ to, via, device }) => comes(`route ${to} via ${via} on ${device}`),
  "remove-route": ({ to, via, device }) => goes(`route ${to} via ${via} of ${device}`),
  "set-ipv6": ({ device, setting, value }) => changes(`${device} ${ipv6Words[setting][value]}`, []),
  "write-resolv-conf": ({ drift }) => changes("resolv.conf", drift),
  "set-dns": ({ device, drift }) => changes(`name servers by ${device} (systemd-resolved)`, drift),
  "write-system-id": ({ value }) => changes(`system-id.conf says ${value}`, []),
};

const ipv6Words = {
  disable_ipv6: ["speaks IPv6", "speaks no IPv6"],
  accept_ra: ["takes no address from routers", "takes addresses from routers"],
} as const;

export function describe(step: Step): Description {
  return describeOne(step);
}

function describeOne<K extends Step["kind"]>(step: Extract<Step, { kind: K }>): Description {
  // The table is indexed by the step's own kind, which TypeScript cannot follow through the union.
  const describer = describers[step.kind] as (step: Extract<Step, { kind: K }>) => Description;
  return describer(step);
}

function comes(text: string): Description {
  return { sign: "+", text, details: [] };
}

function goes(text: string): Description {
  return { sign: "-", text, details: [] };
}

function changes(text: string, drift: readonly Drift[]): Description {
  return {
    sign: "~",
    text,
    details: drift.map(({ field, current, desired }) => `${field}: ${show(current)} -> ${show(desired)}`),
  };
}

function wayOf({ to, via, device }: WholeRoute): string {
  return `${to}${via === undefined ? "" : ` via ${via}`} on ${device}`;
}

const HASH = /^[0-9a-f]{64}$/;

function show(value: unknown): string {
  if (typeof value === "string" && HASH.test(value)) return value.slice(0, 12);
  if (value === null || (Array.isArray(value) && value.length === 0)) return "(none)";
  return Array.isArray(value) ? value.join(",") : String(value);
}
