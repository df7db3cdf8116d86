import {
  boolean,
  type Column,
  integer,
  map,
  oneOf,
  optional,
  real,
  type ScalarColumn,
  set,
  string,
  uuid,
} from "./column.ts";
import { type Database, defineDatabase } from "./schema.ts";
import { buildColumn, type ColumnBuilder, checkNames, rootsOf } from "./schema-columns.ts";
import type { DatabaseSchema } from "./schema-json.ts";

const columns: ColumnBuilder<ScalarColumn<unknown>, Column<unknown>> = {
  boolean,
  string: ({ min, max }) =>
    string({ ...(min === undefined ? {} : { minLength: min }), ...(max === undefined ? {} : { maxLength: max }) }),
  integer,
  real,
  oneOf: (values) => oneOf(...values),
  uuid,
  optional,
  set,
  map,
  keyedMap: map,
};

/** The declaration of a database that is known only at run time: every table and column of its schema. Throws `bad-value`. */
export function databaseOf(schema: DatabaseSchema): Database {
  checkNames(schema);
  const tables = Object.entries(schema.tables).map(([name, table]) => {
    const built = Object.entries(table.columns).map(([column, one]) => [column, buildColumn(one, columns)] as const);
    return [name, Object.fromEntries(built)] as const;
  });
  const indexes = Object.entries(schema.tables).map(([name, table]) => [name, table.indexes ?? []] as const);
  return defineDatabase(schema.name, Object.fromEntries(tables), {
    roots: rootsOf(schema),
    indexes: Object.fromEntries(indexes),
  });
}
