import { partPlan } from "./bookkeeping.ts";
import { conflicts } from "./conflicts.ts";
import { observe } from "./converge.ts";
import { type NetworkConfig, targetOf } from "./desired.ts";
import { findBridge, portsOf } from "./observed.ts";
import { isMadeFrom, isOurs } from "./owner.ts";
import { plan } from "./plan.ts";
import type { NetworkPorts } from "./ports.ts";
import { probeTargets } from "./probes.ts";

/**
 * What a first network finds. `nothing`: what could be cut off by it, also where ours is there and never worked. `as-configured`: it would
 * change nothing but marks. `incomplete`: this very network, of which something is missing, or a stand-in of the kernel's for it.
 * `taken`: something that the kernel or another port uses. `standing`: what may be the way into this host.
 */
export type Found = "nothing" | "as-configured" | "incomplete" | "taken" | "standing";

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
  // No trial could go back to a stand-in: Open vSwitch works again, and the addresses are its ports'.
  const hasStandIn = changes.some(({ kind }) => kind === "remove-vlan");
  if (hasStandIn || (bridge !== undefined && isMadeFrom(bridge, config.hash))) return "incomplete";
  const bridges = ovs.bridges.filter((row) => row === bridge || isOurs(row));
  const devices = bridges.flatMap((row) => portsOf(ovs, row).map(({ name }) => name));
  const up = kernel.links.filter((link) => link.up && devices.includes(link.name)).map(({ name }) => name);
  if (!kernel.addresses.some(({ device }) => up.includes(device))) return "nothing";
  if (stood || (bridge !== undefined && !isOurs(bridge))) return "standing";
  // A first network that never worked may be mended, with nobody who could confirm it.
  const probes = probeTargets(config.network);
  const results = await Promise.all(probes.map((probe) => ports.prober.probe(probe, probeTimeoutMs, signal)));
  return results.some(({ ok }) => ok) ? "standing" : "nothing";
}
