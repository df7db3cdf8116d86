import type { Cause } from "./reasons.ts";
import type { Action } from "./status.ts";

interface Entry {
  readonly version: 1;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly name: string;
  /** Docker's id of the container. */
  readonly container: string;
}

/** Written before something is done: whoever is killed in the middle finds out afterwards that it may have happened. */
export interface Intent extends Entry {
  readonly kind: "intent";
  readonly action: Action["action"];
  readonly cause: Cause;
  readonly unit?: string;
  /** No further restart of this container for so long, in milliseconds. */
  readonly pauseMs: number;
  /** How often in a row, from 1. */
  readonly attempt: number;
  readonly exit?: { readonly code: number; readonly class: string };
  /** The last lines of its output. */
  readonly log: readonly string[];
}

/** What came of the last intent for this name. */
export interface Result extends Entry {
  readonly kind: "result";
  readonly result: "done" | "failed" | "skipped" | "unknown";
  readonly detail?: string;
}

/** Somebody stopped the container: remembered, so that the agent's own restart does not undo it. */
export interface Stopped extends Entry {
  readonly kind: "stopped";
  readonly startedAt?: number;
}

export type JournalEntry = Intent | Result | Stopped;
