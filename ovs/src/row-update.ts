import type { Column, Uuid } from "./column.ts";
import { patched } from "./difference.ts";
import { asOvsdbError, OvsdbError } from "./errors.ts";
import { isObject, show } from "./json.ts";
import type { Layout } from "./layout.ts";
import { columnOf, type Database, inColumn } from "./schema.ts";

type Plain = Readonly<Record<string, unknown>>;

/** Reads what monitors tell of the rows of one table. Each row of each message comes through here. */
export class RowReader {
  readonly #table: string;
  readonly #columns: ReadonlyMap<string, Column<unknown>>;
  /** All rows are made from it and so have one shape, also in a wide table, where column by column would be far slower. */
  readonly #blank: Plain;

  /** Throws `usage` for a column that is not declared. */
  constructor(database: Database, table: string, columns: readonly string[]) {
    this.#table = table;
    this.#columns = new Map(columns.map((column) => [column, columnOf(database, table, column)]));
    this.#blank = Object.fromEntries(["_uuid", ...columns].map((column) => [column, undefined]));
  }

  /**
   * The row after an `update`, or nothing if it was deleted. "old" holds only what changed, "new" every monitored column: so "new"
   * alone is read.
   */
  replaced(uuid: Uuid, update: Plain): Plain | undefined {
    if (update.new === undefined) return undefined;
    if (isObject(update.new)) return this.#whole(uuid, update.new);
    throw this.#wrong(`expected a row, got ${show(update.new)}`);
  }

  /** The row after an `update2` or `update3`, or nothing if it was deleted. */
  changed(uuid: Uuid, update: Plain, layout: Layout[string], before: Plain | undefined): Plain | undefined {
    const fresh = update.initial ?? update.insert;
    if (isObject(fresh)) return this.#whole(uuid, fresh, layout);
    if (isObject(update.modify)) {
      if (before !== undefined) return this.#modified(before, update.modify, layout);
      throw this.#wrong(`a difference to a row that is not here: ${uuid}`);
    }
    if (Object.hasOwn(update, "delete")) return undefined;
    throw this.#wrong(`not a row update: ${show(update)}`);
  }

  /** If there is a layout, columns that have their type's default value are left out. */
  #whole(uuid: Uuid, wire: Plain, layout?: Layout[string]): Plain {
    const row: Record<string, unknown> = { ...this.#blank, _uuid: uuid };
    for (const [column, type] of this.#columns) {
      const unsaid = layout !== undefined && !Object.hasOwn(wire, column);
      row[column] = this.#decode(column, type, unsaid ? layout[column]?.initial : wire[column]);
    }
    return row;
  }

  /** Only columns that have changed are there: of a wide table's, mostly one or two. */
  #modified(before: Plain, wire: Plain, layout: Layout[string]): Plain {
    const row: Record<string, unknown> = { ...before };
    for (const column of Object.keys(wire)) {
      const type = this.#columns.get(column);
      if (type === undefined) continue;
      const said = this.#decode(column, type, wire[column]);
      row[column] = layout[column]?.composite === true ? patched(before[column], said) : said;
    }
    return row;
  }

  #decode(column: string, type: Column<unknown>, wire: unknown): unknown {
    try {
      return type.decode(wire);
    } catch (thrown) {
      throw inColumn(this.#table, column, asOvsdbError(thrown, "bad-value"));
    }
  }

  #wrong(why: string): OvsdbError {
    return new OvsdbError("bad-value", `${this.#table}: ${why}`, { table: this.#table });
  }
}
