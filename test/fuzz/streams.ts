import assert from "node:assert/strict";
import { defineDatabase, integer, map, OvsdbError, optional, set, string, uuid } from "node-ovsdb";
import { type PlainChange, type PlainRow, Store } from "../../ovs/src/store.ts";
import type { Random } from "../fault/random.ts";
import { changeJson, isPlainObject, type Plain, parsePlain, randomUuid, toInput } from "./json.ts";
import { initial, type Model, modelAfter, type Rows, type Style } from "./model.ts";
import { about, type FuzzTarget, outline } from "./target.ts";

const database = defineDatabase(
  "D",
  {
    T: {
      name: string(),
      count: integer(),
      tag: optional(integer()),
      tags: set(integer()),
      refs: set(uuid()),
      ids: map(),
    },
    U: { name: string(), sizes: map(integer(), string()) },
  },
  { indexes: { T: [["name"], ["tag", "name"]], U: [["name"]] } },
);
const selection = { T: ["name", "count", "tag", "tags", "refs", "ids"], U: ["name", "sizes"] };

/** Which columns hold more than one value, and what the server leaves out of a new row. */
const layout = Object.fromEntries(
  Object.entries(initial).map(([table, columns]) => [
    table,
    Object.fromEntries(
      Object.entries(columns).map(([column, value]) => [
        column,
        { composite: ["tags", "refs", "ids", "sizes"].includes(column), initial: value },
      ]),
    ),
  ]),
);

/**
 * A stream of snapshots and updates, in RFC 7047's form or that of update2: what the replica holds is what a simple model holds, what
 * it tells is the difference, and a message that it refuses changes nothing.
 */
export const streams: FuzzTarget = {
  name: "streams",
  extension: "json",
  make: (random) => toInput(randomStream(random)),
  change: (input, random) => toInput(changeJson(parsePlain(input) ?? [], random)),
  check(input) {
    const document = parsePlain(input);
    if (!Array.isArray(document)) return ["no stream"];
    const store = new Store(database, selection);
    // From here on the indexes are kept: they are made on first use.
    for (const table of ["T", "U"]) [...store.find(table, { name: "a" })];
    let model: Model = { T: new Map(), U: new Map() };
    const outcomes = new Set<string>();
    for (const message of document.slice(0, 40)) {
      if (!isPlainObject(message)) continue;
      const style: Style = message.style === "update2" ? "update2" : "update";
      const whole = message.whole === true;
      const before = content(store);
      const expected = modelAfter(model, message.updates, style, whole);
      const { changes, refusal } = attempt(store, message.updates, style, whole);
      const told = [...new Set(changes.map(kindOf))].sort().join("");
      outcomes.add(refusal ?? `${style}${whole ? " whole" : ""} ${told}${expected === undefined ? " odd" : ""}`);
      // The model says nothing about a message that no server sends; the store may then take it or leave it.
      if (refusal !== undefined) {
        assert.deepEqual(content(store), before, "a message that was refused has changed the content");
        assert(expected === undefined, `a good message was refused: ${refusal}`);
        continue;
      }
      checkChanges(store, before, changes, whole);
      if (expected === undefined) return [...outcomes];
      assert.deepEqual(plain(store), expected, "the content is not that of the model");
      model = expected;
    }
    return [...outcomes, `${about(document.length)} messages, ${about(content(store).size)} rows`];
  },
};

function attempt(
  store: Store,
  updates: Plain | undefined,
  style: Style,
  whole: boolean,
): { readonly changes: readonly PlainChange[]; readonly refusal?: string } {
  const form = style === "update2" ? layout : undefined;
  try {
    return { changes: whole ? store.reset(updates, form) : store.update(updates, form) };
  } catch (thrown) {
    assert(thrown instanceof OvsdbError && thrown.kind === "bad-value", `it threw ${String(thrown)}`);
    return { changes: [], refusal: outline(thrown.message).replace(/^[TU]\.\w+/, "T.column") };
  }
}

type Content = ReadonlyMap<string, PlainRow>;

function content(store: Store): Content {
  return new Map(
    ["T", "U"].flatMap((table) => [...store.rows(table)].map(([id, row]) => [`${table} ${id}`, row] as const)),
  );
}

/** Who knew the content before and hears the changes knows the content after; each row is told once, and only if it differs. */
function checkChanges(store: Store, before: Content, changes: readonly PlainChange[], whole: boolean): void {
  const seen = new Map(before);
  const told = new Set<string>();
  for (const { table, uuid: id, before: old, after } of changes) {
    const key = `${table} ${id}`;
    assert(!told.has(key), "a row was told twice");
    told.add(key);
    assert.equal(seen.get(key), old, "the row before is not the one that was there");
    if (after === undefined) seen.delete(key);
    else seen.set(key, after);
    if (whole && old !== undefined && after !== undefined) {
      assert.notDeepEqual(canonical(old), canonical(after), "a row that is as it was is told after a snapshot");
    }
  }
  assert.deepEqual(seen, content(store), "the changes do not lead to the content");
  for (const table of ["T", "U"]) {
    for (const row of store.rows(table).values()) {
      const found = [...store.find(table, { name: row.name })];
      const looked = [...store.rows(table).values()].filter(({ name }) => name === row.name);
      assert.deepEqual(new Set(found), new Set(looked), "an index finds other rows than a look at all of them");
    }
  }
}

function kindOf({ before, after }: PlainChange): string {
  return before === undefined ? "+" : after === undefined ? "-" : "~";
}

/** The content in the model's terms. */
function plain(store: Store): Model {
  const rows = (table: string): Rows => new Map([...store.rows(table)].map(([id, row]) => [id, canonical(row)]));
  return { T: rows("T"), U: rows("U") };
}

/** A row with its sets and maps in one order. */
function canonical({ _uuid, ...columns }: PlainRow): Record<string, unknown> {
  return Object.fromEntries(Object.entries(columns).map(([name, value]) => [name, inOrder(value)]));
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return new Set<unknown>(value);
  if (value instanceof Map) return value;
  if (typeof value === "object" && value !== null) return new Map<unknown, unknown>(Object.entries(value));
  return value;
}

function randomStream(random: Random): Plain {
  return Array.from({ length: random.between(1, 8) }, (_, index): Plain => {
    const style = random.pick(["update", "update2"]);
    const whole = index === 0 || random.chance(0.15);
    const table = (): Plain =>
      Object.fromEntries(
        Array.from({ length: random.between(0, 3) }, () => [randomUuid(random), randomUpdate(style, whole, random)]),
      );
    return { style, whole, updates: random.chance(0.8) ? { T: table() } : { T: table(), U: {} } };
  });
}

function randomUpdate(style: string, whole: boolean, random: Random): Plain {
  if (style === "update") return whole || random.chance(0.7) ? { new: randomRow(random, 0) } : { old: {} };
  if (whole) return { initial: randomRow(random, 0.5) };
  return random.pick([
    () => ({ insert: randomRow(random, 0.5) }),
    () => ({ modify: randomRow(random, 0.6) }),
    () => ({ modify: randomRow(random, 0.6) }),
    () => ({ delete: null }),
  ])();
}

/** A row in wire form; each column is left out with the given chance. */
function randomRow(random: Random, missing: number): Plain {
  const some = (values: readonly Plain[]): Plain[] => random.shuffle(values).slice(0, random.between(0, values.length));
  const row: { [column: string]: Plain } = {
    name: random.pick(["a", "b", "c"]),
    count: random.between(0, 2),
    tag: random.pick([1, 2, ["set", []], ["set", [1]]]),
    tags: random.chance(0.3) ? random.between(1, 3) : ["set", some([1, 2, 3])],
    refs: ["set", some([["uuid", randomUuid(random)]])],
    ids: ["map", some([["a", "1"], ["__proto__", random.pick(["1", "2"])]])],
  }; // biome-ignore format: a row to be read as one
  return Object.fromEntries(Object.entries(row).filter(() => !random.chance(missing)));
}
