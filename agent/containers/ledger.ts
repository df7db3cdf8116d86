import type { ContainerTiming } from "../config/settings.ts";
import { backoffMs } from "../core/backoff.ts";
import type { Intent, JournalEntry, Result } from "./journal.ts";
import type { Action } from "./status.ts";

interface Account {
  readonly attempts: number;
  /** Monotonic milliseconds. */
  readonly notBefore: number;
  readonly last: Action;
}

/** What was done on this host, as far as it counts for what may be done next: the journal, summed up. */
export class Ledger {
  readonly #accounts = new Map<string, Account>();
  /** Containers that somebody stopped, with the start that they were stopped in. */
  readonly #stopped = new Map<string, number | undefined>();
  /** Monotonic milliseconds of the restarts that count for the budget. */
  #restarts: number[] = [];

  /** Takes an entry in. `at` is its time on the monotonic clock, as near as it can be told. */
  add(entry: JournalEntry, at: number): void {
    switch (entry.kind) {
      case "stopped":
        this.#stopped.set(entry.container, entry.startedAt);
        return;
      case "intent":
        this.#intend(entry, at);
        return;
      case "result":
        this.#end(entry);
    }
  }

  #intend(entry: Intent, at: number): void {
    const { name, action, cause, attempt, pauseMs } = entry;
    this.#restarts.push(at);
    const last = { at: entry.at, action, cause, result: "pending" } as const;
    this.#accounts.set(name, { attempts: attempt, notBefore: at + pauseMs, last });
  }

  #end({ name, result, detail }: Result): void {
    const account = this.#accounts.get(name);
    if (account === undefined) return;
    // Nothing was done: it costs neither a place in the budget nor a pause.
    if (result === "skipped") this.#restarts.pop();
    const rest = result === "skipped" ? { attempts: Math.max(0, account.attempts - 1), notBefore: 0 } : {};
    const last = { ...account.last, result, ...(detail === undefined ? {} : { detail }) };
    this.#accounts.set(name, { ...account, ...rest, last });
  }

  /** What the agent had begun when it was killed: it may have happened. */
  close(): void {
    for (const [name, account] of this.#accounts) {
      if (account.last.result !== "pending") continue;
      this.#accounts.set(name, { ...account, last: { ...account.last, result: "unknown" } });
    }
  }

  get restarts(): readonly number[] {
    return this.#restarts;
  }

  last(name: string): Action | undefined {
    return this.#accounts.get(name)?.last;
  }

  notBefore(name: string): number | undefined {
    return this.#accounts.get(name)?.notBefore;
  }

  /** Whether this start of a container ended because somebody wanted it to. */
  wasStopped(id: string, startedAt: number | undefined): boolean {
    return this.#stopped.has(id) && this.#stopped.get(id) === startedAt;
  }

  /** Drops what it knows of stopped containers other than these: an id never comes back. */
  keepStopped(ids: ReadonlySet<string>): void {
    for (const id of this.#stopped.keys()) {
      if (!ids.has(id)) this.#stopped.delete(id);
    }
  }

  /** The number of the next attempt, from 1, and the pause after it. */
  next(
    name: string,
    timing: ContainerTiming,
    random: () => number,
  ): { readonly attempt: number; readonly pauseMs: number } {
    const attempts = this.#accounts.get(name)?.attempts ?? 0;
    const range = { minMs: timing.backoffMinMs, maxMs: timing.backoffMaxMs };
    return { attempt: attempts + 1, pauseMs: Math.round(backoffMs(attempts, range, random)) };
  }

  /** In good health for long enough: a loop never becomes permanent. */
  forgive(name: string): void {
    const account = this.#accounts.get(name);
    if (account !== undefined) this.#accounts.set(name, { ...account, attempts: 0, notBefore: 0 });
  }

  /** Drops restarts that no budget counts any more. */
  expire(before: number): void {
    this.#restarts = this.#restarts.filter((at) => at >= before);
  }
}
