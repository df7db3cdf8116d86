import type { Uuid } from "./column.ts";
import { OvsdbError } from "./errors.ts";
import { isObject, show } from "./json.ts";
import type { Layout } from "./layout.ts";
import { RowIndex } from "./row-index.ts";
import { changedRow, replacedRow } from "./row-update.ts";
import { type Columns, columnsOf, type Database, rowId } from "./schema.ts";

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

/** A copy of some tables, fed with what monitors tell (RFC 7047 sections 4.1.5 and 4.1.6, ovsdb-server(7) 4.1.14). It does no I/O. */
export class Store {
  readonly #database: Database;
  readonly #selection: PlainSelection;
  readonly #tables: ReadonlyMap<string, Map<Uuid, PlainRow>>;
  readonly #indexes: ReadonlyMap<string, readonly RowIndex[]>;

  constructor(database: Database, selection: PlainSelection) {
    this.#database = database;
    this.#selection = selection;
    this.#tables = new Map(Object.keys(selection).map((table) => [table, new Map()]));
    this.#indexes = new Map(
      Object.entries(selection).map(([table, columns]) => {
        const lists = database.indexes?.[table] ?? [];
        const kept = lists.filter((list) => list.every((column) => columns.includes(column)));
        return [table, kept.map((list) => new RowIndex(list))];
      }),
    );
  }

  /** The rows of a table: one map for the store's whole life, always up to date. Throws `usage`. */
  rows(table: string): ReadonlyMap<Uuid, PlainRow> {
    return this.#table(table);
  }

  /** The rows with all these values, by an index if one fits. Throws `usage` for a column that is not monitored. */
  *find(table: string, values: PlainRow): Generator<PlainRow, void, undefined> {
    const rows = this.#table(table);
    const columns = columnsOf(this.#database, table);
    const index = this.#indexes.get(table)?.find((one) => one.covers(values));
    for (const row of index?.lookUp(values, rows) ?? rows.values()) if (matches(columns, row, values)) yield row;
  }

  /**
   * Applies one update message, whole or (if it throws `bad-value`) not at all.
   *
   * @param layout given if the message has the form of `update2`: differences to the rows that are here
   */
  update(updates: unknown, layout?: Layout): readonly PlainChange[] {
    const changes = this.#decode(updates, layout);
    this.#apply(changes);
    return changes;
  }

  /** Replaces everything by a new snapshot, and says what differs. Rows that are equal stay the same objects. */
  reset(snapshot: unknown, layout?: Layout): readonly PlainChange[] {
    const fresh = this.#decode(snapshot, layout);
    const present = new Set(fresh.map(({ table, uuid }) => `${table} ${uuid}`));
    const changes: PlainChange[] = [];
    for (const [table, rows] of this.#tables) {
      for (const [uuid, before] of rows) if (!present.has(`${table} ${uuid}`)) changes.push({ table, uuid, before });
    }
    // One by one: as arguments of one call, the rows of a large database would not fit on the stack.
    for (const change of fresh) if (!this.#isEqual(change)) changes.push(change);
    this.#apply(changes);
    return changes;
  }

  #table(table: string): Map<Uuid, PlainRow> {
    const rows = this.#tables.get(table);
    if (rows === undefined) throw new OvsdbError("usage", `table ${table} is not monitored`, { table });
    return rows;
  }

  #decode(updates: unknown, layout: Layout | undefined): PlainChange[] {
    if (!isObject(updates)) throw new OvsdbError("bad-value", `expected table updates, got ${show(updates)}`);
    return Object.entries(updates).flatMap(([table, rows]) => this.#decodeTable(table, rows, layout?.[table]));
  }

  #decodeTable(table: string, updates: unknown, layout: Layout[string] | undefined): PlainChange[] {
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
      const target = { database: this.#database, table, columns, uuid };
      const after = layout === undefined ? replacedRow(target, update) : changedRow(target, layout, before, update);
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
    for (const change of changes) {
      const { table, uuid, after } = change;
      if (after === undefined) this.#table(table).delete(uuid);
      else this.#table(table).set(uuid, after);
      for (const index of this.#indexes.get(table) ?? []) index.apply(change);
    }
  }
}

/** Whether the row has all these values. Throws `usage` for a column that is not declared. */
function matches(columns: Columns, row: PlainRow, values: object): boolean {
  return Object.entries(values).every(([column, value]) => {
    if (column === "_uuid") return row._uuid === value;
    const type = columns[column];
    if (type === undefined || !Object.hasOwn(row, column))
      throw new OvsdbError("usage", `${column} is not monitored`, { column });
    return type.equals(row[column], value);
  });
}
