import type { Timing } from "./config/settings.ts";
import { type Problem, problemOf } from "./core/errors.ts";
import type { Host } from "./host.ts";
import { linkOf, type NetworkConfig } from "./network/desired.ts";
import { type Legs, legProblems, legsOf } from "./network/legs/legs.ts";
import { parseNeighbors } from "./network/legs/neighbors.ts";
import type { LldpPort } from "./network/legs/ports.ts";
import { openLldp } from "./system/lldp.ts";

/** Where the cables of the bond end, as it was told last. */
export interface LegsLoop {
  readonly legs: () => Legs;
  readonly problems: () => readonly Problem[];
}

interface LegsOptions {
  readonly current: () => NetworkConfig | undefined;
  readonly timing: () => Timing;
  /** There is another problem than before, or one less. */
  readonly onChange: () => void;
}

/** One look, for a command. Never rejects but for the signal: who is behind a cable is worth no failure. */
export async function lookAtLegs(
  host: Host,
  { network }: Pick<NetworkConfig, "network">,
  signal: AbortSignal,
): Promise<Legs> {
  return look(host, openLldp(parseNeighbors), network, signal);
}

/** Asks lldpd now and then, until aborted. */
export function startLegs(host: Host, options: LegsOptions, signal: AbortSignal): LegsLoop {
  const { clock } = host.ports;
  const lldp = openLldp(parseNeighbors);
  let legs: Legs = { state: "unknown", why: "nobody was asked yet" };
  let problems: readonly Problem[] = [];
  async function run(): Promise<void> {
    while (!signal.aborted) {
      const config = options.current();
      if (config !== undefined) {
        legs = await look(host, lldp, config.network, signal);
        const before = JSON.stringify(problems);
        problems = legProblems(config.network, legs);
        if (JSON.stringify(problems) !== before) options.onChange();
      }
      await clock.sleep(options.timing().lldpIntervalMs, signal);
    }
  }
  run().catch(() => undefined);
  return { legs: () => legs, problems: () => problems };
}

async function look(host: Host, lldp: LldpPort, network: NetworkConfig["network"], signal: AbortSignal): Promise<Legs> {
  try {
    const told = await lldp.ask(signal);
    const { links } = await host.ports.kernel.observe(signal);
    return legsOf(network.bond.members, (nic) => linkOf(nic, network, links)?.name ?? nic, told);
  } catch (error) {
    signal.throwIfAborted();
    return { state: "unknown", why: problemOf(error).message };
  }
}
