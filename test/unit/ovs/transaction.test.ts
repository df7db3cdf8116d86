import {
  defineDatabase,
  integer,
  map,
  type NamedUuid,
  type OvsdbError,
  optional,
  type Row,
  set,
  string,
  Transaction,
  type Uuid,
  uuid,
} from "node-ovsdb";
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
    expect(face).toMatch(/^[A-Za-z_][A-Za-z0-9_]*$/);
    expect(tx.operations).toEqual([
      { op: "insert", table: "Interface", row: { name: "p" }, "uuid-name": face },
      {
        op: "insert",
        table: "Port",
        row: { name: "p", interfaces: ["set", [["named-uuid", face]]] },
        "uuid-name": port,
      },
      { op: "update", table: "Port", where: [["_uuid", "==", ["named-uuid", port]]], row: { tag: 5 } },
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
                ["named-uuid", port],
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
    for (const nothing of [{}, []]) {
      expect(() => begin().delete("Port", nothing)).toThrow(expect.objectContaining({ kind: "usage", table: "Port" }));
    }
  });

  it("refuses a condition that its column cannot have", () => {
    // @ts-expect-error text has no order
    expect(() => begin().select("Port", [["name", "<", "p"]], ["name"])).toThrow(/Port.name <: expected a number/);
    // @ts-expect-error nor has what is absent
    expect(() => begin().delete("Port", [["tag", "<", undefined]])).toThrow(
      expect.objectContaining({
        kind: "bad-value",
        column: "tag",
        message: "Port.tag <: expected a number, got undefined",
      }),
    );
    // @ts-expect-error a tag is a number
    expect(() => begin().delete("Port", [["tag", ">", "5"]])).toThrow(expect.objectContaining({ kind: "bad-value" }));
    // @ts-expect-error there is no such function
    expect(() => begin().delete("Port", [["tag", "=", 5]])).toThrow(expect.objectContaining({ kind: "usage" }));
  });

  it("refuses guards that compare nothing or different columns", () => {
    expect(() => begin().wait("Port", "all", {})).toThrow(expect.objectContaining({ kind: "usage" }));
    expect(() => begin().wait("Port", "all", [{ tag: 1 }, { name: "p" }])).toThrow(/the same columns/);
  });

  it("refuses a row that another transaction inserted, wherever it stands", () => {
    const other = begin().insert("Port", { name: "other" });
    const refusals: readonly ((tx: Transaction<typeof vswitch>) => void)[] = [
      (tx) => tx.insert("Bridge", { name: "br0", ports: [other] }),
      (tx) => tx.update("Bridge", "all", { ports: [other] }),
      (tx) => tx.update("Port", other, { tag: 1 }),
      (tx) => tx.delete("Port", [["_uuid", "==", other]]),
      (tx) => tx.delete("Bridge", [["ports", "includes", [other]]]),
      (tx) => tx.addToSet("Bridge", "all", "ports", [other]),
      (tx) => tx.removeFromSet("Bridge", "all", "ports", [other]),
      (tx) => tx.mutate("Bridge", "all", "ports", "insert", [other]),
      (tx) => tx.wait("Bridge", "all", { ports: [other] }),
      (tx) => tx.select("Port", other, ["name"]),
    ];
    for (const build of refusals) {
      const tx = begin();
      tx.insert("Port", { name: "mine" });
      expect(() => build(tx)).toThrow(expect.objectContaining({ kind: "usage" }));
      expect(tx.operations).toHaveLength(1);
    }
  });

  it("names a member or key once that is given twice", () => {
    const tx = begin();
    tx.removeKeys("Port", "all", "external_ids", ["a", "a"]);
    tx.addToSet("Port", "all", "trunks", [5, 5]);
    expect(tx.operations).toMatchObject([
      { mutations: [["external_ids", "delete", ["set", ["a"]]]] },
      { mutations: [["trunks", "insert", ["set", [5]]]] },
    ]);
  });

  it("takes no text for a row's name where no row can stand", () => {
    const tx = begin();
    tx.setKeys("Bridge", "all", "external_ids", { "named-uuid": "x" });
    tx.update("Bridge", "all", { name: "named-uuid" });
    expect(tx.operations).toHaveLength(2);
  });

  it("refuses a selector that is neither a UUID nor a row of its own, and says what it was", () => {
    const wrong =
      (selector: string): (() => void) =>
      () =>
        begin().delete("Bridge", selector as Uuid);
    expect(wrong("br0")).toThrow(
      expect.objectContaining({
        kind: "usage",
        table: "Bridge",
        message: 'Bridge._uuid: expected a UUID or a row inserted by this transaction, got "br0"',
      }),
    );
    expect(wrong("br-int")).toThrow(expect.objectContaining({ kind: "bad-value", column: "_uuid" }));
    expect(wrong(id.toUpperCase())).toThrow(/^Bridge._uuid: expected a UUID \(in lower case\)/);
  });

  it("refuses text at which a server would drop the connection", () => {
    const refusals: readonly ((tx: Transaction<typeof vswitch>) => void)[] = [
      (tx) => tx.comment("a\0b"),
      (tx) => tx.assertLock("\udc00"),
      (tx) => tx.setKeys("Open_vSwitch", "all", "external_ids", { a: "x\0y" }),
      (tx) => tx.removeKeys("Open_vSwitch", "all", "external_ids", ["\0"]),
      (tx) => tx.delete("Port", { name: "\ud800" }),
    ];
    for (const build of refusals) expect(() => build(begin())).toThrow(expect.objectContaining({ kind: "bad-value" }));
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
      readonly { readonly _uuid: Uuid<"Bridge">; readonly name: string }[]
    >();
  });
});

describe("a guard made from what was read", () => {
  const row: Pick<Row<typeof vswitch, "Port">, "_uuid" | "name" | "tag"> = {
    // What a replica's row looks like.
    _uuid: id as Uuid<"Port">,
    name: "p",
    tag: undefined,
  };

  it("waits for the named columns to be as they were, and for no other", () => {
    const tx = begin();
    tx.expectUnchanged("Port", row, ["tag"]);
    expect(tx.operations).toEqual([
      {
        op: "wait",
        timeout: 0,
        table: "Port",
        where: [["_uuid", "==", ["uuid", id]]],
        columns: ["tag"],
        until: "==",
        rows: [{ tag: ["set", []] }],
      },
    ]);
    expect(tx.isEmpty).toBe(true);
  });

  it("needs columns that were read, at least one", () => {
    // @ts-expect-error the row was read without it
    expect(() => begin().expectUnchanged("Port", row, ["trunks"])).toThrow(/Port.trunks was not read/);
    expect(() => begin().expectUnchanged("Port", row, [])).toThrow(expect.objectContaining({ kind: "usage" }));
  });
});

describe("maps with typed keys", () => {
  const qos = defineDatabase("Open_vSwitch", { QoS: { queues: map(integer({ min: 0 }), uuid("Queue")), tags: map() } });
  const queue = id as Uuid<"Queue">;

  it("are set, merged and taken from by their keys", () => {
    const tx = new Transaction(qos);
    tx.setKeys("QoS", "all", "queues", new Map([[1, queue]]));
    tx.mergeKeys(
      "QoS",
      "all",
      "queues",
      new Map([
        [2, queue],
        [3, null],
      ]),
    );
    tx.removeKeys("QoS", "all", "queues", [4, 5]);
    const wire = ["uuid", id];
    expect(tx.operations.map((operation) => (operation as { readonly mutations: unknown }).mutations)).toEqual([
      [
        ["queues", "delete", ["set", [1]]],
        ["queues", "insert", ["map", [[1, wire]]]],
      ],
      [
        ["queues", "delete", ["set", [2, 3]]],
        ["queues", "insert", ["map", [[2, wire]]]],
      ],
      [["queues", "delete", ["set", [4, 5]]]],
    ]);
  });

  it("refuse keys outside their bounds", () => {
    const tx = new Transaction(qos);
    expect(() => tx.removeKeys("QoS", "all", "queues", [-1])).toThrow(
      expect.objectContaining({ kind: "bad-value", table: "QoS", column: "queues" }),
    );
    expect(() => tx.setKeys("QoS", "all", "queues", new Map([[-1, queue]]))).toThrow(/got -1/);
  });
});

describe("an inserted row that nothing refers to", () => {
  const database = defineDatabase(
    "D",
    {
      Root: { bridges: set(uuid("Bridge")), ports: map(integer(), uuid("Port")) },
      Bridge: { name: string(), ports: set(uuid("Port")), watched: optional(uuid("Port", "weak")) },
      Port: { name: string() },
    },
    { roots: ["Root"] },
  );

  function refusal(build: (tx: Transaction<typeof database>) => void): unknown {
    const tx = new Transaction(database);
    build(tx);
    try {
      snapshot(tx);
    } catch (error) {
      return error;
    }
    return undefined;
  }

  it("is refused before anything is sent, unless its table is a root", () => {
    expect(refusal((tx) => tx.insert("Port", { name: "p" }))).toMatchObject({
      kind: "usage",
      operation: 0,
      table: "Port",
      message: "operation 0 (insert Port): nothing refers to the row, and Port is no root: it would vanish",
    });
    expect(refusal((tx) => tx.insert("Root", {}))).toBeUndefined();
  });

  it("is kept by an insert, an update, a member of a set or a value of a map", () => {
    const held: readonly ((tx: Transaction<typeof database>, port: Uuid<"Port">) => unknown)[] = [
      (tx, port) => tx.addToSet("Root", "all", "bridges", [tx.insert("Bridge", { ports: [port] })]),
      (tx, port) => tx.update("Bridge", { name: "b" }, { ports: [port] }),
      (tx, port) => tx.addToSet("Bridge", { name: "b" }, "ports", [port]),
      (tx, port) => tx.setKeys("Root", "all", "ports", new Map([[1, port]])),
    ];
    for (const hold of held) expect(refusal((tx) => hold(tx, tx.insert("Port", { name: "p" })))).toBeUndefined();
  });

  it("is not kept by a weak reference, a selector or a removal", () => {
    const loose: readonly ((tx: Transaction<typeof database>, port: Uuid<"Port">) => unknown)[] = [
      (tx, port) => tx.update("Bridge", { name: "b" }, { watched: port }),
      (tx, port) => tx.update("Port", port, { name: "q" }),
      (tx, port) => tx.removeFromSet("Bridge", { name: "b" }, "ports", [port]),
    ];
    for (const build of loose) {
      expect(refusal((tx) => build(tx, tx.insert("Port", { name: "p" })))).toMatchObject({ kind: "usage" });
    }
  });

  it("is let through where the roots are not declared", () => {
    const tx = begin();
    tx.insert("Port", { name: "p" });
    expect(snapshot(tx).notes).toHaveLength(1);
  });

  it("cannot stand in a column that refers to another table", () => {
    const tx = new Transaction(database);
    const port = tx.insert("Port", { name: "p" });
    // @ts-expect-error a Port is no Bridge
    tx.addToSet("Root", "all", "bridges", [port]);
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

  it("tells the identity of each of many inserted rows without looking through all of them", () => {
    const tx = begin();
    const refs = Array.from({ length: 20_000 }, () => tx.insert("Port", { name: "p" }));
    const uuids = refs.map((_, index) => `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`);
    const answer = uuids.map((uuid) => ({ uuid: ["uuid", uuid] }));
    const result = read(tx, answer);
    expect(refs.map((ref) => result.uuidOf(ref))).toEqual(uuids);
    const other = begin();
    other.insert("Bridge", { name: "br0" });
    expect(() => read(other, [{ uuid: ["uuid", id] }]).uuidOf(refs[0] ?? ("" as NamedUuid))).toThrow(
      expect.objectContaining({ kind: "usage" }),
    );
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
    expect(errorOf(tx, [{ error: "timed out" }, null])).toMatchObject({
      kind: "count",
      committed: false,
      operation: 1,
      message: "operation 1 (update Port): 0 rows instead of 1; nothing was written",
    });
    expect(errorOf(tx, [{}, { count: 2 }])).toMatchObject({ kind: "count", committed: true, operation: 1 });
    expect(read(tx, [{}, { count: 1 }])).toBeDefined();
  });

  it("takes no other error of an operation with an expected count for a wrong count", () => {
    const tx = begin();
    tx.comment("x");
    tx.update("Port", { name: "p" }, { tag: 5 }, { expect: 1 });
    expect(errorOf(tx, [{}, { error: "syntax error", details: "No table named Port." }, null])).toMatchObject({
      kind: "rejected",
      operation: 2,
      table: "Port",
      error: "syntax error",
      message: "operation 2 (update Port): syntax error: No table named Port.",
    });
  });

  it("says of every error that the request was sent", () => {
    const tx = begin();
    tx.update("Port", { name: "p" }, { tag: 5 }, { expect: 1 });
    const answers = [
      [{ error: "timed out" }, null],
      [{}, { count: 2 }],
      [{}, { error: "range error" }],
      [{}, { count: 1 }, { error: "constraint violation" }],
    ];
    for (const answer of answers) expect(errorOf(tx, answer)).toMatchObject({ sent: true });
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
