import type { Clock } from "../../agent/core/clock.ts";

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** A clock that moves only when a test says so, or, with `auto`, jumps to the end of every sleep at once. */
export class FakeClock implements Clock {
  /** Sleeps end at once, and the time jumps with them. */
  auto: boolean;
  #time = 1_000_000;
  #wall = Date.UTC(2026, 0, 1);
  readonly #sleepers = new Set<Sleeper>();
  readonly #watchers = new Set<() => void>();

  constructor({ auto = false } = {}) {
    this.auto = auto;
  }

  now(): number {
    return this.#wall + this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  /** NTP, or an administrator, sets the wall clock; the monotonic one does not care. */
  jumpWallClock(ms: number): void {
    this.#wall += ms;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.auto) {
      this.#time += ms;
      // Through the event loop, so that a loop of sleeps does not starve whoever wants to end it.
      return new Promise((resolve, reject) => {
        setImmediate(() => (signal.aborted ? reject(signal.reason) : resolve()));
      });
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(signal.reason);
    const sleeper: Sleeper = { at: this.#time + ms, wake: resolve };
    this.#sleepers.add(sleeper);
    signal.addEventListener("abort", onAbort, { once: true });
    for (const watch of this.#watchers) watch();
    return promise.finally(() => {
      this.#sleepers.delete(sleeper);
      signal.removeEventListener("abort", onAbort);
    });
  }

  /** How long the sleepers have still to sleep, in milliseconds, the next one first. */
  get pending(): readonly number[] {
    return [...this.#sleepers].map(({ at }) => at - this.#time).sort((a, b) => a - b);
  }

  /** Resolves when somebody sleeps. */
  async asleep(): Promise<void> {
    await settle();
    if (this.#sleepers.size > 0) return;
    await new Promise<void>((resolve) => {
      const watch = (): void => {
        this.#watchers.delete(watch);
        resolve();
      };
      this.#watchers.add(watch);
    });
    await settle();
  }

  /** Lets time pass; whoever is woken gets to run before time goes on. */
  async advance(ms: number): Promise<void> {
    const until = this.#time + ms;
    for (;;) {
      await settle();
      const next = [...this.#sleepers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#time = Math.max(this.#time, next.at);
      this.#sleepers.delete(next);
      next.wake();
    }
    this.#time = until;
    await settle();
  }
}

/** Lets everything run that waits for nothing outside of this process. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}
