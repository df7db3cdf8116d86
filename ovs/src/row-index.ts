import type { Uuid } from "./column.ts";
import { isArray, isObject } from "./json.ts";

type PlainRow = Readonly<Record<string, unknown>>;

/** The rows of one table by the values of some columns. Made on first use, so that an index nobody asks for costs nothing. */
export class RowIndex {
  readonly #columns: readonly string[];
  #rows: Map<unknown, Map<Uuid, PlainRow>> | undefined;

  constructor(columns: readonly string[]) {
    this.#columns = columns;
  }

  /** Whether values for these columns are enough to look up by. */
  covers(values: object): boolean {
    return this.#columns.every((column) => Object.hasOwn(values, column));
  }

  /** The rows with these values in the index's columns. */
  lookUp(values: PlainRow, all: ReadonlyMap<Uuid, PlainRow>): Iterable<PlainRow> {
    this.#rows ??= this.#build(all);
    return this.#rows.get(this.#keyOf(values))?.values() ?? [];
  }

  /** Follows a change of the table. */
  apply({ uuid, before, after }: { uuid: Uuid; before?: PlainRow; after?: PlainRow }): void {
    if (this.#rows === undefined) return;
    const old = before === undefined ? undefined : this.#keyOf(before);
    // A row whose key is the same keeps its place.
    if (before !== undefined && (after === undefined || this.#keyOf(after) !== old)) {
      const rows = this.#rows.get(old);
      rows?.delete(uuid);
      if (rows?.size === 0) this.#rows.delete(old);
    }
    if (after !== undefined) this.#add(this.#rows, uuid, after);
  }

  #build(all: ReadonlyMap<Uuid, PlainRow>): Map<unknown, Map<Uuid, PlainRow>> {
    const rows = new Map<unknown, Map<Uuid, PlainRow>>();
    for (const [uuid, row] of all) this.#add(rows, uuid, row);
    return rows;
  }

  #add(rows: Map<unknown, Map<Uuid, PlainRow>>, uuid: Uuid, row: PlainRow): void {
    const key = this.#keyOf(row);
    const found = rows.get(key);
    if (found === undefined) rows.set(key, new Map([[uuid, row]]));
    else found.set(uuid, row);
  }

  #keyOf(row: PlainRow): unknown {
    const [first, ...others] = this.#columns.map((column) => row[column]);
    // The usual case, a single name or number, is its own key: one column has values of one type.
    if (others.length === 0 && typeof first !== "object") return first;
    return [first, ...others].map(textOf).join();
  }
}

/** A text that two values share exactly if they are equal: sets and maps have no order. */
function textOf(value: unknown): string {
  if (isArray(value)) return `[${value.map(textOf).sort().join()}]`;
  if (value instanceof Map) return textOfPairs([...(value as ReadonlyMap<unknown, unknown>)]);
  if (isObject(value)) return textOfPairs(Object.entries(value));
  return JSON.stringify(value) ?? "";
}

function textOfPairs(pairs: readonly (readonly [unknown, unknown])[]): string {
  return `{${pairs
    .map(([key, value]) => `${textOf(key)}:${textOf(value)}`)
    .sort()
    .join()}}`;
}
