import { isUuid } from "./column.ts";
import { encodeWhere, type PlainWhere } from "./condition.ts";
import type { Connection } from "./connection.ts";
import { asOvsdbError, OvsdbError } from "./errors.ts";
import { isArray, show } from "./json.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { Listeners } from "./listeners.ts";
import {
  changeRequests,
  type MonitorMethod,
  monitorMethods,
  monitorRequests,
  NO_TRANSACTION,
  updateMethods,
} from "./monitor.ts";
import type { Registration } from "./registry.ts";
import type { Database } from "./schema.ts";
import { readSchema } from "./schema-json.ts";
import { type PlainChange, type PlainSelection, Store } from "./store.ts";
import { type Wanted, Wish } from "./wish.ts";

type Done = (error: OvsdbError | undefined) => void;

export interface FeedOptions {
  readonly id: string;
  readonly database: Database;
  readonly selection: PlainSelection;
  /** The newest request to try; if the server does not know it, the ones before it are tried. */
  readonly method: MonitorMethod;
  readonly where: PlainWhere;
  readonly onError: (error: unknown) => void;
}

/** Keeps a store in step with the server: a monitor that is asked for anew on each connection. */
export class Feed implements Registration {
  readonly id: string;
  readonly database: Database;
  readonly store: Store;
  readonly changes: Listeners<readonly PlainChange[]>;
  readonly sync: Listeners<boolean>;
  readonly #ending: Listeners<OvsdbError>;
  readonly #options: FeedOptions;
  readonly #wish: Wish;
  #connection: Connection | undefined;
  #forget: () => void = () => undefined;
  #method: MonitorMethod;
  #layout: Layout = {};
  /** What the store's content is as of, if the server keeps a history: it can tell from there. */
  #transaction = NO_TRANSACTION;
  #changing = false;
  #ended: OvsdbError | undefined;
  #synced = false;

  constructor(options: FeedOptions) {
    const { id, database, selection, method, where, onError } = options;
    this.id = id;
    this.database = database;
    this.store = new Store(database, selection);
    this.changes = new Listeners(onError);
    this.sync = new Listeners(onError);
    this.#ending = new Listeners(onError);
    this.#options = options;
    this.#wish = new Wish(where);
    this.#method = method;
  }

  get synced(): boolean {
    return this.#synced;
  }

  /** Why nothing will ever come any more. */
  get ended(): OvsdbError | undefined {
    return this.#ended;
  }

  attach(connection: Connection, done: Done): void {
    const { database, method, selection } = this.#options;
    this.#connection = connection;
    if (method === "monitor") {
      this.#ask(connection, method, done);
      return;
    }
    // On each connection anew: the server may have been upgraded, and its schema with it.
    this.#forget = connection.call("get_schema", [database.name], undefined, (error, answer) => {
      if (error !== undefined) {
        done(error);
        return;
      }
      try {
        this.#layout = layoutOf(readSchema(answer), database, selection);
      } catch (thrown) {
        done(asOvsdbError(thrown, "bad-value"));
        return;
      }
      this.#ask(connection, method, done);
    });
  }

  /** Takes one update message. Throws `bad-value` or `protocol`. */
  update(method: string, params: readonly unknown[]): void {
    if (!this.#synced) return;
    if (method !== updateMethods[this.#method]) {
      throw new OvsdbError("protocol", `${method} does not follow ${this.#method}`);
    }
    const [, first, second] = params;
    if (method !== "update3") {
      this.#tell(this.store.update(first, method === "update" ? undefined : this.#layout));
      return;
    }
    // If the message cannot be read, what comes after it cannot be told from here.
    this.#transaction = NO_TRANSACTION;
    const changes = this.store.update(second, this.#layout);
    this.#transaction = transactionOf(first);
    this.#tell(changes);
  }

  detach(): void {
    this.#forget();
    this.#connection = undefined;
    this.#changing = false;
    this.#setSynced(false);
  }

  end(reason: OvsdbError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.detach();
    this.#wish.end(reason);
    this.#ending.emit(reason);
  }

  /** Calls back once when the feed ends. */
  onEnd(listener: (reason: OvsdbError) => void): () => void {
    return this.#ending.add(listener);
  }

  /**
   * Follows other rows in some tables. Resolves when the content is so; without a connection that is after the next one is made.
   * Rejects with `usage`, `bad-value` or `rpc` (all is as before), `closed`, or the signal's reason.
   */
  async changeWhere(where: object, signal: AbortSignal | undefined): Promise<void> {
    const plain = encodeWhere(this.database, this.#options.selection, where);
    signal?.throwIfAborted();
    if (this.#ended !== undefined) throw this.#ended;
    this.#wish.change(plain);
    const granted = this.#wish.granted(signal);
    this.#reconcile();
    await granted;
  }

  #ask(connection: Connection, method: MonitorMethod, done: Done): void {
    const { database, id, selection } = this.#options;
    const { wanted } = this.#wish;
    // Rows that are followed from now on have changed at any time before.
    const since = this.#wish.isGranted ? this.#transaction : NO_TRANSACTION;
    const params = [database.name, id, monitorRequests(method, selection, wanted.where)];
    if (method === "monitor_cond_since") params.push(since);
    // By callback: updates that follow the answer in the same chunk must find the snapshot in place.
    this.#forget = connection.call(method, params, undefined, (error, answer) => {
      const older = monitorMethods[monitorMethods.indexOf(method) + 1];
      if (error?.error === "unknown method" && older !== undefined && this.#canBe(older)) {
        this.#ask(connection, older, done);
      } else if (error !== undefined) {
        if (isUnsendable(error)) this.#wish.drop(error);
        else if (error.kind === "rpc" && !this.#wish.isGranted) this.#wish.refuse(wanted, error);
        done(error);
      } else {
        this.#method = method;
        const failed = this.#begin(answer, since, wanted);
        // The server follows all the same, and would refuse to begin a second time under this name.
        if (failed !== undefined) connection.call("monitor_cancel", [id], undefined, () => undefined);
        done(failed);
        this.#reconcile();
      }
    });
  }

  /** RFC 7047's monitor follows whole tables. More rows than were asked for are no answer to who asked for some. */
  #canBe(method: MonitorMethod): boolean {
    return method !== "monitor" || Object.keys(this.#wish.wanted.where).length === 0;
  }

  #begin(answer: unknown, since: string, wanted: Wanted): OvsdbError | undefined {
    try {
      const changes = this.#read(answer, since);
      this.#synced = true;
      this.#wish.agree(wanted);
      this.#tell(changes);
      // A listener may have ended it.
      if (this.#synced) this.sync.emit(true);
      return undefined;
    } catch (thrown) {
      return asOvsdbError(thrown, "bad-value");
    }
  }

  #read(answer: unknown, since: string): readonly PlainChange[] {
    // A server without a history leads the content away from it; and if this cannot be read, the next connection begins from nothing.
    this.#transaction = NO_TRANSACTION;
    if (this.#method === "monitor") return this.store.reset(answer);
    if (this.#method === "monitor_cond") return this.store.reset(answer, this.#layout);
    if (!isArray(answer) || answer.length !== 3 || typeof answer[0] !== "boolean") {
      throw new OvsdbError("bad-value", `expected what has changed since a transaction, got ${show(answer)}`);
    }
    const [found, transaction, updates] = answer;
    const resumed = found === true && since !== NO_TRANSACTION;
    const changes = resumed ? this.store.update(updates, this.#layout) : this.store.reset(updates, this.#layout);
    this.#transaction = transactionOf(transaction);
    return changes;
  }

  /** Brings the server's conditions to what is wanted, one request at a time. */
  #reconcile(): void {
    const connection = this.#connection;
    if (!this.#synced || connection === undefined || this.#changing || this.#wish.isGranted) return;
    if (this.#method === "monitor") {
      this.#wish.drop(new OvsdbError("rpc", "the server cannot follow only some rows", { error: "unknown method" }));
      return;
    }
    const { wanted, isRetreat } = this.#wish;
    this.#changing = true;
    const requests = changeRequests(this.#options.selection, wanted.where);
    this.#forget = connection.call("monitor_cond_change", [this.id, this.id, requests], undefined, (error) => {
      this.#changing = false;
      // The next connection begins with what is wanted.
      if (error?.kind === "disconnected" || error?.kind === "closed") return;
      // The rows that came and went were told before the answer (ovsdb-server(7), 4.1.13).
      if (error === undefined) this.#wish.agree(wanted);
      else if (isUnsendable(error)) this.#wish.drop(error);
      else if (error.kind === "rpc" && !isRetreat) this.#wish.refuse(wanted, error);
      // Nobody knows which rows are followed now. A new connection begins with those that are wanted.
      else connection.end(error);
      this.#reconcile();
    });
  }

  #tell(changes: readonly PlainChange[]): void {
    if (changes.length > 0) this.changes.emit(changes);
  }

  #setSynced(synced: boolean): void {
    if (this.#synced === synced) return;
    this.#synced = synced;
    this.sync.emit(synced);
  }
}

/** Nothing was sent, and nothing would be however often it is tried. */
function isUnsendable({ kind }: OvsdbError): boolean {
  return kind === "bad-value" || kind === "usage";
}

function transactionOf(value: unknown): string {
  if (isUuid(value)) return value;
  throw new OvsdbError("bad-value", `expected the identity of a transaction, got ${show(value)}`);
}
