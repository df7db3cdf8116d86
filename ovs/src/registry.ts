import type { Connection } from "./connection.ts";
import { OvsdbError } from "./errors.ts";
import { closedError, type Link } from "./link.ts";
import { report } from "./listeners.ts";

/** Something that the server must be asked for again on every new connection: a monitor or a lock. */
export interface Registration {
  /** Asks for it. `done` is called once, unless the registration has been ended meanwhile. It must not throw. */
  attach(connection: Connection, done: (error: OvsdbError | undefined) => void): void;
  /** The connection is gone. */
  detach(): void;
  /** It is over for good: whoever waits is told the reason. */
  end(reason: OvsdbError): void;
}

type Tell = (error: OvsdbError | undefined) => void;

/** Keeps registrations alive over reconnects. */
export class Registry {
  readonly #link: Link;
  readonly #onError: (error: unknown) => void;
  readonly #all = new Set<Registration>();
  /** Those whose caller still waits for the first answer, with the function that tells the caller. */
  readonly #fresh = new Map<Registration, Tell>();
  /** Those that were asked for on this connection, and of these the ones without an answer. */
  readonly #attached = new Set<Registration>();
  readonly #unanswered = new Set<Registration>();
  /** How often in a row each was refused that was granted before, and the wait after which it is asked for again. */
  readonly #refusals = new Map<Registration, number>();
  readonly #waits = new Map<Registration, NodeJS.Timeout>();

  constructor(link: Link, onError: (error: unknown) => void) {
    this.#link = link;
    this.#onError = onError;
  }

  /**
   * Asks for something, now or as soon as there is a connection, and waits for the answer. After a failure the registration is
   * still in the list; it is the caller who takes it out.
   */
  async add(registration: Registration, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#link.state.state === "closed") throw closedError();
    if (this.#link.state.state === "idle") throw notConnecting();
    const connection = this.#link.connection;
    if (connection?.overload !== undefined) throw connection.overload;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(signal?.reason);
    this.#all.add(registration);
    this.#fresh.set(registration, (error) => (error === undefined ? resolve() : reject(error)));
    signal?.addEventListener("abort", onAbort, { once: true });
    if (connection !== undefined) this.#attach(registration, connection);
    try {
      await promise;
      // Answered and then closed at once, before this went on.
      if (!this.#all.has(registration)) throw closedError();
    } finally {
      this.#fresh.delete(registration);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /**
   * Takes a registration out and ends it.
   *
   * @returns the connection on which the server must be told, if there is one
   */
  remove(registration: Registration, reason: OvsdbError): Connection | undefined {
    const connection = this.#attached.has(registration) ? this.#link.connection : undefined;
    this.#forget(registration);
    registration.end(reason);
    return connection;
  }

  /** The server has given it up: it is asked for again on the same connection. */
  renew(registration: Registration): void {
    const connection = this.#link.connection;
    if (connection === undefined || !this.#attached.delete(registration)) return;
    registration.detach();
    this.#attach(registration, connection);
  }

  /** There is a connection. */
  up(connection: Connection): void {
    for (const registration of [...this.#all]) {
      if (this.#link.connection !== connection) return;
      this.#attach(registration, connection);
    }
  }

  /** The server has said something that makes sense. */
  heard(): void {
    // Only a connection that renews everything is worth it; else the wait before the next one goes on growing.
    if (this.#unanswered.size === 0) this.#link.markGood();
  }

  /** There is none any more. */
  down(cause: OvsdbError): void {
    // What was asked for is asked for again, and may end the next connection as it ended this one: nobody else is told.
    const inDoubt = cause.kind === "timeout" || cause.kind === "protocol";
    if (inDoubt && this.#unanswered.size > 0) report(this.#onError, cause);
    this.#attached.clear();
    this.#unanswered.clear();
    for (const wait of this.#waits.values()) clearTimeout(wait);
    this.#waits.clear();
    for (const registration of [...this.#all]) registration.detach();
  }

  /** A single attempt to connect has failed and there will be no other: nobody shall wait for it. */
  idle(): void {
    for (const tell of this.#fresh.values()) tell(notConnecting());
  }

  /** Ends all. */
  close(): void {
    const reason = closedError();
    for (const tell of this.#fresh.values()) tell(reason);
    for (const registration of [...this.#all]) this.remove(registration, reason);
  }

  #forget(registration: Registration): void {
    this.#all.delete(registration);
    this.#attached.delete(registration);
    this.#unanswered.delete(registration);
    this.#refusals.delete(registration);
    clearTimeout(this.#waits.get(registration));
    this.#waits.delete(registration);
  }

  #attach(registration: Registration, connection: Connection): void {
    // A listener of the client's state may have added it a moment before `up`, one of its own state may have ended it.
    if (!this.#all.has(registration) || this.#attached.has(registration)) return;
    this.#attached.add(registration);
    this.#unanswered.add(registration);
    registration.attach(connection, (error) => {
      if (error === undefined) this.#answered(registration);
      else this.#refused(registration, connection, error);
    });
  }

  #answered(registration: Registration): void {
    this.#fresh.get(registration)?.(undefined);
    this.#unanswered.delete(registration);
    this.#refusals.delete(registration);
    this.heard();
  }

  #refused(registration: Registration, connection: Connection, error: OvsdbError): void {
    // It is asked for again on the next connection.
    if (error.kind === "disconnected" || error.kind === "closed") return;
    if (error.kind === "timeout" || error.kind === "protocol") {
      // The connection itself is in doubt. `down` reports it.
      connection.end(error);
      return;
    }
    this.#attached.delete(registration);
    this.#unanswered.delete(registration);
    const tell = this.#fresh.get(registration);
    if (tell !== undefined) tell(error);
    else {
      report(this.#onError, error);
      this.#waitFor(registration, connection);
    }
    this.heard();
  }

  /** What stood before is refused: its database may be away for a while, and the others on this connection go on. */
  #waitFor(registration: Registration, connection: Connection): void {
    // Whoever was told of the refusal may have ended it.
    if (!this.#all.has(registration) || this.#link.connection !== connection) return;
    const refusals = (this.#refusals.get(registration) ?? 0) + 1;
    const again = (): void => {
      this.#waits.delete(registration);
      this.#attach(registration, connection);
    };
    this.#refusals.set(registration, refusals);
    this.#waits.set(registration, setTimeout(again, this.#link.backoff(refusals)));
  }
}

function notConnecting(): OvsdbError {
  return new OvsdbError("disconnected", "the client is not connected and does not try to be");
}
