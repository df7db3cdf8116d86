import type { Problem } from "../../core/errors.ts";
import { conflictsOf } from "../conflicts.ts";
import type { Observed } from "../observed.ts";
import type { BridgeTarget, Target } from "../target.ts";

/**
 * The target without what somebody else uses: a NIC in a stranger's bridge must not keep the rest from being looked after. Absent
 * where nothing of a port would be left. Pure.
 */
export function around(
  target: Target,
  observed: Observed,
): { readonly target: Target; readonly problems: readonly Problem[] } | undefined {
  const found = conflictsOf(target, observed);
  if (found.length === 0) return { target, problems: [] };
  const ports = new Set(found.filter(({ kind }) => kind === "port").map(({ name }) => name));
  const nics = new Set(found.filter(({ kind }) => kind === "nic").map(({ name }) => name));
  const bridges = target.bridges.map((bridge): BridgeTarget => {
    const kept = bridge.ports.filter(({ name }) => !ports.has(name));
    return {
      ...bridge,
      ports: kept.map((port) => ({ ...port, interfaces: port.interfaces.filter(({ name }) => !nics.has(name)) })),
    };
  });
  if (bridges.some((bridge) => bridge.ports.some(({ interfaces }) => interfaces.length === 0))) return undefined;
  return {
    target: {
      ...target,
      bridges,
      links: target.links.filter((device) => !nics.has(device) && !ports.has(device)),
      addresses: target.addresses.filter(({ device }) => !ports.has(device)),
      routes: target.routes.filter(({ device }) => !ports.has(device)),
    },
    problems: found.map(({ message }) => ({
      code: "E_NETWORK_CONFLICT",
      message: `${message}; the rest of the network is looked after`,
      hint: "Free it: it is taken by itself then.",
    })),
  };
}
