import { describeRung } from "../../network/ladder/rung.ts";
import type { Neighbor } from "../../network/legs/neighbors.ts";
import { describeOther } from "../others.ts";
import type { MemberStatus, NetworkStatus } from "../status.ts";
import { sentence } from "./sentence.ts";
import type { Tone } from "./tone.ts";

/** The picture of the host's wiring: boxes and what joins them. The page draws it, and `network show` does in a terminal. */
export interface Wiring {
  /** The picture in words, for whoever does not see it. */
  readonly words: string;
  /** What the picture alone does not say. */
  readonly notices: readonly Notice[];
  readonly legs: readonly Leg[];
  readonly bond: Box;
  readonly trunk: Tone | undefined;
  readonly bridge: Box;
  readonly ports: readonly Box[];
  /** What is there, not ours, and no harm. */
  readonly quiet: readonly string[];
}

export interface Notice {
  readonly text: string;
  readonly tone: Tone;
}

/** A way from the host to a switch. */
export interface Leg {
  readonly fabric: Box;
  readonly cable: Tone;
  readonly nic: Box;
  readonly inBond: Tone;
}

export interface Box {
  readonly name: string;
  readonly note: string;
  readonly state: string;
  readonly tone: Tone;
  /** Why it is not used as it could be. */
  readonly mark?: string;
}

/** What of the network's status the picture is made of. */
export type Wired = Pick<NetworkStatus, "bond" | "wiring" | "addresses" | "rung" | "uplinks" | "others" | "legs">;

export function wiringOf(network: Wired): Wiring | undefined {
  const { bond, wiring } = network;
  if (bond === undefined || wiring === undefined) return undefined;
  const active = bond.members.find((member) => member.active && member.link === "up");
  const known = bond.members.some(({ link }) => link !== "unknown");
  const standing = active !== undefined;
  const bondState = standing ? `${active.nic} carries it` : known ? "no link carries it" : "unknown";
  const bondTone: Tone = standing ? "good" : known ? "bad" : "wait";
  const ports = [...addressBoxes(network), ...patchBoxes(wiring)];
  const legs = bond.members.map((member) => legOf(member, network));
  const notices = [...rungNotice(network), ...grayNotice(network)];
  const words = legs.map(({ nic, fabric }) =>
    [`${nic.name} to ${fabric.name}: ${nic.state}`, nic.mark].filter(Boolean).join(", "),
  );
  return {
    words: `${words.join("; ")}. ${bond.name}: ${bondState}. ${ports.map(({ name, note, state }) => `${name} ${note} ${state}`).join("; ")}`,
    notices,
    legs,
    bond: { name: bond.name, note: "active-backup bond", state: bondState, tone: bondTone },
    trunk: bondTone,
    bridge: { name: wiring.bridge, note: "bridge", ...stands(wiring.bridgeStands) },
    ports,
    quiet: (network.others ?? []).map(describeOther),
  };
}

function legOf({ nic, device, fabric, link, active }: MemberStatus, network: Wired): Leg {
  const up = link === "up";
  const mark = up ? markOf(nic, network.uplinks) : undefined;
  const cable: Tone = up ? (active ? "good" : "wait") : link === "unknown" ? "wait" : "bad";
  const state = up ? (active ? "up, active" : "up, standby") : link === "down" ? "link down" : link;
  return {
    fabric: { name: `Fabric ${fabric ?? "?"}`, ...endOf(nic, network.legs), tone: "wait" },
    cable,
    nic: {
      name: nic,
      note: device === nic ? "" : `is ${device}`,
      state,
      tone: mark === undefined ? cable : "warn",
      ...(mark === undefined ? {} : { mark }),
    },
    inBond: cable,
  };
}

/** The switch and its port, as they speak of themselves. */
function endOf(nic: string, legs: Wired["legs"]): Pick<Box, "note" | "state"> {
  const leg = legs?.state === "told" ? legs.legs.find((each) => each.nic === nic) : undefined;
  const [first, ...more] = leg?.neighbors ?? [];
  if (first === undefined) return { note: "switch", state: "" };
  const others = more.length === 0 ? "" : `, and ${more.length} more`;
  return { note: switchOf(first), state: `port ${first.port}${others}` };
}

const switchOf = ({ name, chassis }: Neighbor): string => name ?? chassis;

/** What keeps the traffic off a NIC that has a link. */
export function markOf(nic: string, uplinks: Wired["uplinks"]): string | undefined {
  const entry = uplinks?.avoided.find((each) => each.nic === nic);
  if (entry === undefined) return uplinks?.gray.state === "deaf" && uplinks.gray.nic === nic ? "deaf" : undefined;
  return entry.why === "flapping" ? "link flaps" : entry.why;
}

function rungNotice({ rung }: Wired): readonly Notice[] {
  if (rung === undefined || (rung.rung === 0 && rung.why === undefined)) return [];
  const text = describeRung(rung);
  return rung.rung === 0
    ? [{ text: sentence(text), tone: "warn" }]
    : [{ text: `Rung ${rung.rung} of 3: ${text}`, tone: "bad" }];
}

function grayNotice({ uplinks }: Wired): readonly Notice[] {
  const gray = uplinks?.gray;
  switch (gray?.state) {
    case "unwatched":
      if (gray.gateway === undefined) return [];
      return [{ text: `The gateway ${gray.gateway} is silent, and no uplink is blamed: ${gray.why}`, tone: "warn" }];
    case "gateway-silent":
      return [{ text: `The gateway ${gray.gateway} is silent; the uplink works`, tone: "warn" }];
    case "silent":
      return [{ text: `The gateway ${gray.gateway} is silent`, tone: "warn" }];
    case "deaf":
      return [{ text: `Nobody answers over ${gray.nic}, although it has a link`, tone: "bad" }];
    default:
      return [];
  }
}

/** The devices with the host's addresses: those of the configuration, or on a low rung those that stand in for them. */
function addressBoxes({ addresses, wiring, rung }: Wired): readonly Box[] {
  const names = new Map(Object.entries(wiring?.vlans ?? {}).map(([name, id]) => [id, name]));
  const wanted = rung?.devices ?? wiring?.devices ?? [];
  const standsIn = rung?.devices !== undefined;
  return wanted.map((device) => {
    const of = addresses.filter((each) => each.device === device);
    const vlan = of.find((each) => each.vlan !== null)?.vlan;
    const name = vlan == null ? undefined : names.get(vlan);
    const more = of.length > 1 ? ` and ${of.length - 1} more` : "";
    const tag = vlan == null ? "no VLAN" : `VLAN ${vlan}${name === undefined ? "" : `, ${name}`}`;
    if (!standsIn && wiring?.bridgeStands === undefined)
      return { name: device, note: "", state: "unknown", tone: "wait" };
    if (of.length === 0) return { name: device, note: "", state: "no address", tone: "bad" };
    const stand = standsIn ? { mark: "stands in", tone: "warn" as const } : { tone: "wait" as const };
    return { name: device, note: `${of[0]?.address ?? ""}${more}`, state: tag, ...stand };
  });
}

function patchBoxes({ patches, vlans }: NonNullable<NetworkStatus["wiring"]>): readonly Box[] {
  return patches.map(({ bridge, vlans: carried, stands: standing }) => {
    const ids = carried.flatMap((name) => vlans[name] ?? []).join(", ");
    const note = ids === "" ? "patch to Neutron" : `patch, VLANs ${ids}`;
    return { name: bridge, note, ...stands(standing, "wait") };
  });
}

function stands(standing: boolean | undefined, tone: Tone = "good"): Pick<Box, "state" | "tone"> {
  if (standing === undefined) return { state: "unknown", tone: "wait" };
  return standing ? { state: "stands", tone } : { state: "missing", tone: "bad" };
}
