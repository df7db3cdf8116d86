import type { PlainWhere } from "./condition.ts";
import type { OvsdbError } from "./errors.ts";

interface Waiter {
  readonly version: number;
  resolve(): void;
  reject(reason: unknown): void;
}

/** Conditions, numbered in the order in which they were wanted. */
export interface Wanted {
  readonly version: number;
  readonly where: PlainWhere;
}

/** Which rows are wanted, which the server has agreed to, and who waits for the two to be the same. */
export class Wish {
  readonly #waiters = new Set<Waiter>();
  /** What each wish changed, of those that the server has neither agreed to nor refused. */
  #open: readonly Wanted[] = [];
  #wanted: Wanted;
  #agreed: Wanted;

  constructor(where: PlainWhere) {
    this.#wanted = { version: 0, where };
    this.#agreed = this.#wanted;
  }

  get wanted(): Wanted {
    return this.#wanted;
  }

  get isGranted(): boolean {
    return this.#wanted === this.#agreed;
  }

  /** What is wanted is what had been agreed to before something else was wanted. */
  get isRetreat(): boolean {
    return this.#wanted.where === this.#agreed.where;
  }

  /** Wants other rows in some tables. */
  change(where: PlainWhere): void {
    const version = this.#wanted.version + 1;
    this.#open = [...this.#open, { version, where }];
    this.#wanted = { version, where: { ...this.#wanted.where, ...where } };
  }

  /** Resolves when the server follows what is wanted now, or something later. Rejects with its refusal or the signal's reason. */
  granted(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { version: this.#wanted.version, resolve, reject };
    const onAbort = (): void => reject(signal?.reason);
    this.#waiters.add(waiter);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    return promise.finally(() => {
      this.#waiters.delete(waiter);
      signal?.removeEventListener("abort", onAbort);
    });
  }

  /** The server follows these rows now. */
  agree(wanted: Wanted): void {
    this.#agreed = wanted;
    this.#open = this.#after(wanted);
    for (const waiter of this.#waiters) if (waiter.version <= wanted.version) waiter.resolve();
  }

  /**
   * The server does not take these, and may have taken some tables of them: what it had agreed to is wanted anew, as a wish of its
   * own, with what was wanted since.
   */
  refuse(refused: Wanted, reason: OvsdbError): void {
    this.#open = this.#after(refused);
    const version = this.#wanted.version + (this.#open.length > 0 ? 0 : 1);
    let { where } = this.#agreed;
    for (const later of this.#open) where = { ...where, ...later.where };
    this.#wanted = { version, where };
    for (const waiter of this.#waiters) if (waiter.version <= refused.version) waiter.reject(reason);
  }

  /** The server was not even asked: all is as it was. */
  drop(reason: OvsdbError): void {
    this.#open = [];
    this.#wanted = this.#agreed;
    this.end(reason);
  }

  /** Nobody shall wait any more. */
  end(reason: OvsdbError): void {
    for (const waiter of this.#waiters) waiter.reject(reason);
  }

  #after({ version }: Wanted): readonly Wanted[] {
    return this.#open.filter((one) => one.version > version);
  }
}
