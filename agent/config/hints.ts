import type * as v from "valibot";
import { suggest } from "./nearest.ts";
import { mayHoldSecret } from "./secrets.ts";
import { formOf, scalarType, shapeOf, wordsOf } from "./shape.ts";
import { formatPath, type Path } from "./tree.ts";

/** What to do about a value that does not fit, where more can be said than its form. */
export function valueHint(schema: v.GenericSchema, input: unknown, path: Path): string | undefined {
  return placeHint(path, input) ?? wordHint(schema, input) ?? writingHint(schema, input, path);
}

const OTHER_BOND_MODES: readonly string[] = [
  "802.3ad",
  "lacp",
  "balance-slb",
  "balance-tcp",
  "balance-rr",
  "balance-xor",
  "balance-alb",
  "balance-tlb",
  "broadcast",
];

/** A bond mode that exists, and that two fabrics which know nothing of each other cannot carry. */
export function isOtherBondMode(path: Path, input: unknown): boolean {
  if (formatPath(path) !== "network.bond.mode") return false;
  return input === 4 || (typeof input === "string" && OTHER_BOND_MODES.includes(input.toLowerCase()));
}

const WHY_NOT_LACP =
  "LACP and the balancing modes need both cables in one switch, or switches that act as one. " +
  "The uplinks lead to two separate fabrics, so only active-backup is safe.";
const WHY_NOT_OVN =
  "OVN writes to Neutron's bridges by itself, and nobody has tried it beside this agent. " +
  "Set neutron_plugin_agent: openvswitch in Kolla, or leave `neutron` out and make its bridges yourself.";

/** What is said of a key that this agent does not have on purpose. */
export function refusedKey(path: Path): string | undefined {
  const place = formatPath(path);
  if (place === "network.bond.lacp" || place === "network.bond.lacp_rate") return WHY_NOT_LACP;
  return place === "network.ovn" || place.startsWith("network.neutron.ovn") ? WHY_NOT_OVN : undefined;
}

function placeHint(path: Path, input: unknown): string | undefined {
  if (isOtherBondMode(path, input)) return WHY_NOT_LACP;
  if (formatPath(path) === "network.neutron.plugin" && input === "ovn") return WHY_NOT_OVN;
  if (formatPath(path) === "version") return "This agent reads version 1. A newer configuration needs a newer agent.";
  return undefined;
}

function wordHint(schema: v.GenericSchema, input: unknown): string | undefined {
  const words = wordsOf(schema);
  return words.length > 1 && typeof input === "string" ? suggest(input, words) : undefined;
}

function writingHint(schema: v.GenericSchema, input: unknown, path: Path): string | undefined {
  const wanted = scalarType(schema);
  const single = typeof input === "string" || typeof input === "number";
  if (single && shapeOf(schema).kind === "list") return `Write it as a list: [${input}].`;
  if (typeof input === "string") return wanted === "number" ? numberHint(input) : textHint(input, path);
  if (wanted !== "string" || (typeof input !== "number" && typeof input !== "boolean")) return undefined;
  if (formOf(schema).startsWith("a duration")) return `Write the unit too, for example "${input}s".`;
  return mayHoldSecret(path) ? "Quote it if text is meant." : `Quote it if text is meant: "${input}".`;
}

function numberHint(text: string): string | undefined {
  return /^-?\d+$/.test(text) ? `A number is written without quotes: ${text}.` : undefined;
}

function textHint(text: string, path: Path): string | undefined {
  if (/^([0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}$/.test(text)) return `Write it with colons: "${text.replaceAll("-", ":")}".`;
  if (/^[0-9A-Fa-f]{2}:[01][0-9A-Fa-f]\.[0-7]$/.test(text)) return `Write the domain too: "0000:${text}".`;
  if (path.at(-2) === "ipv4" || path.at(-2) === "ipv6") return prefixHint(text);
  return undefined;
}

function prefixHint(text: string): string | undefined {
  return text.includes("/")
    ? undefined
    : `The prefix is missing: "${text}/${text.includes(":") ? "64" : "24"}", for example.`;
}
