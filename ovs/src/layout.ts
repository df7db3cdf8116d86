import type { Column } from "./column.ts";
import { OvsdbError } from "./errors.ts";
import type { Json } from "./json.ts";
import { columnOf, type Database } from "./schema.ts";
import type { AtomicType, BaseType, ColumnSchema, DatabaseSchema } from "./schema-json.ts";

/** What a column's declaration does not say and the differences of `update2` cannot be read without. */
export interface ColumnLayout {
  /** More than one member is possible: a difference names members that came or went, not the new value. */
  readonly composite: boolean;
  /** The value, in wire form, of a column that the server leaves out of a new row. */
  readonly initial: Json;
}

/** By table and column. */
export type Layout = Readonly<Record<string, Readonly<Record<string, ColumnLayout>>>>;

const ZERO_UUID = "00000000-0000-0000-0000-000000000000";

const initials: Readonly<Record<AtomicType, Json>> = {
  integer: 0,
  real: 0,
  boolean: false,
  string: "",
  uuid: ["uuid", ZERO_UUID],
};

/** The columns' layouts, as the server has them. Throws `rpc` if one is missing, `bad-value` if it cannot be what it was declared as. */
export function layoutOf(
  schema: DatabaseSchema,
  database: Database,
  selection: Readonly<Record<string, readonly string[]>>,
): Layout {
  const tables = Object.entries(selection).map(([table, columns]) => {
    const known = Object.hasOwn(schema.tables, table) ? schema.tables[table]?.columns : undefined;
    const layouts = columns.map((column) => {
      const found = known !== undefined && Object.hasOwn(known, column) ? known[column] : undefined;
      if (found === undefined) {
        const message = `${table}.${column}: the server has no such column`;
        throw new OvsdbError("rpc", message, { table, column, error: "unknown column", sent: true });
      }
      return [column, columnLayout(table, column, found, columnOf(database, table, column))] as const;
    });
    return [table, Object.fromEntries(layouts)] as const;
  });
  return Object.fromEntries(tables);
}

function columnLayout(table: string, column: string, { type }: ColumnSchema, declared: Column<unknown>): ColumnLayout {
  const { key, value, min = 1, max = 1 } = typeof type === "string" ? { key: type } : type;
  const composite = max === "unlimited" || max > 1;
  if ((value !== undefined) !== (declared.shape === "map")) {
    throw wrong(table, column, `it is declared as ${declared.shape}, and the server has a ${value ? "map" : "set"}`);
  }
  // Read as one value, a member that has gone could not be told from one that has come.
  if (composite && declared.shape !== "map" && declared.shape !== "set") {
    throw wrong(table, column, `it is declared as ${declared.shape}, and the server has up to ${max} members`);
  }
  return { composite, initial: initialValue(key, value, min) };
}

function initialValue(key: AtomicType | BaseType, value: AtomicType | BaseType | undefined, min: number): Json {
  if (value !== undefined) return ["map", min === 0 ? [] : [[initialAtom(key), initialAtom(value)]]];
  return min === 0 ? ["set", []] : initialAtom(key);
}

function initialAtom(type: AtomicType | BaseType): Json {
  return initials[typeof type === "string" ? type : type.type];
}

function wrong(table: string, column: string, why: string): OvsdbError {
  return new OvsdbError("bad-value", `${table}.${column}: ${why}`, { table, column });
}
