import fc from "fast-check";
import { Transaction } from "node-ovsdb";
import { describe, expect, it } from "vitest";
import type { Column } from "../../../ovs/src/column.ts";
import { rowId } from "../../../ovs/src/schema.ts";
import { vswitch } from "./tables.ts";

const text = fc.string({ unit: "grapheme", maxLength: 8 });
const key = fc.oneof(text, fc.constantFrom("__proto__", "constructor", ""));
const id = fc.uuid().map((one) => rowId("Port", one));
const keys = fc.dictionary(key, text, { maxKeys: 4 });

const port = fc.record(
  {
    name: text,
    tag: fc.option(fc.integer(), { nil: undefined }),
    trunks: fc.uniqueArray(fc.integer({ min: 0, max: 4095 }), { maxLength: 5 }),
    interfaces: fc.uniqueArray(id, { maxLength: 3 }),
    external_ids: keys,
  },
  { requiredKeys: ["name"] },
);

/** As the server reads it. */
function sent(tx: Transaction<typeof vswitch>): readonly Readonly<Record<string, unknown>>[] {
  return JSON.parse(JSON.stringify(tx.operations)) as Readonly<Record<string, unknown>>[];
}

/** Whether wire values mean the given ones, column by column, and no column more or less is there. */
function expectMeans(wire: unknown, values: object): void {
  const row = wire as Readonly<Record<string, unknown>>;
  expect(Object.keys(row).toSorted()).toEqual(Object.keys(values).toSorted());
  const columns: Readonly<Record<string, Column<unknown>>> = vswitch.tables.Port;
  for (const [name, value] of Object.entries(values)) {
    const column = columns[name];
    expect(column?.equals(column.decode(row[name]), value)).toBe(true);
  }
}

describe("a transaction in wire form", () => {
  it("says of any values what the caller gave, in insert, update and wait, and survives JSON unchanged", () => {
    fc.assert(
      fc.property(port, id, (values, uuid) => {
        const tx = new Transaction(vswitch);
        tx.wait("Port", uuid, values);
        tx.update("Port", uuid, values);
        tx.insert("Port", values);
        const [wait, update, insert] = sent(tx);
        expect(sent(tx)).toEqual(tx.operations);
        expectMeans((wait?.rows as readonly unknown[] | undefined)?.[0], values);
        expect(wait?.columns).toEqual(Object.keys(values).toSorted());
        expectMeans(update?.row, values);
        expectMeans(insert?.row, values);
        expect(update?.where).toEqual([["_uuid", "==", ["uuid", uuid]]]);
      }),
    );
  });

  it("merges keys so that a server which deletes first and inserts then has exactly what was asked for", () => {
    const merged = fc.dictionary(key, fc.option(text, { nil: null }), { maxKeys: 4 });
    fc.assert(
      fc.property(keys, merged, id, (before, changes, uuid) => {
        const tx = new Transaction(vswitch);
        tx.mergeKeys("Port", uuid, "external_ids", changes);
        const after = new Map(Object.entries(before));
        for (const operation of sent(tx)) mutate(after, operation.mutations as Mutation[]);
        const wanted = new Map(Object.entries(before));
        for (const [name, value] of Object.entries(changes)) {
          if (value === null) wanted.delete(name);
          else wanted.set(name, value);
        }
        expect(after).toEqual(wanted);
      }),
    );
  });
});

type Mutation = readonly [string, string, readonly [string, readonly unknown[]]];

/** RFC 7047 section 5.1, <mutation>, for a map: `insert` leaves a key that is there as it is. */
function mutate(map: Map<string, string>, mutations: readonly Mutation[]): void {
  for (const [, mutator, [, list]] of mutations) {
    for (const one of list) {
      if (mutator === "delete") map.delete(one as string);
      else {
        const [name, value] = one as readonly [string, string];
        if (!map.has(name)) map.set(name, value);
      }
    }
  }
}
