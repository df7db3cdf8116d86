import { findInterface, findPort, interfacesOf, type OvsObserved } from "../observed.ts";
import type { Avoided } from "./avoid.ts";

/**
 * The member of a bond that carries the traffic now. `bond_active_slave` is a MAC address, so it is joined with what the
 * members say; it freezes on the last one when a member fails to open, so that a member without link is never it.
 */
export function activeMember(ovs: OvsObserved, bond: string): string | undefined {
  const port = findPort(ovs, bond);
  const mac = port?.bond_active_slave[0];
  if (port === undefined || mac === undefined) return undefined;
  const up = interfacesOf(ovs, port).filter((row) => row.link_state[0] === "up");
  return up.find((row) => row.mac_in_use[0] === mac)?.name;
}

/**
 * Why the bond moved: its member lost carrier (or was taken out), was given up by an operator (`drain`), by the agent that found its
 * fabric dead (`gray`), or whose link comes and goes (`flapping`), or something else moved it: the return of a preferred member, a person.
 */
export type FailoverCause = "carrier" | "drain" | "gray" | "flapping" | "moved";

export type Failover = {
  readonly from: string | undefined;
  /** Absent while no member can carry traffic. */
  readonly to: string | undefined;
  readonly cause: FailoverCause;
  /** How long no member carried traffic before this one, as far as Open vSwitch tells: 0 where it moved in one step. */
  readonly gapMs: number;
};

const causes: { readonly [W in Avoided["why"]]: FailoverCause } = {
  drained: "drain",
  deaf: "gray",
  flapping: "flapping",
};

/** The active member over time: tells when it moved. What it was at first is no event. */
export class FailoverWatch {
  #active: string | undefined;
  #known = false;
  /** The member that was lost last, and when, in monotonic milliseconds. */
  #lost: { readonly from: string | undefined; readonly at: number } | undefined;

  /** The move since the last look, if there was one. `avoided` are devices that the bond is kept off, with the reason. */
  look(
    ovs: OvsObserved,
    bond: string,
    now: number,
    avoided: ReadonlyMap<string, Avoided["why"]> = new Map(),
  ): Failover | undefined {
    const from = this.#active;
    const to = activeMember(ovs, bond);
    this.#active = to;
    const known = this.#known;
    this.#known ||= to !== undefined;
    if (!known || from === to) return undefined;
    const gapMs = to !== undefined && this.#lost !== undefined ? now - this.#lost.at : 0;
    const left = from ?? this.#lost?.from;
    this.#lost = to === undefined ? { from, at: now } : undefined;
    const up = left !== undefined && findInterface(ovs, left)?.link_state[0] === "up";
    const why = left === undefined ? undefined : avoided.get(left);
    const cause = !up ? "carrier" : why === undefined ? "moved" : causes[why];
    return { from, to, cause, gapMs };
  }
}
