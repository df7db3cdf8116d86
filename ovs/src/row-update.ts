import type { Uuid } from "./column.ts";
import { patched } from "./difference.ts";
import { OvsdbError } from "./errors.ts";
import { isObject, show } from "./json.ts";
import type { Layout } from "./layout.ts";
import { type Database, decodeRow } from "./schema.ts";

type Plain = Readonly<Record<string, unknown>>;

/** The row that an update is for, and the columns of it that are followed. */
export interface Target {
  readonly database: Database;
  readonly table: string;
  readonly columns: readonly string[];
  readonly uuid: Uuid;
}

/**
 * The row after an `update`, or nothing if it was deleted. "old" holds only what changed, "new" every monitored column: so "new"
 * alone is read.
 */
export function replacedRow({ database, table, columns, uuid }: Target, update: Plain): Plain | undefined {
  return update.new === undefined ? undefined : decodeRow(database, table, columns, uuid, update.new);
}

/** The row after an `update2` or `update3`, or nothing if it was deleted. */
export function changedRow(
  target: Target,
  layout: Layout[string],
  before: Plain | undefined,
  update: Plain,
): Plain | undefined {
  const fresh = update.initial ?? update.insert;
  if (isObject(fresh)) return freshRow(target, layout, fresh);
  if (isObject(update.modify)) return modifiedRow(target, layout, before, update.modify);
  if (Object.hasOwn(update, "delete")) return undefined;
  throw wrong(target, `not a row update: ${show(update)}`);
}

/** Columns that have their type's default value are left out. */
function freshRow({ database, table, columns, uuid }: Target, layout: Layout[string], wire: Plain): Plain {
  const unsaid = columns.filter((column) => !Object.hasOwn(wire, column));
  const defaults = Object.fromEntries(unsaid.map((column) => [column, layout[column]?.initial]));
  return decodeRow(database, table, columns, uuid, { ...wire, ...defaults });
}

/** Only columns that have changed are there. */
function modifiedRow(target: Target, layout: Layout[string], before: Plain | undefined, wire: Plain): Plain {
  const { database, table, columns, uuid } = target;
  if (before === undefined) throw wrong(target, `a difference to a row that is not here: ${uuid}`);
  const changed = columns.filter((column) => Object.hasOwn(wire, column));
  const said = decodeRow(database, table, changed, uuid, wire);
  const row: Record<string, unknown> = { ...before };
  for (const column of changed) {
    row[column] = layout[column]?.composite === true ? patched(before[column], said[column]) : said[column];
  }
  return row;
}

function wrong({ table }: Target, why: string): OvsdbError {
  return new OvsdbError("bad-value", `${table}: ${why}`, { table });
}
