import { stat } from "node:fs/promises";
import {
  type Client,
  type Condition,
  createClient,
  defineDatabase,
  integer,
  optional,
  set,
  string,
  Transaction,
  type Uuid,
} from "node-ovsdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { vswitch } from "../../unit/ovs/tables.ts";
import { addBridge, quick, rejection, type Vswitch, write } from "./helpers.ts";
import { TestOvs } from "./server.ts";

let ovs: TestOvs;
const clients: Client[] = [];

async function connected(): Promise<Client> {
  const client = createClient({ address: { path: ovs.socket }, ...quick });
  clients.push(client);
  await client.connect();
  return client;
}

async function bridgeNames(client: Client): Promise<readonly string[]> {
  const tx = new Transaction(vswitch);
  const ref = tx.select("Bridge", "all", ["name"]);
  const result = await client.transact(tx);
  return result.rows(ref).map((row) => row.name);
}

beforeEach(async () => {
  ovs = await TestOvs.create();
  await ovs.start();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await ovs.dispose();
});

describe("a transaction", () => {
  it("inserts, reads back, and tells the identities that rows got", async () => {
    const client = await connected();
    const tx = new Transaction(vswitch);
    const face = tx.insert("Interface", { name: "p0" });
    const port = tx.insert("Port", {
      name: "p0",
      interfaces: [face],
      tag: 7,
      trunks: [1, 2],
      external_ids: { k: "v" },
    });
    const bridge = tx.insert("Bridge", { name: "br0", ports: [port], fail_mode: "standalone" });
    tx.addToSet("Open_vSwitch", "all", "bridges", [bridge]);
    const rows = tx.select("Port", port, ["tag", "trunks", "interfaces", "external_ids"]);
    const result = await client.transact(tx);
    expect(result.rows(rows)).toEqual([
      {
        _uuid: result.uuidOf(port),
        tag: 7,
        trunks: [1, 2],
        interfaces: [result.uuidOf(face)],
        external_ids: { k: "v" },
      },
    ]);
    const replica = await client.monitor(vswitch);
    expect(replica.rows("Bridge").get(result.uuidOf(bridge))).toMatchObject({ ports: [result.uuidOf(port)] });
  });

  it("changes keys of a map and members of a set, and leaves the others alone", async () => {
    const client = await connected();
    await write(client, (tx) => addBridge(tx, "br0"));
    const replica = await client.monitor(vswitch);
    const port = (): Uuid => replica.find("Port", { name: "br0" })?._uuid ?? ("" as Uuid);
    await write(client, (tx) => {
      tx.update("Port", port(), { trunks: [1, 2], external_ids: { foreign: "kept", mine: "old" } }, { expect: 1 });
    });
    await write(client, (tx) => {
      tx.setKeys("Port", port(), "external_ids", { mine: "new", more: "x" }, { expect: 1 });
      tx.removeKeys("Port", port(), "external_ids", ["more", "absent"], { expect: 1 });
      tx.addToSet("Port", port(), "trunks", [2, 3], { expect: 1 });
      tx.removeFromSet("Port", port(), "trunks", [1, 9], { expect: 1 });
    });
    const row = replica.find("Port", { name: "br0" });
    expect(row).toMatchObject({ external_ids: { foreign: "kept", mine: "new" }, trunks: [2, 3] });
  });

  it("changes nothing at all when a guard does not hold", async () => {
    const client = await connected();
    await write(client, (tx) => addBridge(tx, "br0"));
    const again = rejection(
      write(client, (tx) => {
        tx.increment("Open_vSwitch", "all", "next_cfg");
        tx.wait("Bridge", { name: "br0" }, []);
        addBridge(tx, "br1");
      }),
    );
    expect(await again).toMatchObject({ kind: "guard", operation: 1, table: "Bridge" });
    expect(await bridgeNames(client)).toEqual(["br0"]);
    const replica = await client.monitor(vswitch);
    expect([...replica.rows("Open_vSwitch").values()].map((row) => row.next_cfg)).toEqual([0]);
  });

  it("is guarded by values, by absent rows, by rows that are gone, and by difference", async () => {
    const client = await connected();
    await write(client, (tx) => addBridge(tx, "br0"));
    const replica = await client.monitor(vswitch);
    const bridge = replica.find("Bridge", { name: "br0" })?._uuid ?? ("" as Uuid);
    await write(client, (tx) => tx.wait("Bridge", bridge, { name: "br0", fail_mode: undefined }));
    await write(client, (tx) => tx.wait("Bridge", { name: "br1" }, []));
    await write(client, (tx) => tx.wait("Bridge", bridge, { fail_mode: "secure" }, "!="));
    const secure = rejection(write(client, (tx) => tx.wait("Bridge", bridge, { fail_mode: "secure" })));
    expect(await secure).toMatchObject({ kind: "guard", operation: 0 });
    await write(client, (tx) => tx.removeFromSet("Open_vSwitch", "all", "bridges", [bridge], { expect: 1 }));
    const gone = rejection(write(client, (tx) => tx.wait("Bridge", bridge, { name: "br0" })));
    expect(await gone).toMatchObject({ kind: "guard" });
  });

  it("never blocks on a guard", async () => {
    const client = await connected();
    // An answer that comes before the next request's shows that the server did not wait.
    const guarded = rejection(write(client, (tx) => tx.wait("Bridge", { name: "br0" }, [{ fail_mode: "secure" }])));
    await client.request("list_dbs", []);
    expect(await guarded).toMatchObject({ kind: "guard" });
  });

  it("fails before the commit when nothing matches and something must", async () => {
    const client = await connected();
    await write(client, (tx) => addBridge(tx, "br0"));
    const missed = rejection(
      write(client, (tx) => {
        tx.update("Bridge", { name: "br0" }, { fail_mode: "secure" }, { expect: 1 });
        tx.update("Port", { name: "absent" }, { tag: 5 }, { expect: 1 });
      }),
    );
    expect(await missed).toMatchObject({ kind: "count", table: "Port", operation: 3, committed: false });
    const replica = await client.monitor(vswitch);
    expect(replica.find("Bridge", { name: "br0" })?.fail_mode).toBeUndefined();
  });

  it("says that too many rows were changed, and that it has happened", async () => {
    const client = await connected();
    await write(client, (tx) => {
      addBridge(tx, "br0");
      addBridge(tx, "br1");
    });
    const both = rejection(write(client, (tx) => tx.update("Bridge", "all", { fail_mode: "secure" }, { expect: 1 })));
    expect(await both).toMatchObject({ kind: "count", committed: true });
    const tx = new Transaction(vswitch);
    const nothing = tx.update("Bridge", { name: "absent" }, { fail_mode: "secure" });
    expect((await client.transact(tx)).count(nothing)).toBe(0);
  });

  it("understands the errors that only the commit finds", async () => {
    const client = await connected();
    await write(client, (tx) => addBridge(tx, "br0"));
    const twice = rejection(write(client, (tx) => addBridge(tx, "br0")));
    expect(await twice).toMatchObject({ kind: "rejected", error: "constraint violation", operation: undefined });
    const nowhere = "00000000-0000-4000-8000-000000000000" as Uuid;
    const dangling = rejection(write(client, (tx) => tx.addToSet("Bridge", { name: "br0" }, "ports", [nowhere])));
    expect(await dangling).toMatchObject({
      kind: "rejected",
      error: "referential integrity violation",
      operation: undefined,
    });
    expect(await bridgeNames(client)).toEqual(["br0"]);
  });

  it("understands the errors of a single operation", async () => {
    const client = await connected();
    await write(client, (tx) => addBridge(tx, "br0"));
    const outside = rejection(
      write(client, (tx) => {
        tx.comment("first");
        tx.update("Port", { name: "br0" }, { tag: 4096 });
      }),
    );
    expect(await outside).toMatchObject({
      kind: "rejected",
      error: "constraint violation",
      operation: 1,
      table: "Port",
    });
  });

  it("tells a table that the server does not have from a row that is gone, also where a count is expected", async () => {
    const client = await connected();
    const other = new Transaction(defineDatabase("Open_vSwitch", { Nope: { name: string() } }));
    other.delete("Nope", "all", { expect: 1 });
    const refused = await rejection(client.transact(other));
    expect(refused).toMatchObject({ kind: "rejected", operation: 1, table: "Nope", sent: true });
    expect(refused.message).toMatch(/^operation 1 \(delete Nope\): .*No table named Nope/);
  });

  it("takes a member or key that is given twice, and refuses a number that the server would", async () => {
    const client = await connected();
    await write(client, (tx) => addBridge(tx, "br0"));
    await write(client, (tx) => {
      tx.update("Port", { name: "br0" }, { trunks: [5, 5, 6, 7], external_ids: { a: "1", b: "2" } }, { expect: 1 });
      tx.addToSet("Port", { name: "br0" }, "trunks", [8, 8], { expect: 1 });
      tx.removeFromSet("Port", { name: "br0" }, "trunks", [6, 6], { expect: 1 });
      tx.removeKeys("Port", { name: "br0" }, "external_ids", ["a", "a"], { expect: 1 });
      tx.update("Open_vSwitch", "all", { cur_cfg: 2 ** 63 - 1024 });
      expect(() => tx.update("Open_vSwitch", "all", { cur_cfg: 2 ** 63 })).toThrow(/64 bits/);
    });
    const replica = await client.monitor(vswitch);
    expect(replica.find("Port", { name: "br0" })).toMatchObject({ trunks: [5, 7, 8], external_ids: { b: "2" } });
    expect([...replica.rows("Open_vSwitch").values()][0]?.cur_cfg).toBe(2 ** 63 - 1024);
  });

  it("is not refused by the server for a row that nothing refers to: the row just vanishes", async () => {
    const client = await connected();
    const tx = new Transaction(vswitch);
    const lost = tx.insert("Port", { name: "lost", interfaces: [tx.insert("Interface", { name: "lost" })] });
    const uuid = (await client.transact(tx)).uuidOf(lost);
    const replica = await client.monitor(vswitch);
    expect(replica.rows("Port").get(uuid)).toBeUndefined();
  });

  it("refuses text at which the server would drop the connection, and goes on with the same one", async () => {
    const client = await connected();
    const before = client.state;
    for (const text of ["x\0y", "\ud800"]) {
      const tx = new Transaction(vswitch);
      expect(() => tx.setKeys("Open_vSwitch", "all", "external_ids", { a: text })).toThrow(/NUL/);
      expect(() => tx.comment(text)).toThrow(expect.objectContaining({ kind: "bad-value" }));
      expect(await rejection(client.lock(text))).toMatchObject({ kind: "bad-value" });
    }
    await write(client, (tx) => tx.setKeys("Open_vSwitch", "all", "external_ids", { a: "\u{1f600}" }, { expect: 1 }));
    expect(client.state).toEqual(before);
  });

  it("selects rows by every condition that there is, and by all of several", async () => {
    const client = await connected();
    await write(client, (tx) => {
      for (const name of ["br0", "br1", "br2"]) addBridge(tx, name);
      tx.update("Port", { name: "br0" }, { tag: 5, trunks: [1, 2], external_ids: { a: "1", b: "2" } });
      tx.update("Port", { name: "br1" }, { tag: 6, trunks: [2, 3], external_ids: { a: "1" } });
    });
    await write(client, (tx) => tx.update("Open_vSwitch", "all", { next_cfg: 7 }));
    const replica = await client.monitor(vswitch);
    const id = replica.find("Port", { name: "br0" })?._uuid ?? ("" as Uuid);
    const found = async (...conditions: readonly Condition<Vswitch, "Port">[]): Promise<readonly string[]> => {
      const tx = new Transaction(vswitch);
      const ref = tx.select("Port", conditions, ["name"]);
      return (await client.transact(tx))
        .rows(ref)
        .map(({ name }) => name)
        .toSorted();
    };
    expect(await found(["name", "==", "br0"])).toEqual(["br0"]);
    expect(await found(["name", "!=", "br0"])).toEqual(["br1", "br2"]);
    expect(await found(["_uuid", "==", id])).toEqual(["br0"]);
    expect(await found(["_uuid", "!=", id])).toEqual(["br1", "br2"]);
    expect(await found(["tag", "<", 6])).toEqual(["br0"]);
    expect(await found(["tag", "<=", 6])).toEqual(["br0", "br1"]);
    expect(await found(["tag", ">=", 6])).toEqual(["br1"]);
    expect(await found(["tag", ">", 6])).toEqual([]);
    expect(await found(["tag", "==", undefined])).toEqual(["br2"]);
    expect(await found(["trunks", "includes", [2]])).toEqual(["br0", "br1"]);
    expect(await found(["trunks", "excludes", [2]])).toEqual(["br2"]);
    expect(await found(["external_ids", "includes", { a: "1" }])).toEqual(["br0", "br1"]);
    expect(await found(["external_ids", "excludes", { b: "2" }])).toEqual(["br1", "br2"]);
    expect(await found(["trunks", "includes", [2]], ["tag", "!=", 5])).toEqual(["br1"]);
    const changed = await client.transact(
      ((tx) => {
        tx.update("Port", [["tag", ">", 0]], { tag: 9 }, { expect: 2 });
        tx.wait("Open_vSwitch", [["next_cfg", ">=", 7]], { next_cfg: 7 });
        const port = tx.insert("Port", { name: "named", interfaces: [tx.insert("Interface", { name: "named" })] });
        tx.delete("Port", [["_uuid", "==", port]], { expect: 1 });
        return tx;
      })(new Transaction(vswitch)),
    );
    expect(changed).toBeDefined();
    expect(await found(["tag", "==", 9])).toEqual(["br0", "br1"]);
  });

  it("changes numbers by arithmetic, and sets and maps as RFC 7047 mutates them", async () => {
    const client = await connected();
    const database = defineDatabase("Open_vSwitch", {
      ...vswitch.tables,
      Flow_Table: { flow_limit: optional(integer()), prefixes: set(string()) },
    });
    const replica = await client.monitor(vswitch);
    await write(client, (tx) => addBridge(tx, "br0"));
    await write(client, (tx) => tx.update("Open_vSwitch", "all", { next_cfg: 7 }));
    const steps = [
      ["+=", 5, 12],
      ["-=", 2, 10],
      ["*=", 4, 40],
      ["/=", 3, 13],
      ["%=", 5, 3],
    ] as const;
    for (const [mutator, operand, result] of steps) {
      await write(client, (tx) => tx.mutate("Open_vSwitch", "all", "next_cfg", mutator, operand, { expect: 1 }));
      expect([...replica.rows("Open_vSwitch").values()][0]?.next_cfg).toBe(result);
    }
    const port = () => replica.find("Port", { name: "br0" });
    await write(client, (tx) => {
      tx.update("Port", { name: "br0" }, { tag: 5, trunks: [1, 2], external_ids: { a: "1", b: "2", c: "3" } });
      tx.mutate("Port", { name: "br0" }, "tag", "*=", 2);
      tx.mutate("Port", { name: "br0" }, "trunks", "+=", 10);
      tx.mutate("Port", { name: "br0" }, "trunks", "insert", [20]);
      tx.mutate("Port", { name: "br0" }, "trunks", "delete", [11, 99]);
      tx.mutate("Port", { name: "br0" }, "external_ids", "insert", { a: "kept as it is", d: "4" });
      tx.mutate("Port", { name: "br0" }, "external_ids", "delete", { b: "another value", c: "3" });
    });
    expect(port()).toMatchObject({ tag: 10, trunks: [12, 20], external_ids: { a: "1", b: "2", d: "4" } });
    await write(client, (tx) => tx.mutate("Port", { name: "br0" }, "external_ids", "delete", ["a", "b"]));
    expect(port()?.external_ids).toEqual({ d: "4" });
    const byZero = rejection(write(client, (tx) => tx.mutate("Open_vSwitch", "all", "next_cfg", "/=", 0)));
    expect(await byZero).toMatchObject({ kind: "rejected", error: "domain error", operation: 0 });
    const empty = new Transaction(database);
    // @ts-expect-error text has no arithmetic
    empty.mutate("Bridge", "all", "name", "+=", "x");
    // @ts-expect-error the members of this set are no numbers
    expect(() => empty.mutate("Flow_Table", "all", "prefixes", "+=", 1)).toThrow(
      expect.objectContaining({ kind: "bad-value" }),
    );
  });

  it("is on disk when it is answered, if that is asked for", async () => {
    const client = await connected();
    await write(client, (tx) => {
      addBridge(tx, "br0");
      tx.commit({ durable: true });
    });
    await write(client, (tx) => {
      addBridge(tx, "br1");
      tx.commit({ durable: false });
    });
    await ovs.end("SIGKILL");
    await ovs.start();
    await client.connected();
    expect(await bridgeNames(client)).toContain("br0");
  });

  it("can be tried and aborted: what is wrong in it is told, and nothing is written", async () => {
    const client = await connected();
    const tried = rejection(
      write(client, (tx) => {
        addBridge(tx, "br0");
        tx.abort();
      }),
    );
    expect(await tried).toMatchObject({ kind: "rejected", error: "aborted", operation: 5 });
    const wrong = rejection(
      write(client, (tx) => {
        tx.update("Open_vSwitch", "all", { next_cfg: 1 });
        tx.mutate("Open_vSwitch", "all", "next_cfg", "%=", 0);
        tx.abort();
      }),
    );
    expect(await wrong).toMatchObject({ kind: "rejected", error: "domain error", operation: 1 });
    expect(await bridgeNames(client)).toEqual([]);
  });

  it("fails as a whole when the server cannot write to its disk", async () => {
    await ovs.end();
    const { size } = await stat(ovs.database);
    await ovs.start({ maxFileBytes: size + 100 });
    const client = await connected();
    const full = rejection(write(client, (tx) => addBridge(tx, "br0")));
    expect(await full).toMatchObject({ kind: "rejected", error: "I/O error", operation: undefined });
    expect(await bridgeNames(client)).toEqual([]);
  });

  it("leaves open whether it happened when the server is killed before it answers", async () => {
    const client = await connected();
    ovs.pause();
    const asked = rejection(write(client, (tx) => addBridge(tx, "br0")));
    await ovs.end("SIGKILL");
    expect(await asked).toMatchObject({ kind: "disconnected", sent: true });
  });
});

describe("two clients that race", () => {
  it("cannot both change what both have read", async () => {
    const racers = [await connected(), await connected()];
    const judge = await connected();
    await write(judge, (tx) => addBridge(tx, "br0"));
    const outcomes = await Promise.allSettled(
      racers.map((client, index) =>
        write(client, (tx) => {
          tx.wait("Bridge", { name: "br0" }, { other_config: {} });
          tx.setKeys("Bridge", { name: "br0" }, "other_config", { winner: String(index) }, { expect: 1 });
        }),
      ),
    );
    const winner = outcomes.findIndex(({ status }) => status === "fulfilled");
    expect(outcomes[1 - winner]).toMatchObject({ status: "rejected", reason: { kind: "guard", operation: 0 } });
    const replica = await judge.monitor(vswitch);
    expect(replica.find("Bridge", { name: "br0" })?.other_config).toEqual({ winner: String(winner) });
  });

  it("lose no update when each guards what it read and tries again", async () => {
    const racers = [await connected(), await connected()];
    const judge = await connected();
    await write(judge, (tx) => addBridge(tx, "br0"));
    const add = async (client: Client, times: number): Promise<void> => {
      const replica = await client.monitor(vswitch);
      for (let done = 0; done < times; ) {
        const old = replica.find("Bridge", { name: "br0" })?.other_config ?? {};
        const attempt = write(client, (tx) => {
          tx.wait("Bridge", { name: "br0" }, { other_config: old });
          const count = String(Number(old.count ?? "0") + 1);
          tx.setKeys("Bridge", { name: "br0" }, "other_config", { count }, { expect: 1 });
        });
        const failure = await attempt.then(
          () => undefined,
          (error: unknown) => error,
        );
        if (failure === undefined) done++;
        else {
          expect(failure).toMatchObject({ kind: "guard", operation: 0 });
          // What the other wrote is on its way, if it is not here already.
          await replica.until((now) => now.find("Bridge", { name: "br0" })?.other_config.count !== old.count);
        }
      }
    };
    await Promise.all(racers.map((client) => add(client, 40)));
    const replica = await judge.monitor(vswitch);
    expect(replica.find("Bridge", { name: "br0" })?.other_config).toEqual({ count: "80" });
  });
});
