import { type NamedUuid, sendableText, type ValueOf } from "./column.ts";
import { encodeCondition } from "./condition.ts";
import { OvsdbError } from "./errors.ts";
import { isArray, isObject, type Json } from "./json.ts";
import type {
  CountRef,
  Expectation,
  MapKey,
  MapMerge,
  MapName,
  Mutator,
  NumberName,
  Operand,
  OperationNote,
  Selector,
  SelectRef,
  SetMember,
  SetName,
} from "./operation.ts";
import {
  type ColumnName,
  columnOf,
  type Database,
  encodeColumn,
  encodeKeys,
  encodeValues,
  type Row,
  type TableName,
  type Values,
} from "./schema.ts";

/**
 * A list of operations that the server carries out all or none (RFC 7047 section 5.2). Guards (`wait`, `assertLock`) fail
 * the whole of it. Every method throws `bad-value` or `usage` at once, so that what can be built can be sent.
 */
export class Transaction<D extends Database> {
  static #made = 0;

  readonly database: D;
  /** Part of the names of the inserted rows, so that another transaction's are not taken for this one's. */
  readonly #serial = Transaction.#made++;
  readonly #operations: Json[] = [];
  readonly #notes: OperationNote[] = [];
  readonly #inserted = new Set<string>();
  /** The inserted rows that an operation refers to strongly. */
  readonly #kept = new Set<string>();
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

  /**
   * The first inserted row that would vanish at the commit, because its table is no root and no other operation refers to it.
   * Only of databases whose roots are declared.
   */
  get unreferenced(): { readonly operation: number; readonly table: string } | undefined {
    const { roots } = this.database;
    if (roots === undefined) return undefined;
    for (const [operation, { name, table }] of this.#notes.entries()) {
      if (name !== undefined && table !== undefined && !roots.includes(table) && !this.#kept.has(name)) {
        return { operation, table };
      }
    }
    return undefined;
  }

  /** True while nothing would be written: there are no operations, or only guards, selects and comments. */
  get isEmpty(): boolean {
    return this.#writes === 0;
  }

  /** Fails the transaction with `not-owner` unless this client owns the lock. */
  assertLock(name: string): void {
    this.#add({ op: "assert", lock: sendableText(name) });
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
    this.#guard(table, selector, isArray(expected) ? expected : [expected], until);
  }

  #guard<T extends TableName<D>>(
    table: T,
    selector: Selector<D, T>,
    expected: readonly object[],
    until: "==" | "!=",
  ): void {
    const rows = expected.map((row) => this.#encode(table, row));
    const columns = rows[0] === undefined ? ["_uuid"] : Object.keys(rows[0]).sort();
    for (const row of rows) {
      if (columns.length > 0 && columns.join() === Object.keys(row).sort().join()) continue;
      throw new OvsdbError("usage", "wait: every expected row names the same columns, at least one", { table });
    }
    this.#add(this.#wait(table, selector, columns, until, rows), { table });
  }

  /**
   * Fails the transaction with `guard` unless the row still is as the caller read it, in the columns that were decided by. Before
   * the first operation that changes them: a guard sees what the operations before it did. Not for a `real` column: see `real`.
   */
  expectUnchanged<T extends TableName<D>, C extends ColumnName<D, T>>(
    table: T,
    row: Pick<Row<D, T>, C | "_uuid">,
    columns: readonly C[],
  ): void {
    const known: Readonly<Record<string, unknown>> = row;
    const read = columns.map((column): readonly [string, unknown] => {
      if (Object.hasOwn(known, column)) return [column, known[column]];
      throw new OvsdbError("usage", `${table}.${column} was not read`, { table, column });
    });
    this.#guard(table, row._uuid, [Object.fromEntries(read)], "==");
  }

  /** Adds a row. A row of a table that is no root vanishes at the commit unless a row refers to it. */
  insert<T extends TableName<D>>(table: T, values: Values<D, T>): NamedUuid<T> {
    const row = this.#encode(table, values);
    const name = `tx${this.#serial}_row${this.#inserted.size}`;
    this.#keep(table, row);
    this.#inserted.add(name);
    this.#write({ op: "insert", table, row, "uuid-name": name }, { table, name });
    return name as NamedUuid<T>;
  }

  /** Sets columns of the selected rows. */
  update<T extends TableName<D>>(
    table: T,
    selector: Selector<D, T>,
    values: Values<D, T>,
    expectation: Expectation = {},
  ): CountRef {
    const row = this.#encode(table, values);
    const where = this.#where(table, selector);
    this.#keep(table, row);
    return this.#change({ op: "update", table, where, row }, table, selector, expectation);
  }

  /** Deletes the selected rows. */
  delete<T extends TableName<D>>(table: T, selector: Selector<D, T>, expectation: Expectation = {}): CountRef {
    return this.#change({ op: "delete", table, where: this.#where(table, selector) }, table, selector, expectation);
  }

  /**
   * Sets keys of a map and leaves its other keys alone. The old values are deleted first: where a map may not be empty, `update`
   * it to replace all of its keys.
   */
  setKeys<T extends TableName<D>, C extends MapName<D, T>>(
    table: T,
    selector: Selector<D, T>,
    column: C,
    entries: ValueOf<D["tables"][T][C]>,
    expectation: Expectation = {},
  ): CountRef {
    return this.#replaceKeys(table, selector, column, entries, expectation);
  }

  /**
   * Sets the keys of a map that have a value here, removes those that are `null`, and leaves all others alone. Where a map may not be
   * empty, see `setKeys`.
   */
  mergeKeys<T extends TableName<D>, C extends MapName<D, T>>(
    table: T,
    selector: Selector<D, T>,
    column: C,
    entries: MapMerge<D["tables"][T][C]>,
    expectation: Expectation = {},
  ): CountRef {
    return this.#replaceKeys(table, selector, column, entries, expectation);
  }

  /** Removes keys of a map, whatever their values. */
  removeKeys<T extends TableName<D>, C extends MapName<D, T>>(
    table: T,
    selector: Selector<D, T>,
    column: C,
    keys: readonly MapKey<D["tables"][T][C]>[],
    expectation: Expectation = {},
  ): CountRef {
    const wire = this.#encodeKeys(table, column, keys);
    return this.#mutate(table, selector, [[column, "delete", wire]], expectation);
  }

  /** Adds members to a set; those that are in it already do no harm. */
  addToSet<T extends TableName<D>, C extends SetName<D, T>>(
    table: T,
    selector: Selector<D, T>,
    column: C,
    members: readonly SetMember<D["tables"][T][C]>[],
    expectation: Expectation = {},
  ): CountRef {
    const wire = this.#encodePart(table, column, members);
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
    const wire = this.#encodePart(table, column, members);
    return this.#mutate(table, selector, [[column, "delete", wire]], expectation);
  }

  /** Adds to a number, atomically. */
  increment<T extends TableName<D>, C extends NumberName<D, T>>(
    table: T,
    selector: Selector<D, T>,
    column: C,
    by = 1,
    expectation: Expectation = {},
  ): CountRef {
    const wire = this.#encodePart(table, column, by);
    return this.#mutate(table, selector, [[column, "+=", wire]], expectation);
  }

  /**
   * Changes a column as RFC 7047 has it. Without the comfort of the other methods: `insert` leaves a key of a map that is there as it
   * is, and `delete` with pairs takes out only those that are exactly so.
   */
  mutate<T extends TableName<D>, C extends ColumnName<D, T>, M extends Mutator<D["tables"][T][C]>>(
    table: T,
    selector: Selector<D, T>,
    column: C,
    mutator: M,
    value: Operand<D["tables"][T][C], M>,
    expectation: Expectation = {},
  ): CountRef {
    const { shape } = columnOf(this.database, table, column);
    const operand: unknown = value;
    const keys = shape === "map" && isArray(operand);
    // A set is mutated by one number; in wire form that may be a set of one.
    const whole = shape === "set" && typeof operand === "number" ? [operand] : operand;
    const wire = keys ? this.#encodeKeys(table, column, operand) : this.#encodePart(table, column, whole);
    return this.#mutate(table, selector, [[column, mutator, wire]], expectation);
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

  /** Asks the server to have the transaction on disk before it answers. Other databases than Open vSwitch's may not support it. */
  commit({ durable }: { readonly durable: boolean }): void {
    this.#add({ op: "commit", durable });
  }

  /**
   * Undoes the operations before it: `transact` fails with `rejected` and the error `aborted`, unless one of them fails before. It
   * shows whether they would be carried out, but not whether the commit would.
   */
  abort(): void {
    this.#add({ op: "abort" });
  }

  /** Puts a line into the database's log next to this transaction. */
  comment(text: string): void {
    this.#add({ op: "comment", comment: sendableText(text) });
  }

  #replaceKeys<T extends TableName<D>>(
    table: T,
    selector: Selector<D, T>,
    column: MapName<D, T>,
    entries: unknown,
    expectation: Expectation,
  ): CountRef {
    const typed = entries instanceof Map ? (entries as ReadonlyMap<unknown, unknown>) : undefined;
    const all = [...(typed ?? Object.entries(isObject(entries) ? entries : {}))];
    const set = all.filter(([, value]) => value !== null);
    const value = typed === undefined ? Object.fromEntries(set.map(([key, one]) => [String(key), one])) : new Map(set);
    const wire = this.#encodePart(table, column, value);
    const names = all.map(([key]) => key);
    // An insert leaves a key that is there as it is, so the keys are deleted first (RFC 7047 section 5.1, <mutation>).
    const mutations: readonly Mutation[] = [
      [column, "delete", this.#encodeKeys(table, column, names)],
      [column, "insert", wire],
    ];
    return this.#mutate(table, selector, mutations, expectation);
  }

  /** Notes which inserted rows these columns keep alive. */
  #keep(table: TableName<D>, row: Readonly<Record<string, Json>>): void {
    for (const [column, wire] of Object.entries(row)) {
      if (columnOf(this.database, table, column).refers !== "strong") continue;
      for (const name of namedIn(wire)) this.#kept.add(name);
    }
  }

  #encode(table: TableName<D>, values: object): Readonly<Record<string, Json>> {
    const row = encodeValues(this.database, table, values);
    for (const [column, wire] of Object.entries(row)) this.#checkNames(table, column, wire);
    return row;
  }

  #encodePart(table: TableName<D>, column: string, value: unknown): Json {
    const wire = encodeColumn(this.database, table, column, value, "part");
    this.#checkNames(table, column, wire);
    return wire;
  }

  #encodeKeys(table: TableName<D>, column: string, keys: readonly unknown[]): Json {
    const wire = encodeKeys(this.database, table, column, keys);
    this.#checkNames(table, column, wire);
    return wire;
  }

  /** Throws `usage` for a row's name that is not of this transaction. */
  #checkNames(table: TableName<D>, column: string, wire: Json): void {
    if (column !== "_uuid" && columnOf(this.database, table, column).refers === undefined) return;
    const foreign = namedIn(wire).find((name) => !this.#inserted.has(name));
    if (foreign === undefined) return;
    const message = `${table}.${column}: expected a UUID or a row inserted by this transaction, got "${foreign}"`;
    throw new OvsdbError("usage", message, { table, column });
  }

  #mutate<T extends TableName<D>>(
    table: T,
    selector: Selector<D, T>,
    mutations: readonly Mutation[],
    expectation: Expectation,
  ): CountRef {
    const operation = { op: "mutate", table, where: this.#where(table, selector), mutations };
    for (const [column, mutator, wire] of mutations) if (mutator === "insert") this.#keep(table, { [column]: wire });
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
    if (isArray(selector) && selector.length > 0) {
      return selector.map((condition) => this.#condition(table, condition));
    }
    if (typeof selector === "string") return [this.#condition(table, ["_uuid", "==", selector])];
    const conditions = Object.entries(this.#encode(table, selector));
    if (conditions.length > 0) return conditions.map(([column, value]) => [column, "==", value]);
    throw new OvsdbError("usage", `an empty selector would mean every row of ${table}; write "all"`, { table });
  }

  #condition(table: TableName<D>, condition: unknown): Json {
    const wire = encodeCondition(this.database, table, condition);
    this.#checkNames(table, wire[0], wire[2]);
    return wire;
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

type Mutation = readonly [column: string, mutator: string, wire: Json];

/** The names of inserted rows in a column's wire form. */
function namedIn(wire: Json): readonly string[] {
  if (!isArray(wire)) return [];
  const [tag, name] = wire;
  if (tag === "named-uuid" && typeof name === "string") return [name];
  return wire.flatMap((part) => namedIn(part));
}
