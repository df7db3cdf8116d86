import { OvsdbError } from "./errors.ts";
import { isArray, isObject, type Json, show } from "./json.ts";

/** A database's schema as the server tells it and as `.ovsschema` files hold it (RFC 7047 section 3.2). */
export interface DatabaseSchema {
  readonly name: string;
  readonly version?: string;
  readonly cksum?: string;
  readonly tables: Readonly<Record<string, TableSchema>>;
}

export interface TableSchema {
  readonly columns: Readonly<Record<string, ColumnSchema>>;
  readonly maxRows?: number;
  /** Rows of other tables vanish when nothing refers to them. */
  readonly isRoot?: boolean;
  readonly indexes?: readonly (readonly string[])[];
}

export interface ColumnSchema {
  readonly type: AtomicType | ColumnType;
  readonly ephemeral?: boolean;
  readonly mutable?: boolean;
}

/** Without a `value` a set, with one a map; from `min` (default 1) to `max` (default 1) members. */
export interface ColumnType {
  readonly key: AtomicType | BaseType;
  readonly value?: AtomicType | BaseType;
  readonly min?: number;
  readonly max?: number | "unlimited";
}

export interface BaseType {
  readonly type: AtomicType;
  readonly enum?: Json;
  readonly minInteger?: number;
  readonly maxInteger?: number;
  readonly minReal?: number;
  readonly maxReal?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly refTable?: string;
  readonly refType?: "strong" | "weak";
}

export type AtomicType = "integer" | "real" | "boolean" | "string" | "uuid";

const atomicTypes: ReadonlySet<unknown> = new Set<AtomicType>(["integer", "real", "boolean", "string", "uuid"]);

/** The value as a schema, or `bad-value`. Keys that this library does not know are left in place. */
export function readSchema(value: unknown): DatabaseSchema {
  if (isSchema(value)) return value;
  throw new OvsdbError("bad-value", `this is no schema of a database: ${show(value)}`);
}

function isSchema(value: unknown): value is DatabaseSchema {
  if (!isObject(value) || typeof value.name !== "string" || !isObject(value.tables)) return false;
  return isText(value.version) && isText(value.cksum) && Object.values(value.tables).every(isTable);
}

function isTable(value: unknown): value is TableSchema {
  if (!isObject(value) || !isObject(value.columns)) return false;
  const { maxRows, isRoot, indexes } = value;
  if (!isNumber(maxRows) || !isFlag(isRoot)) return false;
  if (indexes !== undefined && !(isArray(indexes) && indexes.every(isNames))) return false;
  return Object.values(value.columns).every(isColumn);
}

function isColumn(value: unknown): value is ColumnSchema {
  if (!isObject(value) || !isFlag(value.ephemeral) || !isFlag(value.mutable)) return false;
  const { type } = value;
  if (atomicTypes.has(type)) return true;
  if (!isObject(type) || !isBase(type.key) || !(type.value === undefined || isBase(type.value))) return false;
  return isNumber(type.min) && (type.max === "unlimited" || isNumber(type.max));
}

function isBase(value: unknown): value is AtomicType | BaseType {
  return atomicTypes.has(value) || (isObject(value) && atomicTypes.has(value.type) && isText(value.refTable));
}

function isNames(value: unknown): boolean {
  return isArray(value) && value.every((name) => typeof name === "string");
}

function isText(value: unknown): boolean {
  return value === undefined || typeof value === "string";
}

function isNumber(value: unknown): boolean {
  return value === undefined || typeof value === "number";
}

function isFlag(value: unknown): boolean {
  return value === undefined || typeof value === "boolean";
}
