import { findPort, interfacesOf, type OvsObserved } from "./observed.ts";

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

/** The active member over time: tells when it moved. What it was at first is no event. */
export class FailoverWatch {
  #active: string | undefined;
  #known = false;

  /** The move since the last look, if there was one. `to` is absent while no member can carry traffic. */
  look(
    ovs: OvsObserved,
    bond: string,
  ): { readonly from: string | undefined; readonly to: string | undefined } | undefined {
    const from = this.#active;
    const to = activeMember(ovs, bond);
    this.#active = to;
    const known = this.#known;
    this.#known ||= to !== undefined;
    return known && from !== to ? { from, to } : undefined;
  }
}
