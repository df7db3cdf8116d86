import type { Progress } from "./progress.ts";
import type { Report } from "./report.ts";

export interface ChaosOptions {
  readonly rounds: number;
  readonly seed: number;
  /** Durations are the shipped ones divided by this. */
  readonly speed: number;
  /** How many rounds follow at shipped durations. */
  readonly shipped: number;
  /** How many rounds are played at the same time. */
  readonly jobs: number;
  /** Only these rounds; all of them where absent. */
  readonly only?: ReadonlySet<number>;
  readonly progress: Progress;
  readonly report: Report;
  /** Aborted on Ctrl-C: the lane throws, and has removed everything by then. */
  readonly signal: AbortSignal;
}

/** A lane of `npm run chaos -- NAME`. */
export interface ChaosLane {
  readonly name: string;
  readonly shows: string;
  /** Resolves with what failed, in sentences; nothing means that it passed. */
  readonly run: (options: ChaosOptions) => Promise<readonly string[]>;
}
