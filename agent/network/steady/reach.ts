import type { NetworkConfig } from "../desired.ts";
import { findBridge, findPort, interfacesOf, type Observed } from "../observed.ts";
import { sameAddress } from "../plan-host.ts";
import type { Target } from "../target.ts";

/**
 * Whether the host's addresses could work by what it sees of itself, without asking anybody: they are there, on devices that are
 * up, and a bridge that forwards joins these with the bond. What the switches make of that nobody here can see. Pure.
 */
export function couldWork({ network }: NetworkConfig, { addresses }: Target, { ovs, kernel }: Observed): boolean {
  const bridge = findBridge(ovs, network.bridge);
  const bond = findPort(ovs, network.bond.name);
  if (bridge === undefined || bond === undefined || interfacesOf(ovs, bond).length === 0) return false;
  const forwards = bridge.fail_mode[0] !== "secure" && bridge.controller.length === 0;
  const joined = [bond, ...addresses.map(({ device }) => findPort(ovs, device))];
  return (
    forwards &&
    joined.every((port) => port !== undefined && bridge.ports.includes(port._uuid)) &&
    addresses.every(
      (entry) =>
        kernel.links.some(({ name, up }) => name === entry.device && up) &&
        kernel.addresses.some((other) => sameAddress(other, entry)),
    )
  );
}
