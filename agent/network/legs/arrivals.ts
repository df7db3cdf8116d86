import type { Problem } from "../../core/errors.ts";
import type { Tag } from "./ports.ts";

/** What arrived on the members of the bond while they were listened to. */
export interface Arrivals {
  /** Seconds. */
  readonly listened: number;
  readonly members: readonly MemberArrivals[];
  /** VLANs on which somebody answered this host, which he did over the active member. */
  readonly answered: ReadonlySet<number>;
}

export interface MemberArrivals {
  readonly nic: string;
  readonly active: boolean;
  readonly carrier: boolean;
  /** Frames by tag. */
  readonly frames: ReadonlyMap<Tag, number>;
}

/**
 * `yes`: it arrives. `no`: it arrives elsewhere, and never here. `quiet`: nothing was heard that could tell. `dead`: the member has no
 * carrier.
 */
export type Arrival = "yes" | "no" | "quiet" | "dead";

export interface LegsVerdict {
  readonly vlans: readonly VlanVerdict[];
  /** Frames without a tag, by member. */
  readonly untagged: Readonly<Record<string, number>>;
  /** Tags that arrive and that the configuration does not have. */
  readonly others: readonly number[];
  readonly problems: readonly Problem[];
}

export interface VlanVerdict {
  readonly name: string;
  readonly vlan: number;
  readonly arrives: Readonly<Record<string, Arrival>>;
}

/** Whether each VLAN arrives on each member. Pure. `vlans`: ids by name. */
export function judgeArrivals(vlans: Readonly<Record<string, number>>, arrivals: Arrivals): LegsVerdict {
  const { members } = arrivals;
  const verdicts = Object.entries(vlans).map(([name, vlan]) => ({ name, vlan, arrives: arrivesOn(vlan, arrivals) }));
  const known = new Set(Object.values(vlans));
  const heard = new Set(members.flatMap(({ frames }) => [...frames.keys()]));
  const others = [...heard].filter((tag) => tag !== "untagged" && !known.has(tag));
  return {
    vlans: verdicts,
    untagged: Object.fromEntries(members.map(({ nic, frames }) => [nic, frames.get("untagged") ?? 0])),
    others: others.map(Number).sort((a, b) => a - b),
    problems: [
      ...deadMembers(members),
      ...verdicts.flatMap((verdict) => missing(verdict, arrivals)),
      ...native(members),
    ],
  };
}

/**
 * Frames to everybody reach the standby members as they reach the active one, and so does what this host, or a machine on it, sends to
 * everybody over the active member. So a frame on a standby member says nothing of the active one.
 */
function arrivesOn(vlan: number, { members, answered }: Arrivals): Readonly<Record<string, Arrival>> {
  const all = members.find(({ active }) => active)?.frames.get(vlan) ?? 0;
  const hears = ({ active, frames }: MemberArrivals): boolean => frames.has(vlan) || (active && answered.has(vlan));
  // A single frame may have been under way when the listening ended.
  const proven = all >= 2 || answered.has(vlan);
  return Object.fromEntries(
    members.map((member): [string, Arrival] => {
      if (!member.carrier) return [member.nic, "dead"];
      if (hears(member)) return [member.nic, "yes"];
      return [member.nic, proven ? "no" : "quiet"];
    }),
  );
}

function missing({ name, vlan, arrives }: VlanVerdict, { listened }: Arrivals): readonly Problem[] {
  return Object.entries(arrives)
    .filter(([, arrival]) => arrival === "no")
    .map(([nic]) => ({
      code: "E_LEGS_VLAN_MISSING",
      message: `VLAN ${vlan} (${name}) does not arrive on ${nic}: nothing in ${listened} s, while it arrives on the active member`,
      path: `network.vlans.${name}`,
      hint: `Allow VLAN ${vlan} on the switch port of ${nic}: a failover would cut it off.`,
    }));
}

/** A member without carrier tells nothing of its trunk. */
function deadMembers(members: readonly MemberArrivals[]): readonly Problem[] {
  return members
    .filter(({ carrier }) => !carrier)
    .map(({ nic }) => ({
      code: "E_NIC_NO_CARRIER",
      message: `NIC ${nic} has no carrier, and nothing can arrive on it`,
      hint: "Check the cable and the switch port.",
    }));
}

/** Untagged frames on some members and not on the others: the switch ports differ in their native VLAN. */
function native(members: readonly MemberArrivals[]): readonly Problem[] {
  const alive = members.filter(({ carrier }) => carrier);
  const [some, none] = [true, false].map((wanted) => alive.filter(({ frames }) => frames.has("untagged") === wanted));
  if (some === undefined || none === undefined || some.length === 0 || none.length === 0) return [];
  const names = (list: readonly MemberArrivals[]): string => list.map(({ nic }) => nic).join(" and ");
  return [
    {
      code: "E_LEGS_NATIVE_VLAN",
      message: `frames without a tag arrive on ${names(some)} and not on ${names(none)}: the native VLANs of the switch ports differ`,
      hint: "Give both switch ports the same native VLAN, best one that nobody uses: everything of this host is tagged.",
    },
  ];
}
