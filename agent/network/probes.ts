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
 * Asks before anything is touched: what answers now has to answer afterwards, what is silent now proves nothing. A gateway is asked from
 * the device that it has now, which the change may rename or replace; one that only the new configuration has cannot be asked yet, and
 * has to answer afterwards.
 */
export async function chooseProbes(
  wanted: readonly ProbeTarget[],
  current: NetworkSettings,
  prober: Prober,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Choice> {
  const asked = wanted.flatMap((target) => {
    const now = targetNow(target, current);
    return now === undefined ? [] : [{ target, now }];
  });
  const results = await Promise.all(
    asked.map(async ({ target, now }) => ({ ...(await ask(now, prober, timeoutMs, signal)), target })),
  );
  const silent = results.filter(({ ok }) => !ok);
  return { required: wanted.filter((target) => silent.every((result) => result.target !== target)), silent };
}

/** How a target of the new configuration is asked through the current one; absent: it cannot be. */
function targetNow(target: ProbeTarget, current: NetworkSettings): ProbeTarget | undefined {
  if (target.kind !== "gateway") return target;
  const devices = Object.entries(current.addresses).flatMap(([device, { gateway }]) =>
    gateway === target.address ? [device] : [],
  );
  const device = devices.includes(target.device) ? target.device : devices[0];
  return device === undefined ? undefined : { ...target, device };
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
