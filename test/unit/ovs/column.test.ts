import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  boolean,
  type Column,
  integer,
  map,
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

  it("compare sets without regard to order and maps without regard to the keys' order", () => {
    expect(set(integer()).equals([1, 2], [2, 1])).toBe(true);
    expect(set(integer()).equals([1, 2], [1, 3])).toBe(false);
    expect(set(integer()).equals([1], [1, 2])).toBe(false);
    expect(map().equals({ a: "1", b: "2" }, { b: "2", a: "1" })).toBe(true);
    expect(map().equals({ a: "1" }, { b: "1" })).toBe(false);
    expect(map().equals({ toString: "1" }, { valueOf: "1" })).toBe(false);
    expect(optional(integer()).equals(undefined, 0)).toBe(false);
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
    ["a map with a value of another type", map(), ["map", [["a", 1]]]],
    ["a column that is missing", string(), undefined],
  ])("refuse %s", (_, column, wire) => {
    expect(() => column.decode(wire)).toThrow(expect.objectContaining({ kind: "bad-value" }));
  });

  it("throw nothing but bad-value, whatever comes over the wire", () => {
    const columns: readonly Column<unknown>[] = [string(), integer(), real(), boolean(), uuid(), map(), map(integer())];
    const more: readonly Column<unknown>[] = [optional(uuid()), set(string()), set(uuid())];
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
    expectTypeOf<Bridge["_uuid"]>().toEqualTypeOf<Uuid>();
    expectTypeOf<ValueOf<ReturnType<typeof integer>>>().toEqualTypeOf<number>();
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
