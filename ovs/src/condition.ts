import { type Uuid, uuid, type ValueOf } from "./column.ts";
import { OvsdbError } from "./errors.ts";
import { isArray, type Json, show } from "./json.ts";
import {
  type ColumnName,
  columnsOf,
  type Database,
  type Everything,
  encodeColumn,
  located,
  type TableName,
} from "./schema.ts";

/** A condition on a number's order; what is absent has none. */
export type Ordered<C, V> = [V] extends [number | undefined]
  ? readonly [C, "<" | "<=" | ">=" | ">", Exclude<V, undefined>]
  : never;

/**
 * What a row's column must be (RFC 7047 section 5.1, `<condition>`). `==` and `!=` compare whole sets and maps; `includes` and
 * `excludes` say that all, or none, of some members or pairs are in them.
 */
export type Condition<D extends Database, T extends TableName<D>> =
  | readonly ["_uuid", "==" | "!=", Uuid]
  | {
      readonly [C in ColumnName<D, T>]:
        | readonly [C, "==" | "!=" | "includes" | "excludes", ValueOf<D["tables"][T][C]>]
        | Ordered<C, ValueOf<D["tables"][T][C]>>;
    }[ColumnName<D, T>];

/** The rows to follow, by table: those that fulfil **any** of the conditions. A table that is not named is followed whole. */
export type Where<D extends Database, S = Everything<D>> = {
  readonly [T in keyof S & TableName<D>]?: "all" | "none" | readonly Condition<D, T>[];
};

/** Conditions in wire form, by table. */
export type PlainWhere = Readonly<Record<string, readonly Json[]>>;

const rowReference = uuid();
const orders: ReadonlySet<unknown> = new Set(["<", "<=", ">=", ">"]);
const functions: ReadonlySet<unknown> = new Set(["==", "!=", "includes", "excludes", ...orders]);

/** Conditions in wire form. Throws `usage` or `bad-value`. */
export function encodeWhere(database: Database, selection: object, where: object): PlainWhere {
  const tables = Object.entries(where).flatMap(([table, wanted]: [string, unknown]) => {
    if (!Object.hasOwn(selection, table)) throw new OvsdbError("usage", `table ${table} is not monitored`, { table });
    return wanted === undefined ? [] : [[table, encodeTable(database, table, wanted)] as const];
  });
  return Object.fromEntries(tables);
}

function encodeTable(database: Database, table: string, wanted: unknown): readonly Json[] {
  columnsOf(database, table);
  if (wanted === "all") return [true];
  if (wanted === "none") return [false];
  // To the server no conditions mean all rows; to a reader "any of none" may as well mean no row.
  if (!isArray(wanted) || wanted.length === 0) {
    throw new OvsdbError("usage", `the conditions of ${table}: at least one, "all" or "none"`, { table });
  }
  return wanted.map((condition) => encodeCondition(database, table, condition));
}

/** One condition in wire form. Throws `usage` or `bad-value`. */
export function encodeCondition(
  database: Database,
  table: string,
  condition: unknown,
): readonly [column: string, name: string, wire: Json] {
  if (!isArray(condition) || condition.length !== 3) throw wrong(table, condition);
  const [column, name, value] = condition;
  if (typeof column !== "string" || typeof name !== "string" || !functions.has(name)) throw wrong(table, condition);
  if (column === "_uuid") return [column, name, located(table, column, () => rowReference.encode(value as Uuid))];
  if (orders.has(name) && typeof value !== "number") {
    const message = `${table}.${column} ${name}: expected a number, got ${show(value)}`;
    throw new OvsdbError("bad-value", message, { table, column });
  }
  const part = name === "includes" || name === "excludes" ? "part" : "whole";
  return [column, name, encodeColumn(database, table, column, value, part)];
}

function wrong(table: string, condition: unknown): OvsdbError {
  return new OvsdbError("usage", `${show(condition)} is no condition on a column of ${table}`, { table });
}
