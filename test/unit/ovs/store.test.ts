import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { integer, map, set, string } from "../../../ovs/src/column.ts";
import { defineDatabase } from "../../../ovs/src/schema.ts";
import { type PlainChange, type PlainRow, Store } from "../../../ovs/src/store.ts";

const database = defineDatabase("D", {
  T: { name: string(), tags: set(integer()), ids: map() },
  U: { name: string() },
});
const selection = { T: ["name", "tags", "ids"], U: ["name"] };

const uuids = [0, 1, 2, 3, 4].map((digit) => `00000000-0000-4000-8000-00000000000${digit}`);
const wireT = fc.record({
  name: fc.constantFrom("a", "b"),
  tags: fc.constantFrom(1, ["set", []], ["set", [1, 2]], ["set", [2, 1]]),
  ids: fc.constantFrom(["map", []], ["map", [["k", "v"]]]),
});
const wireU = fc.record({ name: fc.constantFrom("a", "b") });
const snapshots = fc.record({
  T: fc.dictionary(
    fc.constantFrom(...uuids),
    wireT.map((row) => ({ new: row })),
  ),
  U: fc.dictionary(
    fc.constantFrom(...uuids),
    wireU.map((row) => ({ new: row })),
  ),
});

/** A copy of the content, as a plain value that can be compared. */
function content(store: Store): Map<string, PlainRow> {
  const tables = ["T", "U"].flatMap((table) =>
    [...store.rows(table)].map(([id, row]) => [`${table} ${id}`, row] as const),
  );
  return new Map(tables);
}

/** What somebody has who knew `before` and only ever saw the changes. */
function replay(before: Map<string, PlainRow>, changes: readonly PlainChange[]): Map<string, PlainRow> {
  const copy = new Map(before);
  for (const { table, uuid, before: old, after } of changes) {
    const name = `${table} ${uuid}`;
    expect(copy.get(name)).toEqual(old);
    if (after === undefined) copy.delete(name);
    else copy.set(name, after);
  }
  return copy;
}

/** A row with its set in an order of its own, so that rows which mean the same look the same. */
function canonical(rows: Map<string, PlainRow>): Map<string, unknown> {
  return new Map(
    [...rows].map(([name, row]) => [name, { ...row, tags: Array.isArray(row.tags) ? row.tags.toSorted() : [] }]),
  );
}

describe("Store", () => {
  it("says at a new snapshot exactly what differs from the old content, and not more", () => {
    fc.assert(
      fc.property(snapshots, snapshots, (first, second) => {
        const store = new Store(database, selection);
        expect(replay(new Map(), store.reset(first))).toEqual(content(store));
        const before = content(store);
        const changes = store.reset(second);
        expect(replay(before, changes)).toEqual(content(store));
        const fresh = new Store(database, selection);
        fresh.reset(second);
        expect(canonical(content(store))).toEqual(canonical(content(fresh)));
        for (const { before: old, after } of changes) {
          if (old !== undefined && after !== undefined) {
            const pair = [new Map([["row", old]]), new Map([["row", after]])].map(canonical);
            expect(pair[0]).not.toEqual(pair[1]);
          }
        }
        expect(store.reset(second)).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  it("follows any stream of updates as a model does", () => {
    const step = fc.oneof(
      fc.record({ id: fc.constantFrom(...uuids), row: wireT }),
      fc.record({ id: fc.constantFrom(...uuids), row: fc.constant(undefined) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const store = new Store(database, selection);
        const model = new Map<string, unknown>();
        let seen = new Map<string, PlainRow>();
        for (const { id, row } of steps) {
          const known = model.get(id);
          const update = { ...(known === undefined ? {} : { old: known }), ...(row === undefined ? {} : { new: row }) };
          seen = replay(seen, store.update({ T: { [id]: update } }));
          if (row === undefined) model.delete(id);
          else model.set(id, row);
          expect(seen).toEqual(content(store));
          expect([...store.rows("T").keys()].toSorted()).toEqual([...model.keys()].toSorted());
        }
        const whole = new Store(database, selection);
        whole.reset({ T: Object.fromEntries([...model].map(([id, row]) => [id, { new: row }])) });
        expect(content(store)).toEqual(content(whole));
      }),
    );
  });

  it("keeps the same map for a table, and the same object for a row that a new snapshot leaves as it was", () => {
    const store = new Store(database, selection);
    const rows = store.rows("U");
    const [id = ""] = uuids;
    store.reset({ U: { [id]: { new: { name: "a" } } } });
    const [row] = rows.values();
    store.reset({ U: { [id]: { new: { name: "a" } } } });
    expect([...rows.values()][0]).toBe(row);
  });

  it("takes an update whole or not at all", () => {
    const store = new Store(database, selection);
    const [one = "", two = ""] = uuids;
    store.reset({ U: { [one]: { new: { name: "a" } } } });
    const before = content(store);
    const update = { U: { [one]: { old: { name: "a" }, new: { name: "b" } }, [two]: { new: { name: 5 } } } };
    expect(() => store.update(update)).toThrow(
      expect.objectContaining({ kind: "bad-value", table: "U", column: "name" }),
    );
    expect(content(store)).toEqual(before);
  });

  it("refuses to look for a column that is not followed, also where there is no row", () => {
    const store = new Store(database, { T: ["name"] });
    for (const column of ["nosuch", "tags"]) {
      expect(() => store.find("T", { name: "a", [column]: "x" })).toThrow(
        expect.objectContaining({ kind: "usage", table: "T", column, message: `column T.${column} is not monitored` }),
      );
    }
    expect(store.find("T", { _uuid: uuids[0], name: "a" })).toEqual([]);
  });

  it.each([
    ["no object", null],
    ["a table that nobody asked for", { V: {} }],
    ["a table that is no object", { U: [] }],
    ["a row without a UUID", { U: { x: { new: { name: "a" } } } }],
    ["a row that is no object", { U: { [uuids[0] ?? ""]: 5 } }],
  ])("refuses %s as an update", (_, updates) => {
    const store = new Store(database, selection);
    expect(() => store.update(updates)).toThrow(expect.objectContaining({ kind: "bad-value" }));
  });
});
