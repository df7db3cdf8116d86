/** Functions that want to hear of something. One that throws is reported and harms neither the others nor the caller. */
export class Listeners<A> {
  readonly #onError: (error: unknown) => void;
  readonly #listeners = new Set<{ readonly call: (argument: A) => void }>();

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** @returns a function that removes the listener again */
  add(call: (argument: A) => void): () => void {
    // An object of its own, so that one function added twice is two listeners.
    const entry = { call };
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  /** Calls those listeners that were there when it began and have not been removed since. */
  emit(argument: A): void {
    for (const entry of [...this.#listeners]) {
      if (!this.#listeners.has(entry)) continue;
      try {
        entry.call(argument);
      } catch (error) {
        report(this.#onError, error);
      }
    }
  }
}

/** Tells an error to whoever asked for errors; if that throws in turn, there is nobody left to tell. */
export function report(onError: (error: unknown) => void, error: unknown): void {
  try {
    onError(error);
  } catch {
    // A client must survive its consumer's mistakes.
  }
}
