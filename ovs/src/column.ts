import { OvsdbError } from "./errors.ts";
import { isArray, type Json, show } from "./json.ts";

declare const uuidBrand: unique symbol;
declare const namedBrand: unique symbol;

/** A row's identity, in the usual form of 36 characters. */
export type Uuid = string & { readonly [uuidBrand]: true };

/** A row that the same transaction inserts; stands wherever a `Uuid` does in that transaction, and only there. */
export type NamedUuid = Uuid & { readonly [namedBrand]: true };

/** How a column's values look in JavaScript, and how they go over the wire (RFC 7047 section 5.1). */
export interface Column<T> {
  readonly shape: "scalar" | "optional" | "set" | "map";
  /** Throws `bad-value` for a wire value of another type. */
  decode(wire: unknown): T;
  /** Throws `bad-value` for a value that TypeScript would have refused. */
  encode(value: T): Json;
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
export interface MapColumn<T> extends Column<Readonly<Record<string, T>>> {
  readonly shape: "map";
  readonly value: ScalarColumn<T>;
}

/** The JavaScript type of a column's values. */
export type ValueOf<C> = C extends { decode(wire: unknown): infer T } ? T : never;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** RFC 7047's `<id>`. No UUID is one, because of its hyphens. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Whether the text is a UUID as OVSDB writes it. */
export function isUuid(text: unknown): text is Uuid {
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

/** A scalar whose wire form is its JSON form. */
function atom<T extends Json>(expected: string, read: (value: unknown) => value is T): ScalarColumn<T> {
  const checked = (value: unknown): T => {
    if (read(value)) return value;
    throw wrong(expected, value);
  };
  return { shape: "scalar", decode: (wire) => checked(alone(wire)), encode: checked, equals: same };
}

/** RFC 7047 lets a single value come as a set of one; ovsdb-server never does it, but a proxy may. */
function alone(wire: unknown): unknown {
  return isTagged(wire, "set") && isArray(wire[1]) && wire[1].length === 1 ? wire[1][0] : wire;
}

/** Text. */
export function string(): ScalarColumn<string> {
  return atom("a string", (value) => typeof value === "string");
}

/** A whole number. What lies beyond 2^53 has lost its last digits to JSON. */
export function integer(): ScalarColumn<number> {
  return atom("an integer", (value): value is number => Number.isInteger(value));
}

/** A number with a fraction. */
export function real(): ScalarColumn<number> {
  return atom("a number", (value): value is number => typeof value === "number" && Number.isFinite(value));
}

export function boolean(): ScalarColumn<boolean> {
  return atom("a boolean", (value) => typeof value === "boolean");
}

/** A reference to a row. */
export function uuid(): ScalarColumn<Uuid> {
  return {
    shape: "scalar",
    decode(wire) {
      const value = alone(wire);
      if (isTagged(value, "uuid") && isUuid(value[1])) return value[1];
      throw wrong("a UUID", wire);
    },
    encode(value) {
      if (isUuid(value)) return ["uuid", value];
      if (typeof value === "string" && NAME.test(value)) return ["named-uuid", value];
      throw wrong("a UUID or a row inserted by this transaction", value);
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
    decode(wire) {
      const found = members(wire);
      if (found.length > 1) throw wrong("at most one value", wire);
      return found.length === 0 ? undefined : member.decode(found[0]);
    },
    encode: (value) => (value === undefined ? ["set", []] : member.encode(value)),
    equals: same,
  };
}

/** A set of any size. The order has no meaning; the server's is kept. */
export function set<T>(member: ScalarColumn<T>): SetColumn<T> {
  return {
    shape: "set",
    member,
    decode: (wire) => members(wire).map((one) => member.decode(one)),
    encode(value) {
      if (!isArray(value)) throw wrong("an array", value);
      return ["set", value.map((one) => member.encode(one))];
    },
    equals(a, b) {
      if (a.length !== b.length) return false;
      const known = new Set(a);
      return b.every((one) => known.has(one));
    },
  };
}

/** A map from strings, to strings unless said otherwise. */
export function map(): MapColumn<string>;
export function map<T>(value: ScalarColumn<T>): MapColumn<T>;
export function map(value: ScalarColumn<unknown> = string()): MapColumn<unknown> {
  return {
    shape: "map",
    value,
    decode(wire) {
      if (!isTagged(wire, "map") || !isArray(wire[1])) throw wrong("a map", wire);
      // Not by assignment: a key "__proto__" would change the object's prototype.
      return Object.fromEntries(wire[1].map((pair) => decodePair(pair, value)));
    },
    encode: (record) => ["map", Object.entries(record).map(([key, one]) => [key, value.encode(one)])],
    equals(a, b) {
      const keys = Object.keys(a);
      return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key]);
    },
  };
}

function decodePair<T>(pair: unknown, value: ScalarColumn<T>): readonly [string, T] {
  if (!isArray(pair) || pair.length !== 2 || typeof pair[0] !== "string") throw wrong("a pair with a string key", pair);
  return [pair[0], value.decode(pair[1])];
}
