import { findInterface, type OvsObserved } from "../observed.ts";
import { isOurs } from "../owner.ts";

/** Ports of Open vSwitch that are not ours and have one of our interfaces as well: the last bridge that took it gets what arrives. */
export function thievesOf(device: string, ovs: OvsObserved): readonly string[] {
  const row = findInterface(ovs, device);
  if (row === undefined || !isOurs(row)) return [];
  return ovs.ports.filter((port) => port.interfaces.includes(row._uuid) && !isOurs(port)).map(({ name }) => name);
}
