import { isUuid, type MapColumn, type NamedUuid, type SetColumn, type Uuid } from "./column.ts";
import { OvsdbError } from "./errors.ts";
import { isArray, type Json } from "./json.ts";
import {
  type ColumnName,
  columnOf,
  type Database,
  encodeColumn,
  encodeValues,
  type Row,
  type TableName,
  type Values,
} from "./schema.ts";

/** Which rows: one by its UUID, those with these values (at least one column), or every row of the table. */
export type Selector<D extends Database, T extends TableName<D>> = Uuid | Values<D, T> | "all";

type ColumnsOfShape<D extends Database, T extends TableName<D>, Shape> = {
  [C in ColumnName<D, T>]: D["tables"][T][C] extends Shape ? C : never;
}[ColumnName<D, T>];
type MapName<D extends Database, T extends TableName<D>> = ColumnsOfShape<D, T, MapColumn<unknown>>;
type SetName<D extends Database, T extends TableName<D>> = ColumnsOfShape<D, T, SetColumn<unknown>>;
type IntegerName<D extends Database, T extends TableName<D>> = ColumnsOfShape<D, T, { decode(wire: unknown): number }>;
type MapValue<C> = C extends MapColumn<infer V> ? V : never;
type SetMember<C> = C extends SetColumn<infer V> ? V : never;

/** How many rows an operation must change. */
export interface Expectation {
  /**
   * With 1 or more: if no row matches, nothing of the transaction is written. Any other difference is found only
   * after the commit. Either way `transact` fails with `count`.
   */
  readonly expect?: number;
}

/** Stands for an operation whose count of rows can be asked of the result. */
export interface CountRef {
  readonly operation: number;
}

declare const rowType: unique symbol;

/** Stands for a `select` whose rows can be asked of the result. */
export interface SelectRef<R> {
  readonly operation: number;
  readonly table: string;
  readonly columns: readonly string[];
  readonly [rowType]?: R;
}

/** What the answer to an operation is checked against. */
export interface OperationNote {
  readonly op: string;
  readonly table?: string;
  readonly expect?: number;
  /** A `wait` that stands for the `expect` of the operation after it, not for a guard of the caller. */
  readonly forExpect?: boolean;
}

/**
 * A list of operations that the server carries out all or none (RFC 7047 section 5.2). Guards (`wait`, `assertLock`) fail
 * the whole of it. Every method throws `bad-value` or `usage` at once, so that what can be built can be sent.
 */
export class Transaction<D extends Database> {
  readonly database: D;
  readonly #operations: Json[] = [];
  readonly #notes: OperationNote[] = [];
  #inserted = 0;
  #writes = 0;

  constructor(database: D) {
    this.database = database;
  }

  /** The operations in wire form, in their order. */
  get operations(): readonly Json[] {
    return this.#operations;
  }

  /** What each operation is, by its index. */
  get notes(): readonly OperationNote[] {
    return this.#notes;
  }

  /** True while nothing would be written: there are no operations, or only guards, selects and comments. */
  get isEmpty(): boolean {
    return this.#writes === 0;
  }

  /** Fails the transaction with `not-owner` unless this client owns the lock. */
  assertLock(name: string): void {
    this.#add({ op: "assert", lock: name });
  }

  /**
   * Fails the transaction with `guard` unless the selected rows are (`==`) or are not (`!=`) exactly the expected ones in the
   * columns that these name. An empty array says that no row is selected. It never blocks: its time-out is 0.
   */
  wait<T extends TableName<D>>(
    table: T,
    selector: Selector<D, T>,
    expected: Values<D, T> | readonly Values<D, T>[],
    until: "==" | "!=" = "==",
  ): void {
    const rows = (isArray(expected) ? expected : [expected]).map((row) => encodeValues(this.database, table, row));
    const columns = rows[0] === undefined ? ["_uuid"] : Object.keys(rows[0]).sort();
    for (const row of rows) {
      if (columns.length > 0 && columns.join() === Object.keys(row).sort().join()) continue;
      throw new OvsdbError("usage", "wait: every expected row names the same columns, at least one", { table });
    }
    this.#add(this.#wait(table, selector, columns, until, rows), { table });
  }

  /** Adds a row. A row of a table that is no root vanishes at the commit unless a row refers to it. */
  insert<T extends TableName<D>>(table: T, values: Values<D, T>): NamedUuid {
    const row = encodeValues(this.database, table, values);
    const name = `row${this.#inserted++}`;
    this.#write({ op: "insert", table, row, "uuid-name": name }, { table });
    return name as NamedUuid;
  }

  /** Sets columns of the selected rows. */
  update<T extends TableName<D>>(
    table: T,
    selector: Selector<D, T>,
    values: Values<D, T>,
    expectation: Expectation = {},
  ): CountRef {
    const row = encodeValues(this.database, table, values);
    return this.#change(
      { op: "update", table, where: this.#where(table, selector), row },
      table,
      selector,
      expectation,
    );
  }

  /** Deletes the selected rows. */
  delete<T extends TableName<D>>(table: T, selector: Selector<D, T>, expectation: Expectation = {}): CountRef {
    return this.#change({ op: "delete", table, where: this.#where(table, selector) }, table, selector, expectation);
  }

  /** Sets keys of a map and leaves its other keys alone. */
  setKeys<T extends TableName<D>, C extends MapName<D, T>>(
    table: T,
    selector: Selector<D, T>,
    column: C,
    entries: Readonly<Record<string, MapValue<D["tables"][T][C]>>>,
    expectation: Expectation = {},
  ): CountRef {
    // An insert leaves a key that is there as it is, so the keys are deleted first (RFC 7047 section 5.1, <mutation>).
    const mutations: Json = [
      [column, "delete", ["set", Object.keys(entries)]],
      [column, "insert", encodeColumn(this.database, table, column, entries)],
    ];
    return this.#mutate(table, selector, mutations, expectation);
  }

  /** Removes keys of a map, whatever their values. */
  removeKeys<T extends TableName<D>, C extends MapName<D, T>>(
    table: T,
    selector: Selector<D, T>,
    column: C,
    keys: readonly string[],
    expectation: Expectation = {},
  ): CountRef {
    columnOf(this.database, table, column);
    return this.#mutate(table, selector, [[column, "delete", ["set", keys]]], expectation);
  }

  /** Sets the keys of a map that have a value here, removes those that are `null`, and leaves all others alone. */
  mergeKeys<T extends TableName<D>, C extends MapName<D, T>>(
    table: T,
    selector: Selector<D, T>,
    column: C,
    entries: Readonly<Record<string, MapValue<D["tables"][T][C]> | null>>,
    expectation: Expectation = {},
  ): CountRef {
    const kept = Object.entries(entries).filter(([, value]) => value !== null);
    const mutations: Json = [
      [column, "delete", ["set", Object.keys(entries)]],
      [column, "insert", encodeColumn(this.database, table, column, Object.fromEntries(kept))],
    ];
    return this.#mutate(table, selector, mutations, expectation);
  }

  /** Adds members to a set; those that are in it already do no harm. */
  addToSet<T extends TableName<D>, C extends SetName<D, T>>(
    table: T,
    selector: Selector<D, T>,
    column: C,
    members: readonly SetMember<D["tables"][T][C]>[],
    expectation: Expectation = {},
  ): CountRef {
    const wire = encodeColumn(this.database, table, column, members);
    return this.#mutate(table, selector, [[column, "insert", wire]], expectation);
  }

  /** Removes members of a set; those that are not in it do no harm. */
  removeFromSet<T extends TableName<D>, C extends SetName<D, T>>(
    table: T,
    selector: Selector<D, T>,
    column: C,
    members: readonly SetMember<D["tables"][T][C]>[],
    expectation: Expectation = {},
  ): CountRef {
    const wire = encodeColumn(this.database, table, column, members);
    return this.#mutate(table, selector, [[column, "delete", wire]], expectation);
  }

  /** Adds to a number, atomically. */
  increment<T extends TableName<D>, C extends IntegerName<D, T>>(
    table: T,
    selector: Selector<D, T>,
    column: C,
    by = 1,
    expectation: Expectation = {},
  ): CountRef {
    const wire = encodeColumn(this.database, table, column, by);
    return this.#mutate(table, selector, [[column, "+=", wire]], expectation);
  }

  /** Reads rows as they are at this place in the transaction; ask the result for them. */
  select<T extends TableName<D>, C extends ColumnName<D, T>>(
    table: T,
    selector: Selector<D, T>,
    columns: readonly C[],
  ): SelectRef<Pick<Row<D, T>, C | "_uuid">> {
    for (const column of columns) columnOf(this.database, table, column);
    const operation = this.#add(
      { op: "select", table, where: this.#where(table, selector), columns: ["_uuid", ...columns] },
      { table },
    );
    return { operation, table, columns };
  }

  /** Puts a line into the database's log next to this transaction. */
  comment(text: string): void {
    this.#add({ op: "comment", comment: text });
  }

  #mutate<T extends TableName<D>>(
    table: T,
    selector: Selector<D, T>,
    mutations: Json,
    expectation: Expectation,
  ): CountRef {
    const operation = { op: "mutate", table, where: this.#where(table, selector), mutations };
    return this.#change(operation, table, selector, expectation);
  }

  #change<T extends TableName<D>>(
    operation: { readonly op: string; readonly [key: string]: Json },
    table: T,
    selector: Selector<D, T>,
    { expect }: Expectation,
  ): CountRef {
    if (expect === undefined) return { operation: this.#write(operation, { table }) };
    // The count comes back only after the commit. This makes "no row at all" fail before it.
    if (expect > 0) this.#add(this.#wait(table, selector, ["_uuid"], "!=", []), { table, expect, forExpect: true });
    return { operation: this.#write(operation, { table, expect }) };
  }

  #wait<T extends TableName<D>>(
    table: T,
    selector: Selector<D, T>,
    columns: readonly string[],
    until: string,
    rows: readonly Json[],
  ): { readonly op: string; readonly [key: string]: Json } {
    return { op: "wait", timeout: 0, table, where: this.#where(table, selector), columns, until, rows };
  }

  #where<T extends TableName<D>>(table: T, selector: Selector<D, T>): Json {
    if (selector === "all") return [];
    if (typeof selector === "string") {
      return [["_uuid", "==", isUuid(selector) ? ["uuid", selector] : ["named-uuid", selector]]];
    }
    const conditions = Object.entries(encodeValues(this.database, table, selector));
    if (conditions.length > 0) return conditions.map(([column, value]) => [column, "==", value]);
    throw new OvsdbError("usage", `an empty selector would mean every row of ${table}; write "all"`, { table });
  }

  #write(operation: { readonly op: string; readonly [key: string]: Json }, note: Omit<OperationNote, "op">): number {
    this.#writes++;
    return this.#add(operation, note);
  }

  #add(operation: { readonly op: string; readonly [key: string]: Json }, note: Omit<OperationNote, "op"> = {}): number {
    this.#notes.push({ op: operation.op, ...note });
    return this.#operations.push(operation) - 1;
  }
}
