import type { Problem } from "./errors.ts";

/** How one capability stands after a pass. `problems` is what a person has to know, most important first. */
export interface Outcome {
  readonly state: "converged" | "observing" | "changing" | "degraded";
  readonly problems: readonly Problem[];
  /** Run again after this time even if nothing triggers, in milliseconds. */
  readonly againMs?: number;
}

/**
 * One thing that the agent keeps as desired. `reconcile` is one pass: observe, plan, apply, observe again. It throws for a
 * failure that is worth retrying; the reconciler backs off and runs it again.
 */
export interface Capability {
  readonly name: string;
  /** `progress` is called whenever the pass gets somewhere: the watchdog is fed by nothing else. */
  reconcile(signal: AbortSignal, progress: () => void): Promise<Outcome>;
}
