import type { Drift } from "../core/step.ts";
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
  "link-up": ({ device }) => changes(`${device} up`, []),
  "add-address": ({ address, device }) => comes(`address ${address} on ${device}`),
  "remove-address": ({ address, device }) => goes(`address ${address} of ${device}`),
  "add-route": ({ to, via, device }) => comes(`route ${to} via ${via} on ${device}`),
  "remove-route": ({ to, via, device }) => goes(`route ${to} via ${via} of ${device}`),
  "set-ipv6": ({ device, setting, value }) => changes(`${device}: ${setting}=${value}`, []),
  "write-system-id": ({ value }) => changes(`system-id.conf says ${value}`, []),
};

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

const HASH = /^[0-9a-f]{64}$/;

function show(value: unknown): string {
  if (typeof value === "string" && HASH.test(value)) return value.slice(0, 12);
  if (value === null || (Array.isArray(value) && value.length === 0)) return "(none)";
  return Array.isArray(value) ? value.join(",") : String(value);
}
