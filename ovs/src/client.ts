import { OvsdbError } from "./errors.ts";
import { Feed } from "./feed.ts";
import type { Json } from "./json.ts";
import { type ClientState, closedError, Link } from "./link.ts";
import { asLock, type Lock, LockRequest } from "./lock.ts";
import { Registry } from "./registry.ts";
import { Replica, selectionOf } from "./replica.ts";
import { readResult, snapshot, type TransactResult } from "./result.ts";
import type { Database, Everything, Selection } from "./schema.ts";
import type { Address } from "./socket.ts";
import type { Transaction } from "./transaction.ts";

/** How a client connects, and its bounds. Durations are in milliseconds, sizes in bytes. */
export interface ClientOptions {
  readonly address: Address;
  /** For an answer, and for a connection to be made; `Infinity`: no limit. Default 5000. */
  readonly requestTimeoutMs?: number;
  /** Silence after which the server is asked for an echo; after as much again it counts as dead. 0: never. Default 5000. */
  readonly inactivityMs?: number;
  /** The wait before a new connection doubles from `minMs` to `maxMs`, and is between half of it and all of it. Default 200 to 8000. */
  readonly reconnect?: { readonly minMs: number; readonly maxMs: number };
  /** From 0 to 1, for the backoff. */
  readonly random?: () => number;
  /** The clock of `ClientState`. Default `Date.now`. */
  readonly now?: () => number;
  /** Told what has no caller to be thrown at: a listener that threw, a replica that could not be renewed. Default: a process warning. */
  readonly onError?: (error: unknown) => void;
  /** Default 64 MiB. */
  readonly maxFrameBytes?: number;
  /** Default 64. */
  readonly maxDepth?: number;
  /** Requests without an answer. Default 1000. */
  readonly maxPending?: number;
  /** Bytes that the server has not taken. Default 16 MiB. */
  readonly maxOutboundBytes?: number;
}

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface MonitorOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface LockOptions {
  /** Take the lock from its owner instead of queueing. Done once; after a reconnect the client queues like any other. */
  readonly steal?: boolean;
  /** False: resolve as soon as the server has answered, be the lock ours or not. Default true: resolve when it is ours. */
  readonly wait?: boolean;
}

const defaults = {
  requestTimeoutMs: 5000,
  inactivityMs: 5000,
  reconnect: { minMs: 200, maxMs: 8000 },
  random: Math.random,
  now: Date.now,
  maxFrameBytes: 64 * 1024 * 1024,
  maxDepth: 64,
  maxPending: 1000,
  maxOutboundBytes: 16 * 1024 * 1024,
};

/** A client that does nothing until `connect` or `start`. */
export function createClient(options: ClientOptions): Client {
  return new Client(options);
}

/** An OVSDB client. Made by `createClient`. */
export class Client {
  readonly #link: Link;
  readonly #registry: Registry;
  readonly #onError: (error: unknown) => void;
  readonly #feeds = new Map<string, Feed>();
  readonly #locks = new Map<string, LockRequest>();
  #nextMonitor = 1;

  constructor(options: ClientOptions) {
    this.#onError = options.onError ?? ((error) => process.emitWarning(error instanceof Error ? error : String(error)));
    this.#link = new Link(
      { ...defaults, ...options, onError: this.#onError },
      {
        onUp: (connection) => this.#registry.up(connection),
        onNotification: (method, params) => this.#notify(method, params),
        onDown: () => this.#registry.down(),
        onIdle: () => this.#registry.idle(),
      },
    );
    this.#registry = new Registry(this.#link, this.#onError);
  }

  get state(): ClientState {
    return this.#link.state;
  }

  /** Calls back at each change of `state`. */
  onState(listener: (state: ClientState) => void): () => void {
    return this.#link.onState(listener);
  }

  /**
   * Tries once, now. Resolves when connected; rejects with `unreachable`, `closed` or the signal's reason. After the first
   * success the client reconnects by itself until `close`.
   */
  connect(signal?: AbortSignal): Promise<void> {
    return this.#link.connect(signal);
  }

  /** Keeps trying in the background, with growing and jittered waits, until `close`. */
  start(): void {
    this.#link.start();
  }

  /** Resolves when there is a connection; makes no attempt of its own. Rejects with `closed` or the signal's reason. */
  connected(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const check = ({ state }: ClientState): void => {
      if (state === "connected") resolve();
      if (state === "closed") reject(closedError());
    };
    const onAbort = (): void => reject(signal?.reason);
    const remove = this.onState(check);
    signal?.addEventListener("abort", onAbort, { once: true });
    check(this.state);
    return promise.finally(() => {
      remove();
      signal?.removeEventListener("abort", onAbort);
    });
  }

  /** A raw request; resolves with the result as it came. Never waits for a connection. */
  request(method: string, params: readonly Json[], options: RequestOptions = {}): Promise<unknown> {
    const { signal, timeoutMs } = options;
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    if (this.state.state === "closed") return Promise.reject(closedError());
    const connection = this.#link.connection;
    if (connection === undefined) return Promise.reject(new OvsdbError("disconnected", `${method}: not connected`));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const forget = connection.call(method, params, timeoutMs, (error, result) =>
      error ? reject(error) : resolve(result),
    );
    if (signal === undefined) return promise;
    const onAbort = (): void => {
      forget();
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    return promise.finally(() => signal.removeEventListener("abort", onAbort));
  }

  /**
   * Carries out a transaction, all of it or nothing. Rejects with `guard`, `not-owner`, `count`, `rejected` or what `request`
   * rejects with. After a `timeout`, an abort or a
   * `disconnected` with `sent` nobody knows whether it was committed: look.
   */
  async transact<D extends Database>(
    transaction: Transaction<D>,
    options: RequestOptions = {},
  ): Promise<TransactResult> {
    const sent = snapshot(transaction);
    const params = [sent.database.name, ...transaction.operations];
    return readResult(sent, await this.request("transact", params, options));
  }

  /**
   * Follows tables. Resolves when the replica has its first content; waits for a connection if the client is on its way to one.
   * Rejects with `rpc` (the server lacks a table or column), `bad-value`, `disconnected` (the client does not try to connect),
   * `closed` or the signal's reason.
   *
   * @param selection tables and columns; by default all that are declared
   */
  async monitor<D extends Database, const S extends Selection<D> = Everything<D>>(
    database: D,
    selection?: S,
    options: MonitorOptions = {},
  ): Promise<Replica<D, S>> {
    const feed = new Feed(`m${this.#nextMonitor++}`, database, selectionOf(database, selection), this.#onError);
    const close = (): void => {
      this.#feeds.delete(feed.id);
      const connection = this.#registry.remove(feed, new OvsdbError("closed", "the replica is closed"));
      connection?.call("monitor_cancel", [feed.id], undefined, () => undefined);
    };
    this.#feeds.set(feed.id, feed);
    try {
      await this.#registry.add(feed, options.signal);
    } catch (error) {
      close();
      throw error;
    }
    return new Replica(feed, close);
  }

  /**
   * Asks for a lock, and asks again after each reconnect. By default it resolves when the lock is ours, which may be never:
   * give a signal. Rejects like `monitor`, and with `usage` if this client has asked for the lock already.
   */
  async lock(name: string, signal?: AbortSignal, options: LockOptions = {}): Promise<Lock> {
    if (this.#locks.has(name)) throw new OvsdbError("usage", `this client has asked for the lock ${name} already`);
    const request = new LockRequest(name, options.steal ?? false, this.#onError);
    let released: Promise<void> | undefined;
    const release = (): Promise<void> => {
      released ??= this.#unlock(request);
      return released;
    };
    this.#locks.set(name, request);
    try {
      await this.#registry.add(request, signal);
      if (options.wait !== false) await request.granted(signal);
    } catch (error) {
      void release();
      throw error;
    }
    return asLock(request, release);
  }

  /** Ends everything: requests, replicas and locks fail with `closed`. */
  close(): void {
    this.#registry.close();
    this.#feeds.clear();
    this.#locks.clear();
    this.#link.close();
  }

  #unlock(request: LockRequest): Promise<void> {
    if (this.#locks.get(request.name) === request) this.#locks.delete(request.name);
    const connection = this.#registry.remove(request, new OvsdbError("closed", `the lock ${request.name} is released`));
    if (connection === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      connection.call("unlock", [request.name], undefined, () => resolve());
    });
  }

  #notify(method: string, params: readonly unknown[]): void {
    const [name, updates] = params;
    if (typeof name !== "string") return;
    // A monitor or lock that has just been given up may still be spoken of.
    if (method === "update") this.#feeds.get(name)?.update(updates);
    else if (method === "locked") this.#locks.get(name)?.set(true);
    else if (method === "stolen") this.#locks.get(name)?.set(false);
  }
}
