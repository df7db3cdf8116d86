import assert from "node:assert/strict";
import { boolean, type Column, integer, map, OvsdbError, optional, real, set, string, uuid } from "node-ovsdb";
import type { Random } from "../fault/random.ts";
import { changeJson, isPlainObject, type Plain, parsePlain, randomJson, randomUuid, toInput } from "./json.ts";
import { type FuzzTarget, outline } from "./target.ts";

const scalars = { string: string(), integer: integer(), real: real(), boolean: boolean(), uuid: uuid() };

const columns: Readonly<Record<string, Column<unknown>>> = Object.fromEntries(
  Object.entries(scalars).flatMap(([name, type]): [string, Column<unknown>][] => {
    // One type for all of them: what a value is, only the column knows.
    const scalar = type as typeof scalars.string;
    return [
      [name, scalar],
      [`optional ${name}`, optional(scalar)],
      [`set ${name}`, set(scalar)],
      [`map ${name}`, map(scalar)],
      [`keyed ${name}`, map(scalar, scalars.string)],
    ];
  }),
);

/** A value that comes over the wire: it is refused as a bad value, or understood and said again in the same meaning. */
export const values: FuzzTarget = {
  name: "values",
  extension: "json",
  make(random) {
    const type = random.pick(Object.keys(columns));
    const wire = random.chance(0.5) ? shaped(type, random) : randomJson(random, 4);
    return toInput({ type, wire });
  },
  change: (input, random) => toInput(changeJson(parsePlain(input) ?? {}, random)),
  check(input) {
    const document = parsePlain(input);
    if (!isPlainObject(document) || typeof document.type !== "string") return ["no value"];
    const column = Object.hasOwn(columns, document.type) ? columns[document.type] : undefined;
    if (column === undefined) return ["no column"];
    return [`${document.type}: ${tryValue(column, document.wire)}`];
  },
};

function tryValue(column: Column<unknown>, wire: Plain | undefined): string {
  let value: unknown;
  try {
    value = column.decode(wire);
  } catch (thrown) {
    assert(thrown instanceof OvsdbError && thrown.kind === "bad-value", `it threw ${String(thrown)}`);
    return outline(thrown.message);
  }
  const sent = encoded(column, value);
  if (sent === undefined) return "understood, but no server says it";
  const again = column.decode(JSON.parse(sent));
  assert(column.equals(value, value), "a value is not equal to itself");
  assert(column.equals(value, again) && column.equals(again, value), "encoded and decoded it is another value");
  if (Array.isArray(value)) assert(column.equals(value, value.toReversed()), "the order of a set has a meaning");
  compareWithFewer(column, value);
  return "understood";
}

/** Nothing for what no server can say, and none would take. */
function encoded(column: Column<unknown>, value: unknown): string | undefined {
  try {
    return JSON.stringify(column.encode(value));
  } catch (thrown) {
    assert(thrown instanceof OvsdbError && thrown.kind === "bad-value", `it threw ${String(thrown)}`);
    return undefined;
  }
}

/** Equal is what has the same members: without one of them it is another value, from both sides. */
function compareWithFewer(column: Column<unknown>, value: unknown): void {
  if (!Array.isArray(value) || value.length === 0) return;
  const different = new Set<unknown>(value).size;
  assert.equal(different, value.length, "a set has a member twice");
  const fewer = value.slice(1);
  assert(
    !column.equals(value, fewer) && !column.equals(fewer, value),
    "a set is equal to one without its first member",
  );
}

/** What a column of the type could have, or nearly. */
function shaped(type: string, random: Random): Plain {
  const [shape = "", scalar = shape] = type.split(" ");
  const atom = (): Plain => {
    switch (scalar) {
      case "integer":
        return random.between(-3, 3);
      case "real":
        return random.between(-3, 3) / 2;
      case "boolean":
        return random.chance(0.5);
      case "uuid":
        return ["uuid", randomUuid(random)];
      default:
        return random.pick(["a", "b", "", "set", "__proto__", "é😀"]);
    }
  };
  const list = <T>(make: () => T): T[] => Array.from({ length: random.between(0, 4) }, make);
  if (shape === "map") return ["map", list((): Plain => [random.pick(["a", "b", "__proto__"]), atom()])];
  if (shape === "keyed") return ["map", list((): Plain => [atom(), "x"])];
  return shape === scalar || random.chance(0.2) ? atom() : ["set", list(atom)];
}
