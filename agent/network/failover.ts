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
