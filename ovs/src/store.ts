import type { Uuid } from "./column.ts";
import { OvsdbError } from "./errors.ts";
import { isObject, show } from "./json.ts";
import type { Layout } from "./layout.ts";
import { RowIndex } from "./row-index.ts";
import { RowReader } from "./row-update.ts";
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

interface Table {
  readonly name: string;
  readonly columns: Columns;
  readonly followed: readonly string[];
  readonly reader: RowReader;
  readonly rows: Map<Uuid, PlainRow>;
  readonly indexes: readonly RowIndex[];
}

/** A copy of some tables, fed with what monitors tell (RFC 7047 sections 4.1.5 and 4.1.6, ovsdb-server(7) 4.1.14). It does no I/O. */
export class Store {
  readonly #tables: ReadonlyMap<string, Table>;

  /** Throws `usage` for a table or column that is not declared. */
  constructor(database: Database, selection: PlainSelection) {
    this.#tables = new Map(
      Object.entries(selection).map(([table, columns]) => [table, emptyTable(database, table, columns)]),
    );
  }

  /** The rows of a table: one map for the store's whole life, always up to date. Throws `usage`. */
  rows(table: string): ReadonlyMap<Uuid, PlainRow> {
    return this.#table(table).rows;
  }

  /** The rows with all these values, by an index if one fits. Throws `usage` for a column that is not monitored. */
  find(table: string, values: PlainRow, most = Infinity): readonly PlainRow[] {
    const { rows, columns, followed, indexes } = this.#table(table);
    for (const column of Object.keys(values)) {
      if (column === "_uuid" || followed.includes(column)) continue;
      throw new OvsdbError("usage", `column ${table}.${column} is not monitored`, { table, column });
    }
    const index = indexes.find((one) => one.covers(values));
    // A list, and no iterator: whoever goes through it may write these rows meanwhile.
    const found: PlainRow[] = [];
    for (const row of index?.lookUp(values, rows) ?? rows.values()) {
      if (matches(columns, row, values) && found.push(row) >= most) break;
    }
    return found;
  }

  /**
   * Applies one update message, whole or (if it throws `bad-value`) not at all.
   *
   * @param layout given if the message has the form of `update2`: differences to the rows that are here
   */
  update(updates: unknown, layout?: Layout): readonly PlainChange[] {
    const changes = this.#decode(tablesIn(updates), layout);
    this.#apply(changes);
    return changes;
  }

  /** Replaces everything by a new snapshot, and says what differs. Rows that are equal stay the same objects. */
  reset(snapshot: unknown, layout?: Layout): readonly PlainChange[] {
    const tables = tablesIn(snapshot);
    const fresh = this.#decode(tables, layout);
    const changes: PlainChange[] = [];
    for (const { name, rows } of this.#tables.values()) {
      const present = tables[name] ?? {};
      for (const [uuid, before] of rows) {
        if (!Object.hasOwn(present, uuid)) changes.push({ table: name, uuid, before });
      }
    }
    // One by one: as arguments of one call, the rows of a large database would not fit on the stack.
    for (const change of fresh) if (!this.#isEqual(change)) changes.push(change);
    this.#apply(changes);
    return changes;
  }

  #table(name: string): Table {
    const table = this.#tables.get(name);
    if (table === undefined) throw new OvsdbError("usage", `table ${name} is not monitored`, { table: name });
    return table;
  }

  #decode(tables: PlainRow, layout: Layout | undefined): PlainChange[] {
    const changes: PlainChange[] = [];
    for (const name of Object.keys(tables)) {
      const table = this.#tables.get(name);
      const updates = tables[name];
      if (table === undefined || !isObject(updates)) {
        const message = `expected updates of a monitored table, got ${name}: ${show(updates)}`;
        throw new OvsdbError("bad-value", message, { table: name });
      }
      for (const key of Object.keys(updates)) {
        const change = changeOf(table, key, updates[key], layout?.[name]);
        if (change !== undefined) changes.push(change);
      }
    }
    return changes;
  }

  #isEqual({ table, before, after }: PlainChange): boolean {
    if (before === undefined || after === undefined) return false;
    const { columns, followed } = this.#table(table);
    return followed.every((column) => columns[column]?.equals(before[column], after[column]) ?? true);
  }

  #apply(changes: readonly PlainChange[]): void {
    for (const change of changes) {
      const { rows, indexes } = this.#table(change.table);
      if (change.after === undefined) rows.delete(change.uuid);
      else rows.set(change.uuid, change.after);
      for (const index of indexes) index.apply(change);
    }
  }
}

function emptyTable(database: Database, name: string, followed: readonly string[]): Table {
  const lists = database.indexes?.[name] ?? [];
  const kept = lists.filter((list) => list.every((column) => followed.includes(column)));
  return {
    name,
    columns: columnsOf(database, name),
    followed,
    reader: new RowReader(database, name, followed),
    rows: new Map(),
    indexes: kept.map((list) => new RowIndex(list)),
  };
}

function tablesIn(message: unknown): PlainRow {
  if (isObject(message)) return message;
  throw new OvsdbError("bad-value", `expected table updates, got ${show(message)}`);
}

function changeOf(
  { name: table, reader, rows }: Table,
  key: string,
  update: unknown,
  layout: Layout[string] | undefined,
): PlainChange | undefined {
  if (!isObject(update)) throw new OvsdbError("bad-value", `${table}: not a row update: ${show(update)}`, { table });
  const uuid = rowId(table, key);
  const before = rows.get(uuid);
  const after = layout === undefined ? reader.replaced(uuid, update) : reader.changed(uuid, update, layout, before);
  if (after === undefined) return before === undefined ? undefined : { table, uuid, before };
  return before === undefined ? { table, uuid, after } : { table, uuid, before, after };
}

/** Whether the row has all these values. */
function matches(columns: Columns, row: PlainRow, values: object): boolean {
  return Object.entries(values).every(([column, value]) => {
    if (column === "_uuid") return row._uuid === value;
    return columns[column]?.equals(row[column], value) ?? false;
  });
}
