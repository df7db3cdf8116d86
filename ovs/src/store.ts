import type { Uuid } from "./column.ts";
import { OvsdbError } from "./errors.ts";
import { isObject, show } from "./json.ts";
import { type Columns, columnsOf, type Database, decodeRow, rowId } from "./schema.ts";

/** A decoded row whose columns the compiler does not know. */
export type PlainRow = Readonly<Record<string, unknown>>;

/** What happened to a row: only `after` is an insertion, only `before` a deletion, both a modification. */
export interface PlainChange {
  readonly table: string;
  readonly uuid: Uuid;
  readonly before?: PlainRow;
  readonly after?: PlainRow;
}

/** The tables to follow and their columns. */
export type PlainSelection = Readonly<Record<string, readonly string[]>>;

/** A copy of some tables, fed with what `monitor` tells (RFC 7047 sections 4.1.5 and 4.1.6). It does no I/O. */
export class Store {
  readonly #database: Database;
  readonly #selection: PlainSelection;
  readonly #tables: ReadonlyMap<string, Map<Uuid, PlainRow>>;

  constructor(database: Database, selection: PlainSelection) {
    this.#database = database;
    this.#selection = selection;
    this.#tables = new Map(Object.keys(selection).map((table) => [table, new Map()]));
  }

  /** The rows of a table: one map for the store's whole life, always up to date. Throws `usage`. */
  rows(table: string): ReadonlyMap<Uuid, PlainRow> {
    return this.#table(table);
  }

  /** Applies one update message, whole or (if it throws `bad-value`) not at all. */
  update(updates: unknown): readonly PlainChange[] {
    const changes = this.#decode(updates);
    this.#apply(changes);
    return changes;
  }

  /** Replaces everything by a new snapshot, and says what differs. Rows that are equal stay the same objects. */
  reset(snapshot: unknown): readonly PlainChange[] {
    const fresh = this.#decode(snapshot);
    const present = new Set(fresh.map(({ table, uuid }) => `${table} ${uuid}`));
    const changes: PlainChange[] = [];
    for (const [table, rows] of this.#tables) {
      for (const [uuid, before] of rows) if (!present.has(`${table} ${uuid}`)) changes.push({ table, uuid, before });
    }
    changes.push(...fresh.filter((change) => !this.#isEqual(change)));
    this.#apply(changes);
    return changes;
  }

  #table(table: string): Map<Uuid, PlainRow> {
    const rows = this.#tables.get(table);
    if (rows === undefined) throw new OvsdbError("usage", `table ${table} is not monitored`, { table });
    return rows;
  }

  #decode(updates: unknown): PlainChange[] {
    if (!isObject(updates)) throw new OvsdbError("bad-value", `expected table updates, got ${show(updates)}`);
    return Object.entries(updates).flatMap(([table, rows]) => this.#decodeTable(table, rows));
  }

  #decodeTable(table: string, updates: unknown): PlainChange[] {
    const rows = this.#tables.get(table);
    const columns = this.#selection[table];
    if (rows === undefined || columns === undefined || !isObject(updates)) {
      throw new OvsdbError("bad-value", `expected updates of a monitored table, got ${table}: ${show(updates)}`, {
        table,
      });
    }
    const changes: PlainChange[] = [];
    for (const [key, update] of Object.entries(updates)) {
      if (!isObject(update))
        throw new OvsdbError("bad-value", `${table}: not a row update: ${show(update)}`, { table });
      const uuid = rowId(table, key);
      const before = rows.get(uuid);
      // "old" holds only what changed, "new" every monitored column: the row is always decoded from "new" alone.
      const after = update.new === undefined ? undefined : decodeRow(this.#database, table, columns, uuid, update.new);
      if (before !== undefined && after !== undefined) changes.push({ table, uuid, before, after });
      else if (after !== undefined) changes.push({ table, uuid, after });
      else if (before !== undefined) changes.push({ table, uuid, before });
    }
    return changes;
  }

  #isEqual({ table, before, after }: PlainChange): boolean {
    if (before === undefined || after === undefined) return false;
    const types = columnsOf(this.#database, table);
    return (this.#selection[table] ?? []).every(
      (column) => types[column]?.equals(before[column], after[column]) ?? true,
    );
  }

  #apply(changes: readonly PlainChange[]): void {
    for (const { table, uuid, after } of changes) {
      if (after === undefined) this.#table(table).delete(uuid);
      else this.#table(table).set(uuid, after);
    }
  }
}

/** Whether the row has all these values. Throws `usage` for a column that is not declared. */
export function matches(columns: Columns, row: PlainRow, values: object): boolean {
  return Object.entries(values).every(([column, value]) => {
    if (column === "_uuid") return row._uuid === value;
    const type = columns[column];
    if (type === undefined || !Object.hasOwn(row, column))
      throw new OvsdbError("usage", `${column} is not monitored`, { column });
    return type.equals(row[column], value);
  });
}
