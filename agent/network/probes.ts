import type { NetworkSettings } from "../config/settings.ts";
import type { ProbeResult, Prober, ProbeTarget } from "../core/probe.ts";

/** One lost packet is no dead target. */
const TRIES = 2;

/** Where the probes of a configuration go to. */
export function probeTargets(network: NetworkSettings): readonly ProbeTarget[] {
  return network.probes.flatMap((probe): readonly ProbeTarget[] => {
    if (probe.kind === "tcp") return [probe];
    return Object.entries(network.addresses).flatMap(([device, { gateway }]) =>
      gateway === undefined ? [] : [{ kind: "gateway", device, address: gateway }],
    );
  });
}

/** What a change has to keep reachable, and what it cannot be blamed for. */
export interface Choice {
  readonly required: readonly ProbeTarget[];
  /** Silent already before the change. */
  readonly silent: readonly ProbeResult[];
}

/**
 * Asks before anything is touched: what answers now has to answer afterwards, what is silent now proves nothing. A gateway that
 * only the new configuration has cannot be asked yet, and has to answer afterwards.
 */
export async function chooseProbes(
  wanted: readonly ProbeTarget[],
  current: NetworkSettings,
  prober: Prober,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Choice> {
  const known = new Set(probeTargets(current).map(nameOf));
  const askable = wanted.filter((target) => target.kind !== "gateway" || known.has(nameOf(target)));
  const results = await Promise.all(askable.map((target) => ask(target, prober, timeoutMs, signal)));
  const silent = results.filter(({ ok }) => !ok);
  return { required: wanted.filter((target) => silent.every((result) => result.target !== target)), silent };
}

async function ask(target: ProbeTarget, prober: Prober, timeoutMs: number, signal: AbortSignal): Promise<ProbeResult> {
  let result = await prober.probe(target, timeoutMs, signal);
  for (let tries = 1; tries < TRIES && !result.ok; tries += 1) result = await prober.probe(target, timeoutMs, signal);
  return result;
}

export function describeProbe({ target, ok, detail }: ProbeResult): string {
  const name = nameOf(target);
  return ok ? `${name} answers` : `${name} does not answer${detail === undefined ? "" : ` (${detail})`}`;
}

/** A target as a person knows it. */
export function nameOf(target: ProbeTarget): string {
  switch (target.kind) {
    case "gateway":
      return `gateway ${target.address}`;
    case "tcp":
      return `tcp ${target.host}:${target.port}`;
    case "controller":
      return "the controller";
  }
}
