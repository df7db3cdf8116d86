import { type OvsdbError, Transaction, type Uuid } from "node-ovsdb";
import { describe, expect, expectTypeOf, it } from "vitest";
import { isUuid } from "../../../ovs/src/column.ts";
import { readResult, snapshot, type TransactResult } from "../../../ovs/src/result.ts";
import { vswitch } from "./tables.ts";

const text = "3f2c8a4e-0a51-4c52-9a37-0d7f5a1b2c3d";

function knownUuid(): Uuid {
  if (!isUuid(text)) throw new Error("not a UUID");
  return text;
}
const id = knownUuid();

function begin(): Transaction<typeof vswitch> {
  return new Transaction(vswitch);
}

function read(transaction: Transaction<typeof vswitch>, answer: unknown): TransactResult {
  return readResult(snapshot(transaction), answer);
}

function errorOf(transaction: Transaction<typeof vswitch>, answer: unknown): OvsdbError {
  try {
    read(transaction, answer);
  } catch (error) {
    return error as OvsdbError;
  }
  throw new Error("the answer was taken for a success");
}

describe("Transaction", () => {
  it("writes each kind of operation as RFC 7047 section 5.2 has it", () => {
    const tx = begin();
    tx.comment("by a test");
    tx.assertLock("agent");
    tx.wait("Bridge", { name: "br0" }, { fail_mode: undefined, datapath_type: "system" });
    tx.wait("Bridge", id, [], "!=");
    tx.update("Port", { name: "p" }, { tag: 5, trunks: [1, 2] });
    tx.delete("Port", "all");
    tx.setKeys("Port", id, "external_ids", { a: "1", b: "2" });
    tx.removeKeys("Bridge", id, "other_config", ["a"]);
    tx.addToSet("Bridge", id, "ports", [id]);
    tx.removeFromSet("Port", id, "trunks", [7]);
    tx.increment("Open_vSwitch", "all", "next_cfg");
    tx.select("Open_vSwitch", "all", ["next_cfg"]);
    const byId = [["_uuid", "==", ["uuid", id]]];
    expect(tx.operations).toEqual([
      { op: "comment", comment: "by a test" },
      { op: "assert", lock: "agent" },
      {
        op: "wait",
        timeout: 0,
        table: "Bridge",
        where: [["name", "==", "br0"]],
        columns: ["datapath_type", "fail_mode"],
        until: "==",
        rows: [{ fail_mode: ["set", []], datapath_type: "system" }],
      },
      { op: "wait", timeout: 0, table: "Bridge", where: byId, columns: ["_uuid"], until: "!=", rows: [] },
      { op: "update", table: "Port", where: [["name", "==", "p"]], row: { tag: 5, trunks: ["set", [1, 2]] } },
      { op: "delete", table: "Port", where: [] },
      {
        op: "mutate",
        table: "Port",
        where: byId,
        mutations: [
          ["external_ids", "delete", ["set", ["a", "b"]]],
          [
            "external_ids",
            "insert",
            [
              "map",
              [
                ["a", "1"],
                ["b", "2"],
              ],
            ],
          ],
        ],
      },
      { op: "mutate", table: "Bridge", where: byId, mutations: [["other_config", "delete", ["set", ["a"]]]] },
      { op: "mutate", table: "Bridge", where: byId, mutations: [["ports", "insert", ["set", [["uuid", id]]]]] },
      { op: "mutate", table: "Port", where: byId, mutations: [["trunks", "delete", ["set", [7]]]] },
      { op: "mutate", table: "Open_vSwitch", where: [], mutations: [["next_cfg", "+=", 1]] },
      { op: "select", table: "Open_vSwitch", where: [], columns: ["_uuid", "next_cfg"] },
    ]);
  });

  it("lets an inserted row stand wherever a UUID does", () => {
    const tx = begin();
    const face = tx.insert("Interface", { name: "p" });
    const port = tx.insert("Port", { name: "p", interfaces: [face] });
    tx.update("Port", port, { tag: 5 });
    tx.addToSet("Bridge", { name: "br0" }, "ports", [port, id]);
    expect(tx.operations).toEqual([
      { op: "insert", table: "Interface", row: { name: "p" }, "uuid-name": "row0" },
      {
        op: "insert",
        table: "Port",
        row: { name: "p", interfaces: ["set", [["named-uuid", "row0"]]] },
        "uuid-name": "row1",
      },
      { op: "update", table: "Port", where: [["_uuid", "==", ["named-uuid", "row1"]]], row: { tag: 5 } },
      {
        op: "mutate",
        table: "Bridge",
        where: [["name", "==", "br0"]],
        mutations: [
          [
            "ports",
            "insert",
            [
              "set",
              [
                ["named-uuid", "row1"],
                ["uuid", id],
              ],
            ],
          ],
        ],
      },
    ]);
  });

  it("is empty as long as it writes nothing", () => {
    const tx = begin();
    tx.assertLock("agent");
    tx.wait("Bridge", { name: "br0" }, []);
    tx.select("Bridge", "all", ["name"]);
    tx.comment("nothing");
    expect(tx.isEmpty).toBe(true);
    tx.increment("Open_vSwitch", "all", "next_cfg");
    expect(tx.isEmpty).toBe(false);
  });

  it("guards an expected count so that no row at all fails before the commit", () => {
    const tx = begin();
    tx.update("Port", { name: "p" }, { tag: 5 }, { expect: 1 });
    const where = [["name", "==", "p"]];
    expect(tx.operations).toEqual([
      { op: "wait", timeout: 0, table: "Port", where, columns: ["_uuid"], until: "!=", rows: [] },
      { op: "update", table: "Port", where, row: { tag: 5 } },
    ]);
  });

  it("refuses an empty selector, which would mean every row", () => {
    expect(() => begin().delete("Port", {})).toThrow(expect.objectContaining({ kind: "usage", table: "Port" }));
  });

  it("refuses guards that compare nothing or different columns", () => {
    expect(() => begin().wait("Port", "all", {})).toThrow(expect.objectContaining({ kind: "usage" }));
    expect(() => begin().wait("Port", "all", [{ tag: 1 }, { name: "p" }])).toThrow(/the same columns/);
  });

  it("adds nothing when it refuses a value", () => {
    const tx = begin();
    expect(() => tx.insert("Port", { tag: 1.5 })).toThrow(
      expect.objectContaining({ kind: "bad-value", column: "tag" }),
    );
    expect(tx.operations).toEqual([]);
    expect(tx.isEmpty).toBe(true);
  });

  it("knows at compile time which columns are maps, sets and numbers", () => {
    type Mutable = Parameters<Transaction<typeof vswitch>["setKeys"]>[2];
    expectTypeOf<Extract<Mutable, "name">>().toBeNever();
    const tx = begin();
    const selected = tx.select("Bridge", "all", ["name"]);
    expectTypeOf(read(tx, [{ rows: [] }]).rows(selected)).toEqualTypeOf<
      readonly { readonly _uuid: Uuid; readonly name: string }[]
    >();
  });
});

describe("the answer to a transaction", () => {
  it("gives selected rows, counts and the identities of inserted rows", () => {
    const tx = begin();
    const port = tx.insert("Port", { name: "p" });
    const bumped = tx.increment("Open_vSwitch", "all", "next_cfg");
    const rows = tx.select("Open_vSwitch", "all", ["next_cfg", "bridges"]);
    const answer = [
      { uuid: ["uuid", id] },
      { count: 1 },
      { rows: [{ _uuid: ["uuid", id], next_cfg: 8, bridges: ["uuid", id] }] },
    ];
    const result = read(tx, answer);
    expect(result.uuidOf(port)).toBe(id);
    expect(result.count(bumped)).toBe(1);
    expect(result.rows(rows)).toEqual([{ _uuid: id, next_cfg: 8, bridges: [id] }]);
  });

  it("turns an unfulfilled wait into a guard error with its place", () => {
    const tx = begin();
    tx.comment("x");
    tx.wait("Bridge", { name: "br0" }, []);
    tx.increment("Open_vSwitch", "all", "next_cfg");
    expect(errorOf(tx, [{}, { error: "timed out", details: "..." }, null])).toMatchObject({
      kind: "guard",
      operation: 1,
      table: "Bridge",
      error: "timed out",
    });
  });

  it("turns a failed assert into not-owner", () => {
    const tx = begin();
    tx.assertLock("agent");
    expect(errorOf(tx, [{ error: "not owner" }])).toMatchObject({ kind: "not-owner", operation: 0 });
  });

  it("understands an error that only the commit found and that comes as one element more", () => {
    const tx = begin();
    tx.insert("Bridge", { name: "br0" });
    const answer = [{ uuid: ["uuid", id] }, { error: "constraint violation", details: "two rows" }];
    expect(errorOf(tx, answer)).toMatchObject({
      kind: "rejected",
      operation: undefined,
      error: "constraint violation",
      details: "two rows",
      committed: false,
    });
  });

  it("tells a count that is wrong before the commit from one that is wrong after it", () => {
    const tx = begin();
    tx.update("Port", { name: "p" }, { tag: 5 }, { expect: 1 });
    expect(errorOf(tx, [{ error: "timed out" }, null])).toMatchObject({ kind: "count", committed: false });
    expect(errorOf(tx, [{}, { count: 2 }])).toMatchObject({ kind: "count", committed: true, operation: 1 });
    expect(read(tx, [{}, { count: 1 }])).toBeDefined();
  });

  it("refuses an answer of a wrong form", () => {
    const tx = begin();
    tx.comment("x");
    tx.comment("y");
    for (const answer of [null, {}, [{}]]) expect(errorOf(tx, answer)).toMatchObject({ kind: "protocol", sent: true });
  });

  it("is judged by what was sent, whatever is added to the transaction meanwhile", () => {
    const tx = begin();
    tx.comment("x");
    const sent = snapshot(tx);
    tx.comment("y");
    expect(readResult(sent, [{}])).toBeDefined();
  });
});
