import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { integer, map, optional, real, set, string, uuid } from "../../../ovs/src/column.ts";
import { patched } from "../../../ovs/src/difference.ts";
import { layoutOf } from "../../../ovs/src/layout.ts";
import { defineDatabase } from "../../../ovs/src/schema.ts";
import { readSchema } from "../../../ovs/src/schema-json.ts";
import { Store } from "../../../ovs/src/store.ts";

const sets = fc.uniqueArray(fc.integer({ min: 0, max: 9 }));
const maps = fc.dictionary(fc.constantFrom("a", "b", "c", "__proto__"), fc.constantFrom("1", "2"));

/** What a server tells of a change, by the words of ovsdb-server(7), 4.1.14. */
function setDifference(before: readonly number[], after: readonly number[]): number[] {
  return [...before.filter((one) => !after.includes(one)), ...after.filter((one) => !before.includes(one))];
}

function mapDifference(before: Record<string, string>, after: Record<string, string>): [string, string][] {
  const gone = Object.entries(before).filter(([key]) => !Object.hasOwn(after, key));
  const changed = Object.entries(after).filter(([key, value]) => !Object.hasOwn(before, key) || before[key] !== value);
  return [...gone, ...changed];
}

describe("a difference", () => {
  it("to any set or map makes of the old value the new one", () => {
    fc.assert(
      fc.property(sets, sets, maps, maps, (set1, set2, map1, map2) => {
        expect(patched(set1, setDifference(set1, set2))).toHaveLength(set2.length);
        expect(new Set(patched(set1, setDifference(set1, set2)) as number[])).toEqual(new Set(set2));
        const difference = Object.fromEntries(mapDifference(map1, map2));
        const after = patched(map1, difference);
        expect(Object.entries(after as object).toSorted()).toEqual(Object.entries(map2).toSorted());
        const keyed = patched(new Map(Object.entries(map1)), new Map(Object.entries(difference)));
        expect(keyed).toEqual(new Map(Object.entries(map2)));
      }),
    );
  });

  it("does not touch the old value", () => {
    const [before, ids] = [[1, 2], { a: "1" }];
    patched(before, [2, 3]);
    patched(ids, { a: "2" });
    expect([before, ids]).toEqual([[1, 2], { a: "1" }]);
  });

  it("to a value of another kind is refused", () => {
    expect(() => patched([1], { a: "1" })).toThrow(expect.objectContaining({ kind: "bad-value" }));
  });
});

describe("a new row", () => {
  const columns = {
    name: { type: "string" },
    size: { type: "integer" },
    ratio: { type: "real" },
    tag: { type: { key: "integer", min: 0 } },
    tags: { type: { key: "integer", min: 0, max: "unlimited" } },
    some: { type: { key: "string", min: 1, max: "unlimited" } },
    ids: { type: { key: "string", value: "string", min: 0, max: "unlimited" } },
    other: { type: { key: { type: "uuid", refTable: "T" } } },
  };
  const schema = readSchema({ name: "D", tables: { T: { columns } } });
  const database = defineDatabase("D", {
    T: {
      name: string(),
      size: integer(),
      ratio: real(),
      tag: optional(integer()),
      tags: set(integer()),
      some: set(string()),
      ids: map(),
      other: uuid(),
    },
  });
  const selection = { T: Object.keys(database.tables.T) };
  const id = "00000000-0000-4000-8000-000000000001";

  it("has the default values of the columns that the server leaves out", () => {
    const store = new Store(database, selection);
    store.reset({ T: { [id]: { initial: {} } } }, layoutOf(schema, database, selection));
    expect([...store.rows("T").values()]).toEqual([
      {
        _uuid: id,
        name: "",
        size: 0,
        ratio: 0,
        tag: undefined,
        tags: [],
        some: [""],
        ids: {},
        other: "00000000-0000-0000-0000-000000000000",
      },
    ]);
  });

  it("is changed in the columns that a difference names, and in none that nobody follows", () => {
    const some = { T: ["name", "size", "tags"] };
    const [store, layout] = [new Store(database, some), layoutOf(schema, database, some)];
    store.reset({ T: { [id]: { initial: { name: "a", tags: 1, ratio: 2 } } } }, layout);
    const modify = { size: 5, tags: ["set", [1, 2]], ratio: 3, unheard_of: "x" };
    const changes = store.update({ T: { [id]: { modify } } }, layout);
    const before = { _uuid: id, name: "a", size: 0, tags: [1] };
    expect(changes).toEqual([{ table: "T", uuid: id, before, after: { ...before, size: 5, tags: [2] } }]);
  });

  it("keeps its old value when a difference to one of its columns is of another type", () => {
    const [store, layout] = [new Store(database, selection), layoutOf(schema, database, selection)];
    store.reset({ T: { [id]: { initial: { name: "a" } } } }, layout);
    const [row] = store.rows("T").values();
    expect(() => store.update({ T: { [id]: { modify: { name: "b", size: "many" } } } }, layout)).toThrow(
      expect.objectContaining({ kind: "bad-value", table: "T", column: "size" }),
    );
    expect([...store.rows("T").values()]).toEqual([{ ...row, name: "a" }]);
  });

  it("is one of very many, and all of them are taken", () => {
    const store = new Store(database, { T: ["name"] });
    const rows = Array.from({ length: 200_000 }, (_, number) => {
      const uuid = `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
      return [uuid, { initial: { name: String(number) } }] as const;
    });
    const changes = store.reset({ T: Object.fromEntries(rows) }, layoutOf(schema, database, { T: ["name"] }));
    expect(changes).toHaveLength(200_000);
  });
});
