import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  boolean,
  type Column,
  integer,
  map,
  oneOf,
  optional,
  real,
  set,
  string,
  type Uuid,
  uuid,
  type ValueOf,
} from "../../../ovs/src/column.ts";
import { decodeRow, defineDatabase, encodeValues, type Row, rowId } from "../../../ovs/src/schema.ts";

const one = rowId("T", "00000000-0000-4000-8000-000000000001");
const two = rowId("T", "00000000-0000-4000-8000-000000000002");
const anyUuid = fc.uuid().map((text) => rowId("T", text));
const key = fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "set", ""));

function mapOf<K, V>(keys: fc.Arbitrary<K>, values: fc.Arbitrary<V>): fc.Arbitrary<ReadonlyMap<K, V>> {
  return fc.array(fc.tuple(keys, values)).map((pairs) => new Map(pairs));
}

/** Over JSON and back, as on the wire. */
function overTheWire<T>(column: Column<T>, value: T): T {
  return column.decode(JSON.parse(JSON.stringify(column.encode(value))));
}

function roundTrip<T>(column: Column<T>, values: fc.Arbitrary<T>): void {
  fc.assert(
    fc.property(values, (value) => {
      const back = overTheWire(column, value);
      expect(back).toEqual(value);
      expect(column.equals(back, value)).toBe(true);
    }),
  );
}

describe("columns", () => {
  it("bring every value over the wire and back", () => {
    roundTrip(string(), fc.string({ unit: "grapheme" }));
    roundTrip(integer(), fc.maxSafeInteger());
    roundTrip(
      real(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
    );
    roundTrip(boolean(), fc.boolean());
    roundTrip(uuid(), anyUuid);
    roundTrip(optional(integer()), fc.option(fc.integer(), { nil: undefined }));
    roundTrip(optional(uuid()), fc.option(anyUuid, { nil: undefined }));
    roundTrip(set(string()), fc.uniqueArray(fc.string()));
    roundTrip(set(uuid()), fc.uniqueArray(anyUuid));
    roundTrip(map(), fc.dictionary(key, fc.string()));
    roundTrip(map(uuid()), fc.dictionary(key, anyUuid));
    roundTrip(oneOf("up", "down"), fc.constantFrom("up", "down"));
    roundTrip(oneOf(1, 2), fc.constantFrom(1, 2));
    roundTrip(map(integer(), string()), mapOf(fc.integer(), fc.string()));
    roundTrip(map(uuid(), uuid()), mapOf(anyUuid, anyUuid));
    roundTrip(map(boolean(), real()), mapOf(fc.boolean(), fc.integer()));
  });

  it("read a set of one that comes bare, as ovsdb-server sends it", () => {
    expect(set(integer()).decode(7)).toEqual([7]);
    expect(set(uuid()).decode(["uuid", one])).toEqual([one]);
    expect(optional(string()).decode("secure")).toBe("secure");
    expect(optional(uuid()).decode(["uuid", one])).toBe(one);
  });

  it("read a single value that comes as a set of one, as RFC 7047 allows", () => {
    expect(string().decode(["set", ["x"]])).toBe("x");
    expect(uuid().decode(["set", [["uuid", one]]])).toBe(one);
  });

  it("write an absent value as the empty set", () => {
    expect(optional(integer()).encode(undefined)).toEqual(["set", []]);
  });

  it("write a row of this transaction by its name", () => {
    // What Transaction.insert returns looks like this.
    const name = "row0" as Uuid;
    expect(set(uuid()).encode([name, two])).toEqual([
      "set",
      [
        ["named-uuid", "row0"],
        ["uuid", two],
      ],
    ]);
  });

  it("keep a key named __proto__ as a key like any other", () => {
    const value = map().decode([
      "map",
      [
        ["__proto__", "x"],
        ["a", "b"],
      ],
    ]);
    expect(Object.entries(value)).toEqual([
      ["__proto__", "x"],
      ["a", "b"],
    ]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it("have a member of a set once, also if it comes twice, and never take a set with fewer members for the same", () => {
    expect(set(integer()).decode(["set", [1, 1, 2]])).toEqual([1, 2]);
    expect(set(integer()).equals([1, 2], [1, 1])).toBe(false);
    expect(set(integer()).equals([1, 1], [1, 2])).toBe(false);
  });

  it("compare sets without regard to order and maps without regard to the keys' order", () => {
    expect(set(integer()).equals([1, 2], [2, 1])).toBe(true);
    expect(set(integer()).equals([1, 2], [1, 3])).toBe(false);
    expect(set(integer()).equals([1], [1, 2])).toBe(false);
    expect(map().equals({ a: "1", b: "2" }, { b: "2", a: "1" })).toBe(true);
    expect(map().equals({ a: "1" }, { b: "1" })).toBe(false);
    expect(map().equals({ toString: "1" }, { valueOf: "1" })).toBe(false);
    expect(optional(integer()).equals(undefined, 0)).toBe(false);
    const keyed = map(integer(), string());
    const pairs: readonly (readonly [number, string])[] = [
      [1, "a"],
      [2, "b"],
    ];
    expect(keyed.equals(new Map(pairs), new Map(pairs.toReversed()))).toBe(true);
    expect(keyed.equals(new Map(pairs), new Map(pairs.slice(1)))).toBe(false);
    expect(keyed.equals(new Map([[1, "a"]]), new Map([[2, "a"]]))).toBe(false);
  });

  it.each<readonly [string, Column<unknown>, unknown, RegExp]>([
    ["an integer below", integer({ min: 1 }), 0, /an integer of at least 1, got 0$/],
    ["an integer above", integer({ min: 0, max: 4095 }), 4096, /an integer from 0 to 4095, got 4096$/],
    ["a number above", real({ max: 0.5 }), 0.6, /a number of at most 0.5/],
    ["an integer of more than 64 bits", integer(), 2 ** 63, /an integer of 64 bits, .*, got 9223372036854776000$/],
    ["a huge integer", set(integer()), [1e300], /an integer of 64 bits/],
    ["a Map where keys are any text", map(), new Map([["a", "b"]]), /an object/],
    ["a text with a NUL", string(), "x\0y", /without NUL characters and lone surrogates, got "x\\u0000y"$/],
    ["half a character", set(string()), ["\ud83d"], /lone surrogates, got "\\ud83d"$/],
    ["a key with a NUL", map(), { "a\0": "b" }, /without NUL/],
    ["a text too short", string({ minLength: 1 }), "", /a string of at least 1 characters, got ""/],
    ["a member above", set(integer({ max: 9 })), [1, 10], /of at most 9, got 10/],
    ["an optional one above", optional(integer({ max: 9 })), 10, /got 10/],
    ["too many members", set(integer(), { max: 2 }), [1, 2, 3], /a set of at most 2 members, got 3/],
    ["too few members", set(integer(), { min: 1 }), [], /a set of at least 1 members, got 0/],
    ["too many pairs", map(integer(), { max: 1 }), { a: 1, b: 2 }, /a map of at most 1 members, got 2/],
    ["a key above", map(integer({ max: 9 }), string()), new Map([[10, ""]]), /of at most 9, got 10/],
    ["a value that is not listed", oneOf("up", "down"), "sideways", /one of "up", "down", got "sideways"/],
    ["an object where keys are typed", map(integer(), string()), { 1: "a" }, /a Map/],
  ])("refuse to write %s what the schema allows", (_, column, value, message) => {
    expect(() => column.encode(value)).toThrow(expect.objectContaining({ kind: "bad-value" }));
    expect(() => column.encode(value)).toThrow(message);
  });

  it("write a member of a set once, and count it once", () => {
    expect(set(integer(), { max: 2 }).encode([5, 5, 6])).toEqual(["set", [5, 6]]);
    expect(set(uuid()).encode([one, one], true)).toEqual(["set", [["uuid", one]]]);
    expect(() => set(integer(), { min: 2 }).encode([5, 5])).toThrow(/got 1/);
  });

  it("write the greatest integers that a server takes", () => {
    expect(integer().encode(-(2 ** 63))).toBe(-(2 ** 63));
    expect(integer().encode(2 ** 63 - 1024)).toBe(2 ** 63 - 1024);
    expect(() => integer().encode(2 ** 63, true)).toThrow(/64 bits/);
  });

  it("count characters, not the units that JavaScript stores them in", () => {
    expect(string({ maxLength: 1 }).encode("\u{1f600}")).toBe("\u{1f600}");
  });

  it("read what is outside the bounds, which a newer server may have widened", () => {
    expect(integer({ max: 9 }).decode(10)).toBe(10);
    expect(set(integer(), { max: 1 }).decode(["set", [1, 2]])).toEqual([1, 2]);
  });

  it("hold no bound of the whole against what is added to a column", () => {
    expect(set(integer(), { min: 2 }).encode([1], true)).toEqual(["set", [1]]);
    expect(integer({ min: 0 }).encode(-1, true)).toBe(-1);
    expect(() => set(integer({ max: 9 })).encode([10], true)).toThrow(/got 10/);
  });

  it.each<[string, Column<unknown>, unknown]>([
    ["a number for a string", string(), 5],
    ["a fraction for an integer", integer(), 1.5],
    ["text for an integer", integer(), "100"],
    ["null for a boolean", boolean(), null],
    ["a bare text for a UUID", uuid(), one],
    ["a malformed UUID", uuid(), ["uuid", "0-0"]],
    ["an empty set for a single value", string(), ["set", []]],
    ["two members for an optional one", optional(integer()), ["set", [1, 2]]],
    ["a member of another type", set(integer()), ["set", [1, "2"]]],
    ["a set whose content is no list", set(integer()), ["set", 1]],
    ["a set for a map", map(), ["set", []]],
    ["a map with a lone key", map(), ["map", [["a"]]]],
    ["a map whose key is a number", map(), ["map", [[1, "a"]]]],
    ["a map whose key is a string", map(integer(), string()), ["map", [["1", "a"]]]],
    ["a value that is not listed", oneOf("up", "down"), "sideways"],
    ["a map with a value of another type", map(), ["map", [["a", 1]]]],
    ["a column that is missing", string(), undefined],
  ])("refuse %s", (_, column, wire) => {
    expect(() => column.decode(wire)).toThrow(expect.objectContaining({ kind: "bad-value" }));
  });

  it("throw nothing but bad-value, whatever comes over the wire", () => {
    const columns: readonly Column<unknown>[] = [string(), integer(), real(), boolean(), uuid(), map(), map(integer())];
    const more: readonly Column<unknown>[] = [optional(uuid()), set(string()), set(uuid()), map(uuid(), integer())];
    const tagged = fc.tuple(fc.constantFrom("set", "map", "uuid", "named-uuid"), fc.jsonValue());
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), tagged), fc.constantFrom(...columns, ...more), (wire, column) => {
        try {
          column.decode(wire);
        } catch (error) {
          expect(error).toMatchObject({ name: "OvsdbError", kind: "bad-value" });
        }
      }),
      { numRuns: 1000 },
    );
  });
});

const database = defineDatabase("Open_vSwitch", {
  Bridge: { name: string(), ports: set(uuid()), fail_mode: optional(string()), other_config: map() },
});

describe("rows", () => {
  it("have the types of their columns", () => {
    type Bridge = Row<typeof database, "Bridge">;
    expectTypeOf<Bridge["name"]>().toEqualTypeOf<string>();
    expectTypeOf<Bridge["ports"]>().toEqualTypeOf<readonly Uuid[]>();
    expectTypeOf<Bridge["fail_mode"]>().toEqualTypeOf<string | undefined>();
    expectTypeOf<Bridge["other_config"]>().toEqualTypeOf<Readonly<Record<string, string>>>();
    expectTypeOf<Bridge["_uuid"]>().toEqualTypeOf<Uuid<"Bridge">>();
    expectTypeOf<ValueOf<ReturnType<typeof integer>>>().toEqualTypeOf<number>();
  });

  it("have literal types for what the schema lists, and know the table of a reference", () => {
    const status = oneOf("up", "down");
    expectTypeOf<ValueOf<typeof status>>().toEqualTypeOf<"up" | "down">();
    const queues = map(integer(), uuid("Queue"));
    expectTypeOf<ValueOf<typeof queues>>().toEqualTypeOf<ReadonlyMap<number, Uuid<"Queue">>>();
    expectTypeOf<Uuid<"Queue">>().toExtend<Uuid>();
    expectTypeOf<Uuid<"Queue">>().not.toExtend<Uuid<"Port">>();
    expectTypeOf<Uuid>().not.toExtend<Uuid<"Port">>();
  });

  it("say which table and column a bad value stands in", () => {
    const wire = { name: "br0", ports: ["set", []], fail_mode: 7, other_config: ["map", []] };
    expect(() => decodeRow(database, "Bridge", ["name", "fail_mode"], one, wire)).toThrow(
      expect.objectContaining({
        kind: "bad-value",
        table: "Bridge",
        column: "fail_mode",
        message: "Bridge.fail_mode: expected a string, got 7",
      }),
    );
    expect(() => decodeRow(database, "Bridge", ["name"], one, {})).toThrow(expect.objectContaining({ column: "name" }));
    expect(() => decodeRow(database, "Bridge", ["name"], one, null)).toThrow(/expected a row, got null/);
  });

  it("cannot be written with a column that is not declared", () => {
    expect(() => encodeValues(database, "Bridge", { nmae: "br0" })).toThrow(
      expect.objectContaining({ kind: "usage", table: "Bridge", column: "nmae" }),
    );
    expect(() => encodeValues(database, "toString", {})).toThrow(expect.objectContaining({ kind: "usage" }));
  });
});
