import type { ReconcilerState } from "./core/reconciler.ts";

/** What is counted: passes of the loops, and events. */
export type Fact =
  | { readonly fact: "pass"; readonly capability: string; readonly seconds: number; readonly outcome: string }
  | { readonly fact: "event"; readonly event: object };

/** More than the first pass of any host brings, before somebody counts. */
const MAX_WAITING = 1_000;

/**
 * What the daemon does, for whoever counts it. Counting needs a package that is loaded only when the network stands; what happened
 * before is kept for it.
 */
export class Telemetry {
  readonly #monotonic: () => number;
  readonly #states = new Map<string, ReconcilerState>();
  readonly #begun = new Map<string, number>();
  readonly #waiting: Fact[] = [];
  #sink: ((fact: Fact) => void) | undefined;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** How each loop stands, by the name of its capability. */
  get states(): ReadonlyMap<string, ReconcilerState> {
    return this.#states;
  }

  /** For `onState` of a reconciler. */
  loop(capability: string, state: ReconcilerState): void {
    this.#states.set(capability, state);
    if (state.state === "running") this.#begun.set(capability, this.#monotonic());
    const begun = this.#begun.get(capability);
    if (begun === undefined || (state.state !== "settled" && state.state !== "backoff")) return;
    const outcome = state.state === "settled" ? state.outcome.state : "failed";
    this.#tell({ fact: "pass", capability, seconds: (this.#monotonic() - begun) / 1000, outcome });
  }

  event(event: object): void {
    this.#tell({ fact: "event", event });
  }

  /** Hands over what was kept, and everything from now on. */
  attach(sink: (fact: Fact) => void): void {
    this.#sink = sink;
    for (const fact of this.#waiting.splice(0)) sink(fact);
  }

  #tell(fact: Fact): void {
    if (this.#sink !== undefined) this.#sink(fact);
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(fact);
  }
}
