import type { Timing } from "../../config/settings.ts";
import { type Problem, problemOf } from "../../core/errors.ts";
import type { ProbeTarget } from "../../core/probe.ts";
import { Change, type ChangeResult, REPAIR_ROUNDS } from "../change.ts";
import type { Converged } from "../converge.ts";
import { describe } from "../describe.ts";
import type { NetworkConfig } from "../desired.ts";
import { undoneBy } from "../ending.ts";
import type { NetworkPorts } from "../ports.ts";
import type { Pending, Undone } from "../state.ts";
import type { Step } from "../steps.ts";
import type { Target } from "../target.ts";
import { nameOf, namesOf } from "./names.ts";

/** A repair that may cut the host off. */
export interface Risky {
  readonly config: NetworkConfig;
  readonly steps: readonly Step[];
  /** Where the way back leads to. */
  readonly preImage: Target;
  /** Who answers before it. */
  readonly answering: readonly ProbeTarget[];
  readonly repair: () => Promise<Converged>;
}

export type Guarded =
  | { readonly done: Converged }
  | { readonly undone: Undone }
  /** Nothing was done: without its way back written down and its dead-man armed none begins. */
  | { readonly refused: Problem };

/** Runs a repair as a change that is taken back, by whoever lives, unless those who answered before it answer after it. */
export async function guarded(
  ports: NetworkPorts,
  risky: Risky,
  timing: Timing,
  signal: AbortSignal,
): Promise<Guarded> {
  const pending = pendingOf(ports, risky, timing);
  const change = new Change(ports, timing, pending, () => undefined);
  try {
    await change.prepare();
  } catch (error) {
    signal.throwIfAborted();
    return { refused: problemOf(error) };
  }
  const result: ChangeResult = await change.repair(risky.repair, signal);
  if (result.result === "confirmed") return { done: result.converged };
  return { undone: undoneBy(repairOf(risky), result.reason, ports.bootId) };
}

function pendingOf({ clock, bootId }: NetworkPorts, risky: Risky, timing: Timing): Pending {
  const { config, steps, preImage, answering } = risky;
  const deadlineMs = timing.applyTimeoutMs + REPAIR_ROUNDS * (timing.probeTimeoutMs + timing.probeIntervalMs);
  const deadline = clock.monotonic() + deadlineMs;
  return {
    id: `repair-${config.hash.slice(0, 12)}-${Math.round(deadline).toString(36)}`,
    config,
    confirm: { by: "probes", good: 1, deadlineMs },
    probes: answering,
    changes: steps.map(describe).map(({ sign, text }) => `${sign} ${text}`),
    preImage,
    bootId,
    deadline,
    startedAt: new Date(clock.now()).toISOString(),
    repair: repairOf(risky),
  };
}

function repairOf({ steps }: Risky): NonNullable<Pending["repair"]> {
  return { steps: steps.map(nameOf), about: steps.flatMap(namesOf) };
}
