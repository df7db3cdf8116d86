import { type Column, isUuid, type Uuid, type ValueOf } from "./column.ts";
import { asOvsdbError, OvsdbError } from "./errors.ts";
import { isObject, type Json, show } from "./json.ts";

/** The columns of a table that a consumer uses; a database may well have more. */
export type Columns = Readonly<Record<string, Column<unknown>>>;
export type Tables = Readonly<Record<string, Columns>>;

/** What is known of a database beside its columns. */
export interface DatabaseOptions<T extends Tables = Tables> {
  /**
   * The tables whose rows live without being referred to. If they are given, `transact` refuses to insert a row into another table
   * that nothing in the transaction refers to: it would vanish at the commit.
   */
  readonly roots?: readonly (keyof T & string)[];
  /** By table, lists of columns by which a replica finds rows without looking at all of them. */
  readonly indexes?: { readonly [N in keyof T]?: readonly (readonly (keyof T[N] & string)[])[] };
}

/** A database's name and the tables and columns of it that a consumer uses. */
export interface Database<T extends Tables = Tables> {
  readonly name: string;
  readonly tables: T;
  readonly roots?: readonly string[] | undefined;
  readonly indexes?: Readonly<Record<string, readonly (readonly string[])[] | undefined>> | undefined;
}

/**
 * Declares the part of a database that a consumer uses. Types follow from the value, which is written by hand or by
 * `node-ovsdb generate`.
 *
 * @param name the database's name, such as `Open_vSwitch`
 */
export function defineDatabase<const T extends Tables>(
  name: string,
  tables: T,
  { roots, indexes }: DatabaseOptions<T> = {},
): Database<T> {
  return { name, tables, roots, indexes };
}

export type TableName<D extends Database> = keyof D["tables"] & string;
export type ColumnName<D extends Database, T extends TableName<D>> = keyof D["tables"][T] & string;

/** A row with all its declared columns. */
export type Row<D extends Database, T extends TableName<D>> = { readonly _uuid: Uuid<T> } & {
  readonly [C in keyof D["tables"][T]]: ValueOf<D["tables"][T][C]>;
};

/** Some columns of a row, to be written or compared. */
export type Values<D extends Database, T extends TableName<D>> = {
  readonly [C in keyof D["tables"][T]]?: ValueOf<D["tables"][T][C]>;
};

/** The columns to follow, by table. */
export type Selection<D extends Database> = { readonly [T in TableName<D>]?: readonly ColumnName<D, T>[] };

/** Every declared column of every declared table. */
export type Everything<D extends Database> = { readonly [T in TableName<D>]: readonly ColumnName<D, T>[] };

/** A declared table or column by its name at run time. Throws `usage`. */
export function columnsOf(database: Database, table: string): Columns {
  const columns = Object.hasOwn(database.tables, table) ? database.tables[table] : undefined;
  if (columns === undefined) throw new OvsdbError("usage", `table ${table} is not declared`, { table });
  return columns;
}

/** See `columnsOf`. */
export function columnOf(database: Database, table: string, column: string): Column<unknown> {
  const columns = columnsOf(database, table);
  const found = Object.hasOwn(columns, column) ? columns[column] : undefined;
  if (found === undefined) {
    throw new OvsdbError("usage", `column ${table}.${column} is not declared`, { table, column });
  }
  return found;
}

/** Runs a piece of coding for one column, and adds to its error which column it was. */
export function located<T>(table: string, column: string, code: () => T): T {
  try {
    return code();
  } catch (thrown) {
    throw inColumn(table, column, asOvsdbError(thrown, "bad-value"));
  }
}

/** What went wrong with one column's value, and which column it was. */
export function inColumn(table: string, column: string, cause: OvsdbError): OvsdbError {
  return new OvsdbError(cause.kind, `${table}.${column}: ${cause.message}`, { table, column, cause });
}

/** One column's value in wire form, or a part of it (see `Column.encode`). Throws `bad-value` or `usage`. */
export function encodeColumn(
  database: Database,
  table: string,
  column: string,
  value: unknown,
  part: "whole" | "part" = "whole",
): Json {
  const type = columnOf(database, table, column);
  return located(table, column, () => type.encode(value, part === "part"));
}

/** Keys of a map in wire form. Throws `bad-value` or `usage`. */
export function encodeKeys(database: Database, table: string, column: string, keys: readonly unknown[]): Json {
  const { key } = columnOf(database, table, column);
  if (key === undefined) throw new OvsdbError("usage", `${table}.${column} is no map`, { table, column });
  return located(table, column, () => ["set", [...new Set(keys)].map((one) => key.encode(one))]);
}

/** Some columns in wire form. Throws `bad-value` or `usage`. */
export function encodeValues(database: Database, table: string, values: object): Readonly<Record<string, Json>> {
  columnsOf(database, table);
  const row: Record<string, Json> = {};
  for (const [column, value] of Object.entries(values)) row[column] = encodeColumn(database, table, column, value);
  return row;
}

/** A row from its wire form, with the given columns. Throws `bad-value` if one is missing or of another type. */
export function decodeRow(
  database: Database,
  table: string,
  columns: readonly string[],
  id: Uuid,
  wire: unknown,
): Readonly<Record<string, unknown>> {
  if (!isObject(wire)) throw new OvsdbError("bad-value", `${table}: expected a row, got ${show(wire)}`, { table });
  const row: Record<string, unknown> = { _uuid: id };
  for (const column of columns) {
    const type = columnOf(database, table, column);
    row[column] = located(table, column, () => type.decode(wire[column]));
  }
  return row;
}

/** A key of the wire's row maps as a UUID. Throws `bad-value`. */
export function rowId(table: string, key: unknown): Uuid {
  if (isUuid(key)) return key;
  throw new OvsdbError("bad-value", `${table}: expected a row's UUID, got ${show(key)}`, { table });
}
