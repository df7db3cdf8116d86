import { partPlan } from "./bookkeeping.ts";
import { conflicts } from "./conflicts.ts";
import { observe } from "./converge.ts";
import { type NetworkConfig, targetOf } from "./desired.ts";
import { findBridge } from "./observed.ts";
import { isOurs } from "./owner.ts";
import { plan } from "./plan.ts";
import type { NetworkPorts } from "./ports.ts";
import { probeTargets } from "./probes.ts";

/**
 * What a first network finds. `nothing`: what could be cut off by it, also where ours is there and never worked. `as-configured`: it would
 * change nothing but marks. `taken`: something that the kernel or another port uses. `standing`: what may be the way into this host.
 */
export type Found = "nothing" | "as-configured" | "taken" | "standing";

export interface FirstOptions {
  /** The network stood in this boot already, before this process began. */
  readonly stood: boolean;
  readonly probeTimeoutMs: number;
}

/** Looks at a host without a last good network, before its first one is applied. */
export async function whatIsThere(
  ports: NetworkPorts,
  config: NetworkConfig,
  { stood, probeTimeoutMs }: FirstOptions,
  signal: AbortSignal,
): Promise<Found> {
  const observed = await observe(ports, signal);
  const { ovs, kernel } = observed;
  const target = targetOf(config, observed);
  if (conflicts(target, observed).length > 0) return "taken";
  const bridge = findBridge(ovs, config.network.bridge);
  if (bridge === undefined && !ovs.bridges.some(isOurs)) return "nothing";
  const steps = plan(target, observed);
  const changes = steps.length === 0 ? [] : partPlan(steps, observed, await ports.kernel.whole(signal)).changes;
  if (changes.length === 0) return "as-configured";
  const carries = kernel.addresses.some(({ device }) => kernel.links.some(({ name, up }) => name === device && up));
  if (!carries) return "nothing";
  if (bridge !== undefined && !isOurs(bridge)) return "standing";
  // What stood on a stand-in of the kernel's is not this network.
  if (stood && !changes.some(({ kind }) => kind === "remove-vlan")) return "standing";
  // A first network that never worked may be mended, with nobody who could confirm it.
  const probes = probeTargets(config.network);
  const results = await Promise.all(probes.map((probe) => ports.prober.probe(probe, probeTimeoutMs, signal)));
  return results.some(({ ok }) => ok) ? "standing" : "nothing";
}
