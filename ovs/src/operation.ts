import type { KeyedMapColumn, MapColumn, SetColumn, Uuid, ValueOf } from "./column.ts";
import type { Condition } from "./condition.ts";
import type { ColumnName, Database, TableName, Values } from "./schema.ts";

/**
 * Which rows: one by its UUID, those with these values (at least one column), those that fulfil **all** of a list of conditions (at
 * least one), or every row of the table.
 */
export type Selector<D extends Database, T extends TableName<D>> =
  | Uuid
  | Values<D, T>
  | readonly Condition<D, T>[]
  | "all";

/** The names of a table's columns that are of a kind. */
export type ColumnsOfShape<D extends Database, T extends TableName<D>, S> = {
  [C in ColumnName<D, T>]: D["tables"][T][C] extends S ? C : never;
}[ColumnName<D, T>];
/** A map with keys of either kind. */
export type AnyMap = MapColumn<unknown> | KeyedMapColumn<unknown, unknown>;
/** The names of a table's maps. */
export type MapName<D extends Database, T extends TableName<D>> = ColumnsOfShape<D, T, AnyMap>;
/** The names of a table's sets. */
export type SetName<D extends Database, T extends TableName<D>> = ColumnsOfShape<D, T, SetColumn<unknown>>;
/** The names of a table's numbers. */
export type NumberName<D extends Database, T extends TableName<D>> = ColumnsOfShape<
  D,
  T,
  { decode(wire: unknown): number }
>;
/** The type of a map's keys. */
export type MapKey<C> = C extends { readonly shape: "map"; readonly key: { decode(wire: unknown): infer K } }
  ? K
  : never;
/** A map whose values may also be `null`. */
export type MapMerge<C> =
  C extends MapColumn<infer V>
    ? Readonly<Record<string, V | null>>
    : C extends KeyedMapColumn<infer K, infer V>
      ? ReadonlyMap<K, V | null>
      : never;
/** The type of a set's members. */
export type SetMember<C> = C extends SetColumn<infer V> ? V : never;

/** The mutators that calculate. */
export type Arithmetic = "+=" | "-=" | "*=" | "/=" | "%=";

/**
 * How a column may be changed (RFC 7047 section 5.1, `<mutation>`): numbers, and each number of a set, by arithmetic (`%=` only
 * integers); sets and maps by what is put into them or taken out.
 */
export type Mutator<C> = C extends AnyMap
  ? "insert" | "delete"
  : C extends SetColumn<infer V>
    ? "insert" | "delete" | (V extends number ? Arithmetic : never)
    : ValueOf<C> extends number | undefined
      ? Arithmetic
      : never;

/** What goes with a mutator: a number, members of a set, pairs of a map; a map's `delete` also takes keys. */
export type Operand<C, M> = M extends Arithmetic
  ? number
  : C extends AnyMap
    ? ValueOf<C> | (M extends "delete" ? readonly MapKey<C>[] : never)
    : ValueOf<C>;

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
  /** The name that an inserted row has within the transaction. */
  readonly name?: string;
  /** A `wait` that stands for the `expect` of the operation after it, not for a guard of the caller. */
  readonly forExpect?: boolean;
}
