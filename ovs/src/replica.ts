import type { Uuid } from "./column.ts";
import type { Where } from "./condition.ts";
import { OvsdbError } from "./errors.ts";
import type { Feed } from "./feed.ts";
import { columnsOf, type Database, type Everything, type Row, type Selection, type TableName } from "./schema.ts";
import { after } from "./timer.ts";

/** The tables that a replica has. */
export type ReplicaTable<D extends Database, S> = keyof S & TableName<D>;

/** A row with those of its columns that a replica has. */
export type ReplicaRow<D extends Database, S, T extends ReplicaTable<D, S>> = S[T] extends readonly (infer C)[]
  ? Pick<Row<D, T>, "_uuid" | (C & keyof Row<D, T>)>
  : never;

/** What happened to a row: only `after` is an insertion, only `before` a deletion, both a modification. */
export type RowChange<D extends Database, S = Everything<D>> = {
  [T in ReplicaTable<D, S>]: {
    readonly table: T;
    readonly uuid: Uuid;
    readonly before?: ReplicaRow<D, S, T>;
    readonly after?: ReplicaRow<D, S, T>;
  };
}[ReplicaTable<D, S>];

/** A copy of some tables that follows the database, over reconnects too. Rows are never changed, only replaced. */
export class Replica<D extends Database, S = Everything<D>> {
  readonly #feed: Feed;
  readonly #close: () => void;

  /** @internal Made by `Client.monitor`. */
  constructor(feed: Feed, close: () => void) {
    this.#feed = feed;
    this.#close = close;
  }

  /** False while disconnected or not yet caught up. The old content stays to be read meanwhile. */
  get synced(): boolean {
    return this.#feed.synced;
  }

  /** The rows of a table by UUID: a live view, the same map for the replica's whole life. */
  rows<T extends ReplicaTable<D, S>>(table: T): ReadonlyMap<Uuid, ReplicaRow<D, S, T>> {
    const rows: unknown = this.#feed.store.rows(table);
    // Row types exist only for the compiler; the rows were decoded by what the types are made from.
    return rows as ReadonlyMap<Uuid, ReplicaRow<D, S, T>>;
  }

  /** A row with all these values: by an index of the database's declaration if one fits, else row by row. */
  find<T extends ReplicaTable<D, S>>(table: T, values: Partial<ReplicaRow<D, S, T>>): ReplicaRow<D, S, T> | undefined {
    const [row] = this.#found(table, values, 1);
    return row;
  }

  /** Every row with all these values, found as `find` does: as they are at this moment. */
  findAll<T extends ReplicaTable<D, S>>(
    table: T,
    values: Partial<ReplicaRow<D, S, T>>,
  ): readonly ReplicaRow<D, S, T>[] {
    return this.#found(table, values, Infinity);
  }

  #found<T extends ReplicaTable<D, S>>(table: T, values: object, most: number): readonly ReplicaRow<D, S, T>[] {
    const rows: unknown = this.#feed.store.find(table, { ...values }, most);
    return rows as readonly ReplicaRow<D, S, T>[];
  }

  /**
   * Calls back once for each update message, after the replica has taken it. After a reconnect it is called once with
   * exactly what differs from the old content, or not at all.
   *
   * @returns a function that removes the listener
   */
  subscribe(listener: (changes: readonly RowChange<D, S>[]) => void): () => void {
    return this.#feed.changes.add((changes: unknown) => listener(changes as readonly RowChange<D, S>[]));
  }

  /** Calls back when `synced` changes. */
  onSynced(listener: (synced: boolean) => void): () => void {
    return this.#feed.sync.add(listener);
  }

  /**
   * Waits until the predicate holds: asked at once and after each update, but only of content that is in sync. Rejects with
   * `timeout`, `closed`, the signal's reason, or what the predicate throws.
   */
  until(predicate: (replica: this) => boolean, signal?: AbortSignal, timeoutMs = Infinity): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const check = (): void => {
      try {
        if (this.#feed.synced && predicate(this)) resolve();
      } catch (error) {
        reject(error);
      }
    };
    const onAbort = (): void => reject(signal?.reason);
    const undo = [this.#feed.changes.add(check), this.#feed.sync.add(check), this.#feed.onEnd(reject)];
    const late = (): void => reject(new OvsdbError("timeout", `what was waited for did not happen in ${timeoutMs} ms`));
    const timer = after(timeoutMs, late);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    else if (this.#feed.ended !== undefined) reject(this.#feed.ended);
    else check();
    return promise.finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      for (const remove of undo) remove();
    });
  }

  /**
   * Follows other rows from now on, in the tables that are named. Subscribers are told of exactly the rows that came and went.
   * Resolves when the content is so; while disconnected that is after the next connection is made. Rejects with `usage`,
   * `bad-value` or `rpc` (all is as it was; an old server's answer is `unknown method`), `closed`, or the signal's reason, which
   * ends only the waiting.
   */
  changeWhere(where: Where<D, S>, signal?: AbortSignal): Promise<void> {
    return this.#feed.changeWhere(where, signal);
  }

  /** Stops following. The content stays as it was. */
  close(): void {
    this.#close();
  }
}

/** The tables and columns to ask for: those selected, else all that are declared. Throws `usage`. */
export function selectionOf<D extends Database>(
  database: D,
  selection: Selection<D> | undefined,
): Readonly<Record<string, readonly string[]>> {
  const chosen: Readonly<Record<string, readonly string[] | undefined>> = selection ?? {};
  const tables = selection === undefined ? Object.keys(database.tables) : Object.keys(chosen);
  if (tables.length === 0) throw new OvsdbError("usage", "there is no table to monitor");
  return Object.fromEntries(
    tables.map((table) => {
      const declared = columnsOf(database, table);
      const columns = chosen[table] ?? Object.keys(declared);
      const unknown = columns.find((column) => !Object.hasOwn(declared, column));
      if (unknown === undefined) return [table, columns];
      throw new OvsdbError("usage", `column ${table}.${unknown} is not declared`, { table, column: unknown });
    }),
  );
}
