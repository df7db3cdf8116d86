import type { Timing } from "../config/settings.ts";
import type { Problem } from "../core/errors.ts";
import type { ProbeTarget } from "../core/probe.ts";
import type { NetworkConfig } from "./desired.ts";

/** What is asked of the network; read anew at every pass. */
export interface Wanted {
  /** Absent: the configuration has no network, or is invalid and `problems` says why. */
  readonly desired?: Omit<NetworkConfig, "revision">;
  readonly problems: readonly Problem[];
  readonly timing: Timing;
  /** What a change must keep reachable besides what its own probes say. */
  readonly confirmAlso?: readonly ProbeTarget[];
  /** A person works on this host: what differs stays so. */
  readonly paused?: boolean;
}

/** How a person asked for a change. */
export interface Asked {
  /** Also if this configuration was rolled back before. */
  readonly retry: boolean;
  readonly force: boolean;
  readonly byOperator: boolean;
  /** Take over NICs with what the kernel has on them. */
  readonly adopt: boolean;
}
