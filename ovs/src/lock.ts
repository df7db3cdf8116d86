import { sendableText } from "./column.ts";
import type { Connection } from "./connection.ts";
import type { OvsdbError } from "./errors.ts";
import { isObject } from "./json.ts";
import { Listeners } from "./listeners.ts";
import type { Registration } from "./registry.ts";

/** A lock of the server (RFC 7047 sections 4.1.8 to 4.1.10): held by one client at a time, others wait in a queue. */
export interface Lock {
  readonly name: string;
  /** Whether it is ours now. Only `Transaction.assertLock` makes sure that it still is when something is written. */
  readonly owned: boolean;
  /** Calls back when `owned` changes: granted, stolen, or lost with the connection. */
  onChange(listener: (owned: boolean) => void): () => void;
  /** Gives it back, or leaves the queue. Never rejects: a lost connection has given it back already. */
  release(): Promise<void>;
}

/** One lock, asked for anew on each connection. */
export class LockRequest implements Registration {
  readonly name: string;
  readonly #listeners: Listeners<boolean>;
  #steal: boolean;
  #owned = false;
  /** Whether the server has answered the request on this connection. */
  #answered = false;
  #forget: () => void = () => undefined;
  #onEnd: (reason: OvsdbError) => void = () => undefined;
  #ended: OvsdbError | undefined;

  /** Throws `bad-value` for a name that cannot be sent. */
  constructor(name: string, steal: boolean, onError: (error: unknown) => void) {
    this.name = sendableText(name);
    this.#steal = steal;
    this.#listeners = new Listeners(onError);
  }

  get owned(): boolean {
    return this.#owned;
  }

  onChange(listener: (owned: boolean) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Resolves when the lock is ours; rejects when the request ends, or with the signal's reason. */
  granted(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(signal?.reason);
    const remove = this.onChange(() => resolve());
    this.#onEnd = reject;
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    // Between the server's answer and this call the client may have been closed.
    if (this.#ended !== undefined) reject(this.#ended);
    if (this.#owned) resolve();
    return promise.finally(() => {
      remove();
      signal?.removeEventListener("abort", onAbort);
    });
  }

  attach(connection: Connection, done: (error: OvsdbError | undefined) => void): void {
    this.#forget = connection.call(this.#steal ? "steal" : "lock", [this.name], undefined, (error, result) => {
      // Stealing is an act, not a state: once is enough, or two clients would steal from one another for ever.
      if (error === undefined) this.#steal = false;
      this.#answered = error === undefined;
      this.#set(isObject(result) && result.locked === true);
      done(error);
    });
  }

  detach(): void {
    this.#forget();
    this.#answered = false;
    this.#set(false);
  }

  end(reason: OvsdbError): void {
    this.#ended ??= reason;
    this.detach();
    this.#onEnd(reason);
  }

  /** The server says that the lock has become ours, or is not any more. */
  turn(owned: boolean): void {
    // Before the answer it speaks of a request for the same lock that has been given up.
    if (this.#answered) this.#set(owned);
  }

  #set(owned: boolean): void {
    if (this.#owned === owned) return;
    this.#owned = owned;
    this.#listeners.emit(owned);
  }
}

/** The request as its caller sees it. */
export function asLock(request: LockRequest, release: () => Promise<void>): Lock {
  return {
    name: request.name,
    get owned() {
      return request.owned;
    },
    onChange: (listener) => request.onChange(listener),
    release,
  };
}
