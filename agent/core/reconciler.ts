import { backoffMs } from "./backoff.ts";
import type { Capability, Outcome } from "./capability.ts";
import type { Clock } from "./clock.ts";
import { type Problem, problemOf } from "./errors.ts";

export type ReconcilerState =
  | { readonly state: "idle" }
  | { readonly state: "running"; readonly since: number }
  | { readonly state: "settled"; readonly since: number; readonly outcome: Outcome }
  | { readonly state: "backoff"; readonly until: number; readonly attempt: number; readonly problem: Problem };

export interface ReconcilerTiming {
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** A settled capability is looked at again after this time, in milliseconds, whatever the events say. */
  readonly driftIntervalMs: number;
}

export interface ReconcilerOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly timing: () => ReconcilerTiming;
  readonly onState?: (state: ReconcilerState) => void;
}

/**
 * Runs one capability: triggers are coalesced (any number of them during a pass makes one more pass), a pass never overlaps
 * another, a failed pass is retried with backoff, passes begin at least `backoffMinMs` apart, and nothing waits longer than
 * `driftIntervalMs`.
 */
export class Reconciler {
  readonly #capability: Capability;
  readonly #options: ReconcilerOptions;
  #state: ReconcilerState = { state: "idle" };
  #progressAt: number;
  #requested = false;
  #wake: (() => void) | undefined;
  /** Whoever waits for the end of the next pass that begins. */
  readonly #waiting: (() => void)[] = [];

  constructor(capability: Capability, options: ReconcilerOptions) {
    this.#capability = capability;
    this.#options = options;
    this.#progressAt = options.clock.monotonic();
  }

  get name(): string {
    return this.#capability.name;
  }

  get state(): ReconcilerState {
    return this.#state;
  }

  /** What is wrong, by the last pass that ended; nothing while one runs. */
  get problems(): readonly Problem[] {
    if (this.#state.state === "settled") return this.#state.outcome.problems;
    return this.#state.state === "backoff" ? [this.#state.problem] : [];
  }

  /** Monotonic milliseconds of the last sign that a pass got somewhere or that the loop is waiting as it should. */
  get progressAt(): number {
    const waiting = this.#state.state === "settled" || this.#state.state === "backoff";
    return waiting && this.#wake !== undefined ? this.#options.clock.monotonic() : this.#progressAt;
  }

  /** Ask for a pass. Cheap; safe to call for every event. */
  trigger(): void {
    this.#requested = true;
    this.#wake?.();
  }

  /** Asks for a pass that begins from now on, and resolves when it has ended, well or badly. */
  pass(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.trigger();
    return ended;
  }

  /** Runs until `signal` is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, timing, random } = this.#options;
    let attempt = 0;
    while (!signal.aborted) {
      this.#requested = false;
      const served = this.#waiting.splice(0);
      const started = clock.monotonic();
      this.#progressAt = started;
      this.#set({ state: "running", since: clock.now() });
      let waitMs: number;
      try {
        const outcome = await this.#capability.reconcile(signal, () => {
          this.#progressAt = clock.monotonic();
        });
        attempt = 0;
        waitMs = Math.min(outcome.againMs ?? Number.POSITIVE_INFINITY, timing().driftIntervalMs);
        this.#set({ state: "settled", since: clock.now(), outcome });
      } catch (error) {
        if (signal.aborted) break;
        const { backoffMinMs: minMs, backoffMaxMs: maxMs } = timing();
        waitMs = backoffMs(attempt, { minMs, maxMs }, random);
        this.#set({ state: "backoff", until: clock.now() + waitMs, attempt, problem: problemOf(error) });
        attempt += 1;
      }
      for (const resolve of served) resolve();
      const ended = clock.monotonic();
      // Whoever undoes our work at once must not make a hot loop of us.
      await this.#rest(started + timing().backoffMinMs - clock.monotonic(), signal);
      await this.#wait(Math.max(0, ended + waitMs - clock.monotonic()), signal);
    }
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    if (ms <= 0) return;
    this.#wake = () => undefined;
    await this.#options.clock.sleep(ms, signal).catch(() => undefined);
    this.#wake = undefined;
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#requested || signal.aborted) return;
    const awake = new AbortController();
    this.#wake = () => awake.abort();
    await this.#options.clock.sleep(ms, AbortSignal.any([signal, awake.signal])).catch(() => undefined);
    this.#wake = undefined;
  }

  #set(state: ReconcilerState): void {
    this.#state = state;
    this.#options.onState?.(state);
  }
}
