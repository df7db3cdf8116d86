import type { MemberStatus, NetworkStatus } from "../status.ts";
import type { Tone } from "./tone.ts";

/** The picture of the host's wiring: boxes and what joins them. */
export interface Wiring {
  /** The picture in words, for whoever does not see it. */
  readonly words: string;
  readonly legs: readonly Leg[];
  readonly bond: Box;
  readonly trunk: Tone | undefined;
  readonly bridge: Box;
  readonly ports: readonly Box[];
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
}

export function wiringOf(network: NetworkStatus): Wiring | undefined {
  const { bond, wiring } = network;
  if (bond === undefined || wiring === undefined) return undefined;
  const active = bond.members.find((member) => member.active && member.link === "up");
  const known = bond.members.some(({ link }) => link !== "unknown");
  const standing = active !== undefined;
  const bondState = standing ? `${active.nic} carries it` : known ? "no link carries it" : "unknown";
  const bondTone: Tone = standing ? "good" : known ? "bad" : "wait";
  const ports = [...addressBoxes(network), ...patchBoxes(wiring)];
  const legs = bond.members.map(legOf);
  const words = legs.map(({ nic, fabric }) => `${nic.name} to ${fabric.name}: ${nic.state}`);
  return {
    words: `${words.join("; ")}. ${bond.name}: ${bondState}. ${ports.map(({ name, note, state }) => `${name} ${note} ${state}`).join("; ")}`,
    legs,
    bond: { name: bond.name, note: "active-backup bond", state: bondState, tone: bondTone },
    trunk: bondTone,
    bridge: { name: wiring.bridge, note: "bridge", ...stands(wiring.bridgeStands) },
    ports,
  };
}

function legOf({ nic, device, fabric, link, active }: MemberStatus): Leg {
  const up = link === "up";
  const tone: Tone = up ? (active ? "good" : "wait") : link === "unknown" ? "wait" : "bad";
  const state = up ? (active ? "up, active" : "up, standby") : link === "down" ? "link down" : link;
  return {
    fabric: { name: `Fabric ${fabric ?? "?"}`, note: "switch", state: "", tone: "wait" },
    cable: tone,
    nic: { name: nic, note: device === nic ? "" : `is ${device}`, state, tone },
    inBond: tone,
  };
}

function addressBoxes({ addresses, wiring }: NetworkStatus): readonly Box[] {
  const names = new Map(Object.entries(wiring?.vlans ?? {}).map(([name, id]) => [id, name]));
  const wanted = wiring?.devices ?? [];
  return wanted.map((device) => {
    const of = addresses.filter((each) => each.device === device);
    const vlan = of.find((each) => each.vlan !== null)?.vlan;
    const name = vlan == null ? undefined : names.get(vlan);
    const more = of.length > 1 ? ` and ${of.length - 1} more` : "";
    const tag = vlan == null ? "no VLAN" : `VLAN ${vlan}${name === undefined ? "" : `, ${name}`}`;
    if (wiring?.bridgeStands === undefined) return { name: device, note: "", state: "unknown", tone: "wait" };
    if (of.length === 0) return { name: device, note: "", state: "no address", tone: "bad" };
    return { name: device, note: `${of[0]?.address ?? ""}${more}`, state: tag, tone: "wait" };
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
