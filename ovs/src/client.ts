import { type Address, checked } from "./address.ts";
import { encodeWhere, type Where } from "./condition.ts";
import { OvsdbError } from "./errors.ts";
import { Feed } from "./feed.ts";
import { given } from "./given.ts";
import { isArray, type Json, show } from "./json.ts";
import { type ClientState, closedError, Link } from "./link.ts";
import { asLock, type Lock, LockRequest } from "./lock.ts";
import { type MonitorMethod, updateMethods } from "./monitor.ts";
import { Registry } from "./registry.ts";
import { Replica, selectionOf } from "./replica.ts";
import { readResult, snapshot, type TransactResult } from "./result.ts";
import type { Database, Selection } from "./schema.ts";
import { type DatabaseSchema, readSchema } from "./schema-json.ts";
import type { Transaction } from "./transaction.ts";

/** How a client connects, and its bounds. Durations are in milliseconds, sizes in bytes. */
export interface ClientOptions {
  readonly address: Address;
  /**
   * For an answer, and for a connection to be made; `Infinity`: no limit. It begins anew while more of a long message comes.
   * Default 5000.
   */
  readonly requestTimeoutMs?: number | undefined;
  /** Silence after which the server is asked for an echo; after as much again it counts as dead. 0: never. Default 5000. */
  readonly inactivityMs?: number | undefined;
  /** The wait before a new connection doubles from `minMs` to `maxMs`, and is between half of it and all of it. Default 200 to 8000. */
  readonly reconnect?: { readonly minMs: number; readonly maxMs: number } | undefined;
  /** From 0 to 1, for the backoff. */
  readonly random?: (() => number) | undefined;
  /** The clock of `ClientState`. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /**
   * Told what has no caller to be thrown at: a listener that threw, a replica that could not be renewed, an answer that is longer
   * than `maxFrameBytes`. Default: a process warning.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
  /**
   * Ask the server not to drop the connection when a database is added, removed or converted (ovsdb-server(7), 4.1.16). Replicas
   * of such a database are renewed. Default false.
   */
  readonly databaseChangeAware?: boolean | undefined;
  /** Default 64 MiB. */
  readonly maxFrameBytes?: number | undefined;
  /** Default 64. */
  readonly maxDepth?: number | undefined;
  /** Requests without an answer, beyond which the caller's are refused. Default 1000. */
  readonly maxPending?: number | undefined;
  /** Bytes that the server has not taken, beyond which the caller's requests are refused. Default 16 MiB. */
  readonly maxOutboundBytes?: number | undefined;
}

/** The durations of a client, which may change while it lives. */
export type ClientDurations = Pick<ClientOptions, "requestTimeoutMs" | "inactivityMs" | "reconnect">;

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface MonitorOptions<D extends Database = Database> {
  readonly signal?: AbortSignal | undefined;
  /** The rows to follow. Default: all. */
  readonly where?: Where<D> | undefined;
  /**
   * The newest request to use. Default `monitor_cond_since`, which goes on from where it was after a reconnect to a clustered
   * database. A server that does not know it is asked with `monitor_cond`, then with `monitor`, which cannot select rows.
   */
  readonly method?: MonitorMethod | undefined;
}

export interface LockOptions {
  /** Take the lock from its owner instead of queueing. Done once; after a reconnect the client queues like any other. */
  readonly steal?: boolean | undefined;
  /** False: resolve as soon as the server has answered, be the lock ours or not. Default true: resolve when it is ours. */
  readonly wait?: boolean | undefined;
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

const updates: ReadonlySet<string> = new Set(Object.values(updateMethods));

/** A client that does nothing until `connect` or `start`. Throws `usage` for an address that nobody can have, such as port 70000. */
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
    // It would be tried for ever.
    checked(options.address);
    this.#onError = options.onError ?? ((error) => process.emitWarning(error instanceof Error ? error : String(error)));
    this.#link = new Link(
      { ...defaults, ...given(options), onError: this.#onError },
      {
        onUp: (connection) => {
          // A server that does not know it has nothing to say of its databases either.
          if (options.databaseChangeAware === true) {
            connection.call("set_db_change_aware", [true], undefined, () => undefined);
          }
          this.#registry.up(connection);
        },
        onNotification: (method, params) => this.#notify(method, params),
        onHeard: () => this.#registry.heard(),
        onDown: (cause) => this.#registry.down(cause),
        onIdle: () => this.#registry.idle(),
      },
    );
    this.#registry = new Registry(this.#link, this.#onError);
  }

  get state(): ClientState {
    return this.#link.state;
  }

  /** Other durations from now on, also for a connection that is there already. What is under way keeps its own. */
  reconfigure(durations: ClientDurations): void {
    this.#link.reconfigure(durations);
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
    const { overload } = connection;
    if (overload !== undefined) return Promise.reject(overload);
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

  /** The names of the server's databases, `_Server` among them (RFC 7047 section 4.1.1). */
  async listDatabases(options: RequestOptions = {}): Promise<readonly string[]> {
    const names = await this.request("list_dbs", [], options);
    if (isArray(names) && names.every((name) => typeof name === "string")) return names;
    throw new OvsdbError("bad-value", `expected the names of databases, got ${show(names)}`);
  }

  /** A database's schema (RFC 7047 section 4.1.2). */
  async getSchema(name: string, options: RequestOptions = {}): Promise<DatabaseSchema> {
    return readSchema(await this.request("get_schema", [name], options));
  }

  /** An identity that a server makes for itself each time it starts (ovsdb-server(7), 4.1.15). */
  async getServerId(options: RequestOptions = {}): Promise<string> {
    const id = await this.request("get_server_id", [], options);
    if (typeof id === "string") return id;
    throw new OvsdbError("bad-value", `expected the server's identity, got ${show(id)}`);
  }

  /**
   * Carries out a transaction, all of it or nothing. Rejects with `guard`, `not-owner`, `count`, `rejected` or what `request`
   * rejects with. An abort or a time-out asks the server to cancel it, which may come too late: after these, and after a
   * `disconnected` with `sent`, nobody knows whether it was committed: look.
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
   * Rejects with `rpc` (the server lacks a table or column), `usage`, `bad-value`, `overloaded`, `disconnected` (the client does not
   * try to connect), `closed` or the signal's reason.
   *
   * @param selection tables and columns; by default all that are declared
   */
  monitor<D extends Database>(
    database: D,
    selection?: undefined,
    options?: MonitorOptions<NoInfer<D>>,
  ): Promise<Replica<D>>;
  monitor<D extends Database, const S extends Selection<D>>(
    database: D,
    selection: S,
    options?: MonitorOptions<NoInfer<D>>,
  ): Promise<Replica<D, S>>;
  async monitor<D extends Database, S>(
    database: D,
    selection?: Selection<D>,
    options: MonitorOptions<D> = {},
  ): Promise<Replica<D, S>> {
    const plain = selectionOf(database, selection);
    if (options.method === "monitor" && options.where !== undefined) {
      throw new OvsdbError("usage", "RFC 7047's monitor cannot follow only some rows");
    }
    const feed = new Feed({
      id: `m${this.#nextMonitor++}`,
      database,
      selection: plain,
      method: options.method ?? "monitor_cond_since",
      where: encodeWhere(database, plain, options.where ?? {}),
      onError: this.#onError,
    });
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
    return new Replica<D, S>(feed, close);
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

  /** The database was converted or removed, which only clients that are `databaseChangeAware` are told like this. */
  #renew(monitor: string): void {
    const feed = this.#feeds.get(monitor);
    if (feed !== undefined) this.#registry.renew(feed);
  }

  #notify(method: string, params: readonly unknown[]): void {
    const [name] = params;
    if (typeof name !== "string") return;
    // A monitor or lock that has just been given up may still be spoken of.
    if (method === "locked") this.#locks.get(name)?.turn(true);
    else if (method === "stolen") this.#locks.get(name)?.turn(false);
    else if (method === "monitor_canceled") this.#renew(name);
    else if (updates.has(method)) this.#feeds.get(name)?.update(method, params);
  }
}
