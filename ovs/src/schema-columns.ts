import type { Range, Size } from "./column.ts";
import { OvsdbError } from "./errors.ts";
import { isArray, type Json, show } from "./json.ts";
import type { AtomicType, BaseType, ColumnSchema, DatabaseSchema } from "./schema-json.ts";

/** A value that an enumeration can list. */
export type EnumValue = string | number | boolean;

/** What columns are made of: values that work, or the text of a module that makes them. */
export interface ColumnBuilder<S, C> {
  boolean(): S;
  string(length: Range): S;
  integer(range: Range): S;
  real(range: Range): S;
  oneOf(values: readonly EnumValue[]): S;
  uuid(table: string | undefined, refers: "strong" | "weak"): S;
  optional(member: S): C;
  set(member: S, size: Size): C;
  /** A map with any text as keys. */
  map(value: S, size: Size): C;
  keyedMap(key: S, value: S, size: Size): C;
}

/** A column from its schema (RFC 7047 section 3.2, <type>). Throws `bad-value`. */
export function buildColumn<C, S extends C>({ type }: ColumnSchema, builder: ColumnBuilder<S, C>): C {
  if (typeof type === "string") return buildScalar(type, builder);
  const { key, value, min = 1, max = 1 } = type;
  const member = buildScalar(key, builder);
  const size: Size = { ...(min > 0 ? { min } : {}), ...(max === "unlimited" ? {} : { max }) };
  if (value !== undefined) {
    const values = buildScalar(value, builder);
    return isAnyText(baseOf(key)) ? builder.map(values, size) : builder.keyedMap(member, values, size);
  }
  if (max === 1) return min === 1 ? member : builder.optional(member);
  return builder.set(member, size);
}

function baseOf(type: AtomicType | BaseType): BaseType {
  return typeof type === "string" ? { type } : type;
}

function isAnyText({ type, enum: values, minLength = 0, maxLength }: BaseType): boolean {
  return type === "string" && values === undefined && minLength === 0 && maxLength === undefined;
}

function buildScalar<S>(schema: AtomicType | BaseType, builder: ColumnBuilder<S, unknown>): S {
  const base = baseOf(schema);
  // References are never listed: their values are made by the server.
  if (base.type === "uuid") return builder.uuid(base.refTable, base.refType ?? "strong");
  if (base.enum !== undefined) return builder.oneOf(enumValues(base.enum));
  switch (base.type) {
    case "boolean":
      return builder.boolean();
    case "string":
      return builder.string(rangeOf(base.minLength, base.maxLength));
    case "integer":
      return builder.integer(rangeOf(base.minInteger, base.maxInteger));
    case "real":
      return builder.real(rangeOf(base.minReal, base.maxReal));
  }
}

function rangeOf(min: unknown, max: unknown): Range {
  const [low, high] = [min, max].map((bound) => {
    if (bound === undefined || typeof bound === "number") return bound;
    throw new OvsdbError("bad-value", `the schema has a bound that is no number: ${show(bound)}`);
  });
  return { ...(low === undefined ? {} : { min: low }), ...(high === undefined ? {} : { max: high }) };
}

/** Sorted, so that a schema file and the server that has read it give the same. A single value may come bare. */
function enumValues(list: Json): readonly EnumValue[] {
  const [tag, members] = isArray(list) ? list : [undefined, undefined];
  const values = tag === "set" && isArray(members) ? members : [list];
  return values
    .map((value) => {
      if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
      throw new OvsdbError("bad-value", `the schema lists a value that is no atom: ${show(value)}`);
    })
    .toSorted((a, b) => (a < b ? -1 : 1));
}

/** RFC 7047's `<id>`; those with an underscore in front are the implementation's own, of which only databases are visible. */
const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

/** The tables whose rows live by themselves. A schema that marks none was written before there were marks, and means all. */
export function rootsOf({ tables }: DatabaseSchema): readonly string[] {
  const marked = Object.entries(tables).filter(([, { isRoot }]) => isRoot === true);
  return (marked.length === 0 ? Object.entries(tables) : marked).map(([name]) => name).toSorted();
}

/** Throws `bad-value` unless every name in the schema is one that RFC 7047 allows, and stands for something in it. */
export function checkNames({ name, tables }: DatabaseSchema): void {
  if (!NAME.test(name.replace(/^_+/, ""))) throw badName(name);
  for (const [table, { columns, indexes = [] }] of Object.entries(tables)) {
    for (const one of [table, ...Object.keys(columns)]) if (!NAME.test(one)) throw badName(one);
    const unknown = indexes.flat().find((column) => !Object.hasOwn(columns, column));
    if (unknown !== undefined) {
      throw new OvsdbError("bad-value", `the schema has an index on ${table}.${unknown}, which it lacks`, { table });
    }
  }
}

function badName(name: string): OvsdbError {
  return new OvsdbError("bad-value", `the schema has a name that is none: ${show(name)}`);
}
