import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { integer, map, optional, set, string } from "../../../ovs/src/column.ts";
import { type DatabaseOptions, defineDatabase } from "../../../ovs/src/schema.ts";
import { Store } from "../../../ovs/src/store.ts";

const tables = {
  T: { name: string(), tag: optional(integer()), trunks: set(integer()), ids: map(integer(), string()) },
};
const columns = Object.keys(tables.T);
const indexes = { T: [["name", "tag"], ["name"], ["tag"], ["trunks"], ["ids"]] } satisfies DatabaseOptions<
  typeof tables
>["indexes"];
const plain = defineDatabase("D", tables);
const indexed = defineDatabase("D", tables, { indexes });

const ids = Array.from({ length: 6 }, (_, digit) => `00000000-0000-4000-8000-00000000000${digit}`);
const row = fc.record({
  name: fc.constantFrom("a", "b", "1"),
  tag: fc.constantFrom<unknown>(["set", []], 1, 2),
  trunks: fc.constantFrom<unknown>(["set", []], ["set", [1, 2]], ["set", [2, 1]], 12),
  ids: fc.constantFrom<unknown>(["map", []], ["map", [[1, "a"]]], ["map", [[11, "a"]]]),
});
const updates = fc.dictionary(fc.constantFrom(...ids), fc.option(row, { nil: undefined }));
const questions = [
  { name: "a" },
  { name: "1" },
  { name: "b", tag: undefined },
  { name: "a", tag: 1 },
  { tag: undefined },
  { tag: 1 },
  { trunks: [2, 1] },
  { trunks: [12] },
  { trunks: [] },
  { ids: new Map([[1, "a"]]) },
  { ids: new Map() },
  { name: "a", trunks: [1, 2] },
  { tag: 2, ids: new Map([[11, "a"]]) },
];

function found(store: Store, values: object): readonly unknown[] {
  return [...store.find("T", { ...values })].map(({ _uuid }) => _uuid).toSorted();
}

function compare(searched: Store, looked: Store): void {
  for (const values of questions) expect(found(looked, values)).toEqual(found(searched, values));
}

describe("an index", () => {
  it("finds what looking at every row finds, whatever has happened since it was made", () => {
    fc.assert(
      fc.property(fc.array(updates, { maxLength: 12 }), (steps) => {
        const searched = new Store(plain, { T: columns });
        const looked = new Store(indexed, { T: columns });
        for (const step of steps) {
          const message: Record<string, object> = {};
          for (const [id, next] of Object.entries(step)) message[id] = next === undefined ? {} : { new: next };
          for (const store of [searched, looked]) store.update({ T: message });
          compare(searched, looked);
        }
        for (const store of [searched, looked]) store.reset({ T: {} });
        compare(searched, looked);
      }),
    );
  });

  it("is used: rows with other values are not looked at", () => {
    let compared = 0;
    const name = string();
    const counting: typeof name = {
      ...name,
      equals(a, b) {
        compared += 1;
        return name.equals(a, b);
      },
    };
    const store = new Store(defineDatabase("D", { T: { name: counting } }, { indexes: { T: [["name"]] } }), {
      T: ["name"],
    });
    store.reset({ T: Object.fromEntries(ids.map((id, number) => [id, { new: { name: `n${number}` } }])) });
    compared = 0;
    expect(found(store, { name: "n3" })).toEqual([ids[3]]);
    expect(compared).toBe(1);
  });

  it("leaves a row in its place that is written and keeps its key", () => {
    const store = new Store(indexed, { T: ["name", "tag"] });
    const written = (tag: number) => ({ new: { name: "a", tag } });
    const [first = "", second = ""] = ids;
    store.reset({ T: { [first]: written(1), [second]: written(2) } });
    const before = store.find("T", { name: "a" });
    store.update({ T: { [first]: written(3) } });
    expect(before.map(({ tag }) => tag)).toEqual([1, 2]);
    expect(store.find("T", { name: "a" }).map(({ tag }) => tag)).toEqual([3, 2]);
  });

  it("needs no columns that are not monitored: such an index is left out", () => {
    const store = new Store(indexed, { T: ["name"] });
    store.reset({ T: { [ids[0] ?? ""]: { new: { name: "a" } } } });
    expect(found(store, { name: "a" })).toEqual([ids[0]]);
    expect(() => found(store, { tag: 1 })).toThrow(expect.objectContaining({ kind: "usage" }));
  });
});
