import { AgentError } from "../../core/errors.ts";

/** What lldpd says, or why nobody says anything. */
export type Neighbors =
  | { readonly state: "told"; readonly neighbors: readonly Neighbor[] }
  | { readonly state: "absent"; readonly why: string };

/** A switch port, as it speaks of itself. Everything here is what a stranger on the wire said. */
export interface Neighbor {
  /** Our device, at whose cable it was heard. */
  readonly device: string;
  /** What tells one switch from another: mostly a MAC address. */
  readonly chassis: string;
  /** The switch's name. */
  readonly name?: string;
  readonly port: string;
  readonly portText?: string;
  /** What the switch says that it sends here; most say nothing. */
  readonly vlans: readonly NeighborVlan[];
  /** The largest frame that it takes, in bytes. */
  readonly frame?: number;
}

export interface NeighborVlan {
  readonly id: number;
  readonly name?: string;
  /** It is the native one, sent without a tag. */
  readonly native: boolean;
}

/** A port of a switch has one neighbour; whoever sends more of them is no switch that is worth listening to. */
const MAX_NEIGHBORS = 64;
const MAX_VLANS = 4094;
const MAX_TEXT = 120;

/** Reads what `lldpcli -f json0 show neighbors details` prints. Throws E_LLDP_ANSWER. */
export function parseNeighbors(text: string): readonly Neighbor[] {
  const document = parseJson(text);
  // Without a neighbour it prints `lldp: [{}]`.
  const interfaces = listOf(document, "lldp").flatMap((entry) => listOf(entry, "interface"));
  return interfaces.slice(0, MAX_NEIGHBORS).flatMap((entry) => neighborOf(entry) ?? []);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = "lldpcli printed something that is not JSON";
    throw new AgentError({ code: "E_LLDP_ANSWER", message, hint: "lldpcli -f json0 show neighbors" }, { cause: error });
  }
}

function neighborOf(entry: unknown): Neighbor | undefined {
  const device = field(entry, "name");
  const [chassis] = listOf(entry, "chassis");
  const [port] = listOf(entry, "port");
  const chassisId = wordOf(chassis, "id");
  const portId = wordOf(port, "id");
  if (typeof device !== "string" || chassisId === undefined || portId === undefined) return undefined;
  const name = wordOf(chassis, "name");
  const portText = wordOf(port, "descr");
  const frame = Number(wordOf(port, "mfs"));
  return {
    device,
    chassis: chassisId,
    ...(name === undefined ? {} : { name }),
    port: portId,
    ...(portText === undefined ? {} : { portText }),
    vlans: listOf(entry, "vlan").slice(0, MAX_VLANS).flatMap(vlanOf),
    ...(frame > 0 ? { frame } : {}),
  };
}

function vlanOf(entry: unknown): readonly NeighborVlan[] {
  const id = Number(field(entry, "vlan-id"));
  if (!Number.isInteger(id) || id < 1 || id > 4094) return [];
  const name = textOf(field(entry, "value"));
  return [{ id, native: field(entry, "pvid") === true, ...(name === undefined ? {} : { name }) }];
}

function wordOf(entry: unknown, name: string): string | undefined {
  const [first] = listOf(entry, name);
  return textOf(field(first, "value"));
}

/** One short line of what may be printed: it goes to terminals, pages and metrics. */
function textOf(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const line = value
    .replace(/[\p{C}\s]+/gu, " ")
    .trim()
    .slice(0, MAX_TEXT);
  return line === "" ? undefined : line;
}

function listOf(entry: unknown, name: string): readonly unknown[] {
  const value = field(entry, name);
  return Array.isArray(value) ? value : [];
}

function field(entry: unknown, name: string): unknown {
  return typeof entry === "object" && entry !== null
    ? Object.entries(entry).find(([key]) => key === name)?.[1]
    : undefined;
}
