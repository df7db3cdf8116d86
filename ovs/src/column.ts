import { OvsdbError } from "./errors.ts";
import { isArray, isObject, type Json, show } from "./json.ts";

declare const uuidBrand: unique symbol;
declare const namedBrand: unique symbol;

/** A row's identity, in the usual form of 36 characters; `T` is its table, where that is known. */
export type Uuid<T extends string = string> = string & { readonly [uuidBrand]: T };

/** A row that the same transaction inserts; stands wherever a `Uuid` does in that transaction, and only there. */
export type NamedUuid<T extends string = string> = Uuid<T> & { readonly [namedBrand]: true };

/** How a column's values look in JavaScript, and how they go over the wire (RFC 7047 section 5.1). */
export interface Column<T> {
  readonly shape: "scalar" | "optional" | "set" | "map";
  /** Set if the values are references to rows: a row lives as long as something refers to it strongly. */
  readonly refers?: "strong" | "weak" | undefined;
  /** The type of a map's keys. */
  readonly key?: ScalarColumn<unknown>;
  /** Throws `bad-value` for a wire value of another type. */
  decode(wire: unknown): T;
  /**
   * Throws `bad-value` for a value that TypeScript would have refused, or that is outside the column's bounds. A `part` is what is
   * added to the column or taken from it: of the bounds, only those of single members hold for it.
   */
  encode(value: T, part?: boolean): Json;
  equals(a: T, b: T): boolean;
}

/** A column that always has exactly one value. Only these may stand inside `optional`, `set` and `map`. */
export interface ScalarColumn<T> extends Column<T> {
  readonly shape: "scalar";
}
export interface OptionalColumn<T> extends Column<T | undefined> {
  readonly shape: "optional";
}
export interface SetColumn<T> extends Column<readonly T[]> {
  readonly shape: "set";
  readonly member: ScalarColumn<T>;
}
/** A map whose keys are any text; in JavaScript an object. */
export interface MapColumn<V> extends Column<Readonly<Record<string, V>>> {
  readonly shape: "map";
  readonly key: ScalarColumn<string>;
  readonly value: ScalarColumn<V>;
}
/** A map with keys of a declared type; in JavaScript a `Map`. */
export interface KeyedMapColumn<K, V> extends Column<ReadonlyMap<K, V>> {
  readonly shape: "map";
  readonly key: ScalarColumn<K>;
  readonly value: ScalarColumn<V>;
}

/** How many members a set or map may have. */
export interface Size {
  readonly min?: number;
  readonly max?: number;
}

/** The least and the greatest number. */
export interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** The shortest and the longest text, in characters. */
export interface Length {
  readonly minLength?: number;
  readonly maxLength?: number;
}

/** The JavaScript type of a column's values. */
export type ValueOf<C> = C extends { decode(wire: unknown): infer T } ? T : never;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** RFC 7047's `<id>`. No UUID is one, because of its hyphens. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Whether the text is a UUID as OVSDB writes it. */
export function isUuid<T extends string = string>(text: unknown): text is Uuid<T> {
  return typeof text === "string" && UUID.test(text);
}

function wrong(expected: string, value: unknown): OvsdbError {
  return new OvsdbError("bad-value", `expected ${expected}, got ${show(value)}`);
}

function isTagged(wire: unknown, tag: string): wire is readonly [string, unknown] {
  return isArray(wire) && wire.length === 2 && wire[0] === tag;
}

function same(a: unknown, b: unknown): boolean {
  return a === b;
}

/** `from 1 to 5`, `of at least 1`, `of at most 5`, or nothing. */
function bounds(min: number | undefined, max: number | undefined): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return ` of at least ${min}`;
  return max === undefined ? "" : ` of at most ${max}`;
}

function within(size: number, min: number | undefined, max: number | undefined): boolean {
  return size >= (min ?? size) && size <= (max ?? size);
}

/**
 * A scalar whose wire form is its JSON form. The bounds are those of the schema, which the server has checked: what it sends is
 * not checked again, so that bounds which a newer server has widened do no harm to a reader.
 */
function atom<T extends Json>(
  expected: string,
  is: (value: unknown) => value is T,
  bounded?: { readonly expected: string; holds(value: T): boolean },
  sendable: (value: T) => T = (value) => value,
): ScalarColumn<T> {
  const checked = (value: unknown): T => {
    if (is(value)) return value;
    throw wrong(expected, value);
  };
  return {
    shape: "scalar",
    decode: (wire) => (is(wire) ? wire : checked(alone(wire))),
    encode(value, part = false) {
      const sent = sendable(checked(value));
      if (part || bounded === undefined || bounded.holds(sent)) return sent;
      throw wrong(bounded.expected, value);
    },
    equals: same,
  };
}

/** RFC 7047 lets a single value come as a set of one; ovsdb-server never does it, but a proxy may. */
function alone(wire: unknown): unknown {
  return isTagged(wire, "set") && isArray(wire[1]) && wire[1].length === 1 ? wire[1][0] : wire;
}

/** Text. */
export function string({ minLength: min, maxLength: max }: Length = {}): ScalarColumn<string> {
  const expected = `a string${bounds(min, max)}${min === undefined && max === undefined ? "" : " characters"}`;
  const holds = (value: string): boolean => within([...value].length, min, max);
  return atom("a string", (value) => typeof value === "string", { expected, holds }, sendableText);
}

/** The text itself. Throws `bad-value` for one that the parser of ovsdb-server refuses, with the whole connection. */
export function sendableText(text: string): string {
  if (typeof text === "string" && !text.includes("\0") && text.isWellFormed()) return text;
  throw wrong("a string without NUL characters and lone surrogates", text);
}

/** A whole number of 64 bits. What lies beyond 2^53 has lost its last digits to JSON. */
export function integer({ min, max }: Range = {}): ScalarColumn<number> {
  const expected = `an integer${bounds(min, max)}`;
  const holds = (value: number): boolean => within(value, min, max);
  return atom("an integer", (value): value is number => Number.isInteger(value), { expected, holds }, int64);
}

function int64(value: number): number {
  if (value >= -(2 ** 63) && value < 2 ** 63) return value;
  throw wrong("an integer of 64 bits, from -2^63 to 2^63 - 1", value);
}

/**
 * A number with a fraction. ovsdb-server says only 15 digits of it and compares all that it has stored: a `wait` or `expectUnchanged`
 * on a number that needs more, such as 0.1 + 0.2, never holds.
 */
export function real({ min, max }: Range = {}): ScalarColumn<number> {
  const finite = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
  const expected = `a number${bounds(min, max)}`;
  return atom("a number", finite, { expected, holds: (value) => within(value, min, max) });
}

/** True or false. */
export function boolean(): ScalarColumn<boolean> {
  return atom("a boolean", (value) => typeof value === "boolean");
}

/** One of some values that the schema lists. Any other one is refused also when it is read: its type would be a lie. */
export function oneOf<const T extends string | number | boolean>(...values: readonly T[]): ScalarColumn<T> {
  const known = new Set<unknown>(values);
  return atom(`one of ${values.map((value) => show(value)).join(", ")}`, (value): value is T => known.has(value));
}

/**
 * A reference to a row.
 *
 * @param _table the table that it refers to; only rows of that table may then be written
 * @param refers `weak`: the reference does not keep the row alive, and vanishes with it
 */
export function uuid<const T extends string = string>(
  _table?: T,
  refers: "strong" | "weak" = "strong",
): ScalarColumn<Uuid<T>> {
  return {
    shape: "scalar",
    refers,
    decode(wire) {
      const value = alone(wire);
      if (isTagged(value, "uuid") && isUuid<T>(value[1])) return value[1];
      throw wrong("a UUID", wire);
    },
    encode(value) {
      const text: unknown = value;
      if (isUuid(text)) return ["uuid", text];
      if (typeof text === "string" && NAME.test(text)) return ["named-uuid", text];
      throw wrong("a UUID (in lower case) or a row inserted by this transaction", text);
    },
    equals: same,
  };
}

/** The members of a set, which may come bare if it is only one. */
function members(wire: unknown): readonly unknown[] {
  if (!isTagged(wire, "set")) return [wire];
  if (isArray(wire[1])) return wire[1];
  throw wrong("a set", wire);
}

/** A set of at most one member; absent is `undefined`. */
export function optional<T>(member: ScalarColumn<T>): OptionalColumn<T> {
  return {
    shape: "optional",
    refers: member.refers,
    decode(wire) {
      if (!isTagged(wire, "set")) return member.decode(wire);
      const found = members(wire);
      if (found.length > 1) throw wrong("at most one value", wire);
      return found.length === 0 ? undefined : member.decode(found[0]);
    },
    encode: (value) => (value === undefined ? ["set", []] : member.encode(value)),
    equals: same,
  };
}

/** A set. The order has no meaning. */
export function set<T>(member: ScalarColumn<T>, size: Size = {}): SetColumn<T> {
  return {
    shape: "set",
    member,
    refers: member.refers,
    decode(wire) {
      const found = members(wire).map((one) => member.decode(one));
      // A server never says a member twice. If it comes twice all the same, it is in the set once.
      return found.length < 2 ? found : [...new Set(found)];
    },
    encode(value, part = false) {
      if (!isArray(value)) throw wrong("an array", value);
      const once = [...new Set(value)];
      if (!part) checkSize("a set", once.length, size);
      return ["set", once.map((one) => member.encode(one))];
    },
    equals(a, b) {
      const known = new Set(a);
      return known.size === new Set(b).size && b.every((one) => known.has(one));
    },
  };
}

function checkSize(what: string, count: number, { min, max }: Size): void {
  if (within(count, min, max)) return;
  throw new OvsdbError("bad-value", `expected ${what}${bounds(min, max)} members, got ${count}`);
}

/** A map from any text, to strings unless said otherwise: an object. With two columns, a `Map` with keys of the first. */
export function map(): MapColumn<string>;
export function map<V>(value: ScalarColumn<V>, size?: Size): MapColumn<V>;
export function map<K, V>(key: ScalarColumn<K>, value: ScalarColumn<V>, size?: Size): KeyedMapColumn<K, V>;
export function map(
  first: ScalarColumn<unknown> = string(),
  second: ScalarColumn<unknown> | Size = {},
  size: Size = {},
): MapColumn<unknown> | KeyedMapColumn<unknown, unknown> {
  return "shape" in second ? keyedMap(first, second, size) : recordMap(first, second);
}

function recordMap<V>(value: ScalarColumn<V>, size: Size): MapColumn<V> {
  const key = string();
  return {
    shape: "map",
    key,
    value,
    refers: value.refers,
    decode(wire) {
      const record: Record<string, V> = {};
      for (const pair of pairsIn(wire)) {
        const name = key.decode(pair[0]);
        // By assignment, a key "__proto__" would change the object's prototype.
        if (name === "__proto__") return Object.fromEntries(decodePairs(wire, key, value));
        record[name] = value.decode(pair[1]);
      }
      return record;
    },
    encode(record, part = false) {
      if (!isObject(record) || record instanceof Map) throw wrong("an object", record);
      return encodePairs(Object.entries(record), key, value, part ? {} : size);
    },
    equals(a, b) {
      const keys = Object.keys(a);
      return (
        keys.length === Object.keys(b).length && keys.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
      );
    },
  };
}

function keyedMap<K, V>(key: ScalarColumn<K>, value: ScalarColumn<V>, size: Size): KeyedMapColumn<K, V> {
  return {
    shape: "map",
    key,
    value,
    refers: key.refers === "strong" ? "strong" : (value.refers ?? key.refers),
    decode: (wire) => new Map(decodePairs(wire, key, value)),
    encode(entries, part = false) {
      if (!(entries instanceof Map)) throw wrong("a Map", entries);
      return encodePairs([...(entries as ReadonlyMap<K, V>)], key, value, part ? {} : size);
    },
    equals: (a, b) => a.size === b.size && [...a].every(([name, one]) => b.has(name) && b.get(name) === one),
  };
}

function decodePairs<K, V>(wire: unknown, key: ScalarColumn<K>, value: ScalarColumn<V>): (readonly [K, V])[] {
  return pairsIn(wire).map((pair) => [key.decode(pair[0]), value.decode(pair[1])]);
}

function isPair(pair: unknown): pair is readonly unknown[] {
  return isArray(pair) && pair.length === 2;
}

function pairsIn(wire: unknown): readonly (readonly unknown[])[] {
  if (!isTagged(wire, "map") || !isArray(wire[1])) throw wrong("a map", wire);
  const pairs: readonly unknown[] = wire[1];
  if (pairs.every(isPair)) return pairs;
  throw wrong(
    "a pair of key and value",
    pairs.find((pair) => !isPair(pair)),
  );
}

function encodePairs<K, V>(
  pairs: readonly (readonly [K, V])[],
  key: ScalarColumn<K>,
  value: ScalarColumn<V>,
  size: Size,
): Json {
  checkSize("a map", pairs.length, size);
  return ["map", pairs.map(([name, one]) => [key.encode(name), value.encode(one)])];
}
