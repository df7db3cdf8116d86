import { join } from "node:path";
import {
  type Client,
  createClient,
  defineDatabase,
  integer,
  type MonitorMethod,
  map,
  optional,
  type Replica,
  set,
  string,
  Transaction,
} from "node-ovsdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { vswitch } from "../../unit/ovs/tables.ts";
import { Tap } from "./fakes.ts";
import {
  addBridge,
  elsewhere,
  quick,
  record,
  rejection,
  removeBridge,
  synced,
  type Vswitch,
  write,
} from "./helpers.ts";
import { TestOvs } from "./server.ts";

let ovs: TestOvs;
let client: Client;
let tap: Tap;
const errors: unknown[] = [];
const methods: readonly MonitorMethod[] = ["monitor_cond_since", "monitor_cond", "monitor"];

async function begin(made: Promise<TestOvs>): Promise<void> {
  ovs = await made;
  await ovs.start();
  await connect();
}

async function connect(): Promise<void> {
  tap = await Tap.open(join(ovs.folder, "tap.sock"), ovs.socket);
  errors.length = 0;
  client = createClient({ address: { path: tap.path }, ...quick, onError: (error) => errors.push(error) });
  await client.connect();
}

/** Everything that a replica has. Rows and members of sets have no order, so they are put into one. */
function content(replica: Replica<Vswitch>): unknown {
  const tables = ["Open_vSwitch", "Bridge", "Port", "Interface"] as const;
  return tables.map((table) => [...replica.rows(table).values()].map((row) => JSON.stringify(row, ordered)).toSorted());
}

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function ordered(_: string, value: unknown): unknown {
  if (isArray(value)) return value.toSorted();
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Adds bridges, and many others: the server forgets a history that has become larger than the database. */
async function fill(...names: readonly string[]): Promise<void> {
  const others = Array.from({ length: 50 }, (_, number) => `other${number}`);
  for (const name of [...names, ...others]) await write(client, (tx) => addBridge(tx, name));
}

/** Waits until a replica has what one that is made now has. */
async function hasEverything(replica: Replica<Vswitch>): Promise<void> {
  const fresh = await client.monitor(vswitch, undefined, { method: "monitor" });
  expect(content(replica)).toEqual(content(fresh));
  fresh.close();
}

afterEach(async () => {
  client.close();
  tap.close();
  await ovs.dispose();
});

describe.each(methods)("a replica by %s", (method) => {
  beforeEach(() => begin(TestOvs.create()));

  it("follows insertions, changes of scalars, sets and maps, and deletions, and tells them", async () => {
    const replica = await client.monitor(vswitch, undefined, { method });
    const batches = record(replica);
    const external = () => replica.find("Port", { name: "br0" })?.external_ids;
    const trunks = () => replica.find("Port", { name: "br0" })?.trunks.toSorted((a, b) => a - b);
    await write(client, (tx) => addBridge(tx, "br0"));
    const port = { name: "br0" };
    const steps: readonly [change: (tx: Transaction<Vswitch>) => void, trunks: number[], ids: object][] = [
      [
        (tx) => tx.update("Port", port, { trunks: [1, 2], external_ids: { a: "1", b: "2" } }),
        [1, 2],
        { a: "1", b: "2" },
      ],
      [
        (tx) => tx.update("Port", port, { trunks: [2, 3], external_ids: { a: "9", c: "3" } }),
        [2, 3],
        { a: "9", c: "3" },
      ],
      [(tx) => tx.setKeys("Port", port, "external_ids", { a: "9", d: "" }), [2, 3], { a: "9", c: "3", d: "" }],
      [(tx) => tx.update("Port", port, { trunks: [7] }), [7], { a: "9", c: "3", d: "" }],
      [(tx) => tx.update("Port", port, { trunks: [], external_ids: {} }), [], {}],
    ];
    for (const [change, wantedTrunks, wantedIds] of steps) {
      await write(client, change);
      expect(trunks()).toEqual(wantedTrunks);
      expect(external()).toEqual(wantedIds);
      await hasEverything(replica);
    }
    await write(client, (tx) => tx.update("Port", port, { tag: 5 }));
    expect(replica.find("Port", port)?.tag).toBe(5);
    await write(client, (tx) => tx.update("Port", port, { tag: undefined }));
    expect(replica.find("Port", port)?.tag).toBeUndefined();
    await write(client, (tx) => removeBridge(tx, replica, "br0"));
    expect(replica.rows("Bridge").size).toBe(0);
    await hasEverything(replica);
    expect(batches.at(0)).toEqual(["+Bridge br0", "+Interface br0", "+Port br0", "~Open_vSwitch"]);
    expect(batches.at(1)).toEqual(["~Port br0"]);
    expect(batches.at(-1)).toEqual(["-Bridge br0", "-Interface br0", "-Port br0", "~Open_vSwitch"]);
  });

  it("is asked for by that method and told by the notification that belongs to it", async () => {
    const update = { monitor_cond_since: "update3", monitor_cond: "update2", monitor: "update" }[method];
    const replica = await client.monitor(vswitch, undefined, { method });
    await write(client, (tx) => addBridge(tx, "br0"));
    expect(tap.toServer.map((message) => message.method)).toContain(method);
    const told = tap.toClient.flatMap((message) => (message.id === null ? [message.method] : []));
    expect(told).toEqual([update]);
    replica.close();
  });

  it("has the difference after the server was away, and asks a standalone database for all of it", async () => {
    await write(client, (tx) => addBridge(tx, "goes"));
    const replica = await client.monitor(vswitch, undefined, { method });
    const batches = record(replica);
    const lost = synced(replica, false);
    await ovs.end("SIGKILL");
    await lost;
    await ovs.start({ remotes: [`punix:${join(ovs.folder, "hidden.sock")}`] });
    await elsewhere(join(ovs.folder, "hidden.sock"), async (other, view) => {
      await write(other, (tx) => {
        removeBridge(tx, view, "goes");
        addBridge(tx, "comes");
      });
    });
    await ovs.end("SIGKILL");
    await ovs.start();
    await synced(replica, true);
    expect(batches).toHaveLength(1);
    expect(batches[0]?.filter((change) => change.includes("Bridge"))).toEqual(["+Bridge comes", "-Bridge goes"]);
    await hasEverything(replica);
    const found = tap.toClient.flatMap(({ result }) => (isArray(result) && result.length === 3 ? [result[0]] : []));
    expect(found).toEqual(method === "monitor_cond_since" ? [false, false] : []);
  });
});

describe("a replica of a clustered database", () => {
  beforeEach(async () => {
    await begin(TestOvs.createCluster());
    // A cluster of one elects itself a moment after it listens.
    const tx = new Transaction(vswitch);
    tx.insert("Open_vSwitch", {});
    await client.transact(tx);
  });

  it("goes on from where it was: only what changed while it was away is sent, and told", async () => {
    await fill("stays", "goes");
    const replica = await client.monitor(vswitch);
    const batches = record(replica);
    const untouched = replica.find("Bridge", { name: "stays" });
    // The connection is lost, the server and its history are not.
    tap.close();
    await synced(replica, false);
    await elsewhere(ovs.socket, async (other, view) => {
      await write(other, (tx) => {
        removeBridge(tx, view, "goes");
        addBridge(tx, "comes");
        tx.setKeys("Bridge", { name: "stays" }, "external_ids", { a: "1" });
      });
    });
    tap = await Tap.open(tap.path, ovs.socket);
    await synced(replica, true);
    const answers = tap.toClient.flatMap(({ result }) =>
      Array.isArray(result) && result.length === 3 ? [result] : [],
    );
    expect(answers).toHaveLength(1);
    expect(answers[0]?.[0]).toBe(true);
    expect(JSON.stringify(answers[0]?.[2])).not.toContain("initial");
    expect(batches).toHaveLength(1);
    expect(batches[0]?.filter((change) => change.includes("Bridge"))).toEqual([
      "+Bridge comes",
      "-Bridge goes",
      "~Bridge stays",
    ]);
    expect(replica.find("Bridge", { name: "stays" })).not.toBe(untouched);
    await hasEverything(replica);
  });

  it("gets all of it anew when the history is gone, and tells the difference all the same", async () => {
    await write(client, (tx) => addBridge(tx, "stays"));
    const replica = await client.monitor(vswitch);
    const batches = record(replica);
    const lost = synced(replica, false);
    await ovs.end("SIGKILL");
    await lost;
    await ovs.start();
    await synced(replica, true);
    expect(batches).toEqual([]);
    await hasEverything(replica);
  });

  it("does not go on from there when other rows were wanted meanwhile", async () => {
    await fill("br0", "br1");
    const where = { Bridge: [["name", "==", "br0"]] } as const;
    const replica = await client.monitor(vswitch, { Bridge: ["name"] }, { where });
    // So that the server has told a transaction from which it could go on.
    await write(client, (tx) => tx.setKeys("Bridge", { name: "br0" }, "external_ids", { a: "1" }));
    tap.close();
    await synced(replica, false);
    const changed = replica.changeWhere({ Bridge: [["name", "==", "br1"]] });
    tap = await Tap.open(tap.path, ovs.socket);
    await changed;
    expect([...replica.rows("Bridge").values()].map(({ name }) => name)).toEqual(["br1"]);
  });
});

describe.each(["monitor_cond_since", "monitor_cond"] as const)("conditions of %s", (method) => {
  beforeEach(async () => {
    await begin(TestOvs.create());
    await write(client, (tx) => {
      for (const name of ["br0", "br1", "br2"]) addBridge(tx, name);
      tx.setKeys("Bridge", { name: "br2" }, "external_ids", { owner: "me", more: "x" });
    });
  });

  const names = (replica: Replica<Vswitch>): string[] =>
    [...replica.rows("Bridge").values()].map(({ name }) => name).toSorted();

  it("select rows by any of them, and a row comes and goes as it begins and ceases to fulfil one", async () => {
    const where = { Bridge: [["name", "==", "br1"] as const, ["external_ids", "includes", { owner: "me" }] as const] };
    const replica = await client.monitor(vswitch, undefined, { method, where });
    expect(names(replica)).toEqual(["br1", "br2"]);
    expect(replica.rows("Port").size).toBe(3);
    const batches = record(replica);
    await write(client, (tx) => tx.setKeys("Bridge", { name: "br0" }, "external_ids", { owner: "me" }));
    await write(client, (tx) => tx.removeKeys("Bridge", { name: "br2" }, "external_ids", ["owner"]));
    expect(batches).toEqual([["+Bridge br0"], ["-Bridge br2"]]);
  });

  it("can be changed: exactly the rows that come and go are told, before the change is called done", async () => {
    const replica = await client.monitor(vswitch, undefined, { method, where: { Bridge: [["name", "==", "br0"]] } });
    const batches = record(replica);
    await replica.changeWhere({ Bridge: [["name", "!=", "br0"]] });
    expect(batches).toEqual([["+Bridge br1", "+Bridge br2", "-Bridge br0"]]);
    await replica.changeWhere({ Bridge: [["name", "!=", "br0"]] });
    await replica.changeWhere({ Bridge: "none", Port: "none" });
    expect(batches.slice(1)).toEqual([["-Bridge br1", "-Bridge br2", "-Port br0", "-Port br1", "-Port br2"]]);
    await replica.changeWhere({ Bridge: "all" });
    expect(batches.slice(2)).toEqual([["+Bridge br0", "+Bridge br1", "+Bridge br2"]]);
    expect(replica.rows("Port").size).toBe(0);
  });

  it("that are changed many times at once end as the last one says", async () => {
    const replica = await client.monitor(vswitch, undefined, { method });
    const wanted = Array.from({ length: 20 }, (_, round) => `br${round % 3}`);
    await Promise.all(wanted.map((name) => replica.changeWhere({ Bridge: [["name", "==", name]] })));
    expect(names(replica)).toEqual(["br1"]);
    expect(tap.toServer.filter((message) => message.method === "monitor_cond_change").length).toBeLessThan(5);
  });

  it("are kept over a reconnect, also those that were changed while there was no connection", async () => {
    const replica = await client.monitor(vswitch, undefined, { method, where: { Bridge: [["name", "==", "br0"]] } });
    const batches = record(replica);
    const lost = synced(replica, false);
    await ovs.end("SIGKILL");
    await lost;
    const changed = replica.changeWhere({ Bridge: [["name", "==", "br1"]] });
    const giveUp = rejection(replica.changeWhere({ Port: "none" }, AbortSignal.abort(new Error("enough"))));
    expect(await giveUp).toMatchObject({ message: "enough" });
    await ovs.start();
    await changed;
    expect(names(replica)).toEqual(["br1"]);
    expect(batches).toEqual([["+Bridge br1", "-Bridge br0"]]);
    expect(replica.rows("Port").size).toBe(3);
  });

  it("are asked for again after a server that died before it answered", async () => {
    const replica = await client.monitor(vswitch, undefined, { method });
    ovs.pause();
    const changed = replica.changeWhere({ Bridge: [["name", "==", "br1"]] });
    await tap.until(({ toServer }) => toServer.at(-1)?.method === "monitor_cond_change");
    const lost = synced(replica, false);
    await ovs.end("SIGKILL");
    await lost;
    await ovs.start();
    await changed;
    expect(names(replica)).toEqual(["br1"]);
    expect(errors).toEqual([]);
  });

  it("that the server refuses leave all as it was", async () => {
    const future = defineDatabase("Open_vSwitch", {
      Bridge: { name: string(), not_yet: string() },
      Port: { name: string() },
    });
    const replica = await client.monitor(future, { Bridge: ["name"], Port: ["name"] }, { method });
    const changes: unknown[] = [];
    const refused = rejection(replica.changeWhere({ Port: "none", Bridge: [["not_yet", "==", "x"]] }));
    expect(await refused).toMatchObject({ kind: "rpc", error: "unknown column" });
    replica.subscribe((change) => changes.push(change));
    await replica.changeWhere({ Port: "all" });
    expect(replica.rows("Port").size).toBe(3);
    expect(client.state.state).toBe("connected");
    const first = client.monitor(future, { Bridge: ["name"] }, { method, where: { Bridge: [["not_yet", "==", "x"]] } });
    expect(await rejection(first)).toMatchObject({ kind: "rpc", error: "unknown column" });
  });

  it("that the server refuses take nothing with them that was wanted while it was asked", async () => {
    const future = defineDatabase("Open_vSwitch", {
      Bridge: { name: string(), not_yet: string() },
      Port: { name: string() },
    });
    const wrong = { Bridge: [["not_yet", "==", "x"]] } as const;
    const replica = await client.monitor(future, { Bridge: ["name"], Port: ["name"] }, { method });
    const refused = rejection(replica.changeWhere(wrong));
    await replica.changeWhere({ Port: [["name", "==", "br1"]] });
    expect(await refused).toMatchObject({ kind: "rpc", error: "unknown column" });
    expect([replica.rows("Bridge").size, replica.rows("Port").size]).toEqual([3, 1]);
    const again = [rejection(replica.changeWhere(wrong)), rejection(replica.changeWhere({ Port: "all", ...wrong }))];
    expect((await Promise.all(again)).map(({ error }) => error)).toEqual(["unknown column", "unknown column"]);
    await replica.changeWhere({ Bridge: "none" });
    expect([replica.rows("Bridge").size, replica.rows("Port").size]).toEqual([0, 1]);
    expect(errors).toEqual([]);
  });

  it("end with the replica", async () => {
    const replica = await client.monitor(vswitch, undefined, { method });
    ovs.pause();
    const changed = rejection(replica.changeWhere({ Bridge: "none" }));
    replica.close();
    expect(await changed).toMatchObject({ kind: "closed" });
    expect(await rejection(replica.changeWhere({ Bridge: "none" }))).toMatchObject({ kind: "closed" });
    ovs.resume();
  });
});

describe("a declaration that the server's schema contradicts", () => {
  beforeEach(() => begin(TestOvs.create()));

  it("is refused before a difference could be misread", async () => {
    const wrong = [
      defineDatabase("Open_vSwitch", { Port: { trunks: optional(integer()) } }),
      defineDatabase("Open_vSwitch", { Port: { interfaces: string() } }),
      defineDatabase("Open_vSwitch", { Port: { external_ids: set(string()) } }),
      defineDatabase("Open_vSwitch", { Port: { trunks: map() } }),
    ];
    for (const database of wrong) {
      expect(await rejection(client.monitor(database))).toMatchObject({ kind: "bad-value", table: "Port" });
    }
    // An optional value may be declared as a set.
    const loose = defineDatabase("Open_vSwitch", { Port: { name: string(), tag: set(integer()) } });
    const replica = await client.monitor(loose);
    await write(client, (tx) => {
      addBridge(tx, "br0");
      tx.update("Port", { name: "br0" }, { tag: 5 });
    });
    const tag = () => replica.find("Port", { name: "br0" })?.tag;
    expect(tag()).toEqual([5]);
    await write(client, (tx) => tx.update("Port", { name: "br0" }, { tag: 6 }));
    expect(tag()).toEqual([6]);
    await write(client, (tx) => tx.update("Port", { name: "br0" }, { tag: undefined }));
    expect(tag()).toEqual([]);
    expect(errors).toEqual([]);
  });
});
