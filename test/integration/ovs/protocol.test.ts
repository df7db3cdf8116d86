import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Client,
  type ClientOptions,
  createClient,
  defineDatabase,
  isUuid,
  type OvsdbError,
  string,
} from "node-ovsdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { vswitch } from "../../unit/ovs/tables.ts";
import { FakeServer, type Peer, Tap } from "./fakes.ts";
import { addBridge, quick, reached, record, rejection, synced, write } from "./helpers.ts";
import { TestOvs } from "./server.ts";

type Message = Readonly<Record<string, unknown>>;

let ovs: TestOvs;
let tap: Tap;
const open: { close(): void }[] = [];

function clientOf(path: string, options: Partial<ClientOptions> = {}): Client {
  const client = createClient({ address: { path }, ...quick, ...options });
  open.push(client);
  return client;
}

/** Blocks until somebody else adds the bridge, which a `Transaction` never does. */
const untilBridge = { op: "wait", table: "Bridge", where: [], columns: ["name"], until: "==", rows: [{ name: "go" }] };
const markRoot = { op: "update", table: "Open_vSwitch", where: [], row: { external_ids: ["map", [["done", "yes"]]] } };

beforeEach(async () => {
  ovs = await TestOvs.create();
  await ovs.start();
  tap = await Tap.open(join(ovs.folder, "tap.sock"), ovs.socket);
  open.push(tap);
});

afterEach(async () => {
  for (const each of open.splice(0)) each.close();
  await ovs.dispose();
});

describe("a client", () => {
  it("reads the names of the databases, their schemas, and the server's identity", async () => {
    const client = clientOf(ovs.socket);
    await client.connect();
    expect(await client.listDatabases()).toEqual(["Open_vSwitch", "_Server"]);
    const schema = await client.getSchema("Open_vSwitch");
    expect(schema.tables.Open_vSwitch).toMatchObject({ isRoot: true, maxRows: 1 });
    expect(schema.tables.Port?.columns.tag).toEqual({
      type: { key: { type: "integer", minInteger: 0, maxInteger: 4095 }, min: 0 },
    });
    expect(await rejection(client.getSchema("Nope"))).toMatchObject({ kind: "rpc", error: "unknown database" });
    const id = await client.getServerId();
    expect(isUuid(id)).toBe(true);
    const signal = AbortSignal.abort(new Error("enough"));
    const asked = [
      client.listDatabases({ signal }),
      client.getSchema("_Server", { signal }),
      client.getServerId({ signal }),
    ];
    for (const one of asked) expect(await rejection(one)).toMatchObject({ message: "enough" });
    await ovs.end();
    await reached(client, "backoff");
    await ovs.start();
    await client.connected();
    expect(await client.getServerId()).not.toBe(id);
  });

  it.each(["its signal", "its time-out"])("cancels a transaction that is given up by %s", async (by) => {
    const client = clientOf(tap.path);
    await client.connect();
    const giveUp = new AbortController();
    const waiting = client.request("transact", ["Open_vSwitch", untilBridge, markRoot], {
      signal: giveUp.signal,
      timeoutMs: by === "its time-out" ? 50 : Infinity,
    });
    const outcome = rejection(waiting);
    if (by === "its signal") giveUp.abort(new Error("enough"));
    expect(await outcome).toMatchObject(by === "its signal" ? { message: "enough" } : { kind: "timeout", sent: true });
    // What it waited for comes true, and it is not there any more.
    await write(client, (tx) => addBridge(tx, "go"));
    const replica = await client.monitor(vswitch);
    expect([...replica.rows("Open_vSwitch").values()][0]?.external_ids).toEqual({});
    const [transact, cancel] = tap.toServer;
    expect(cancel).toEqual({ method: "cancel", params: [transact?.id], id: null });
  });

  it("lets a transaction that nobody gave up wait for its turn", async () => {
    const client = clientOf(ovs.socket);
    await client.connect();
    const waiting = client.request("transact", ["Open_vSwitch", untilBridge, markRoot], { timeoutMs: Infinity });
    await write(client, (tx) => addBridge(tx, "go"));
    expect(await waiting).toEqual([{}, { count: 1 }]);
  });

  it("cancels nothing that was answered, and no other request than a transaction", async () => {
    const client = clientOf(tap.path);
    await client.connect();
    const giveUp = new AbortController();
    await client.request("transact", ["Open_vSwitch", { op: "comment", comment: "x" }], { signal: giveUp.signal });
    giveUp.abort();
    ovs.pause();
    const echo = new AbortController();
    const asked = rejection(client.request("echo", [], { signal: echo.signal }));
    echo.abort(new Error("enough"));
    expect(await asked).toMatchObject({ message: "enough" });
    ovs.resume();
    await client.listDatabases();
    expect(tap.toServer.map(({ method }) => method)).toEqual(["transact", "echo", "list_dbs"]);
  });
});

describe("a database that is removed and added again", () => {
  const other = defineDatabase("Open_vSwitch", { Bridge: { name: string() } });

  async function removeAndAdd(): Promise<void> {
    await copyFile(ovs.database, join(ovs.folder, "copy.db"));
    await ovs.appctl("server", "ovsdb-server/remove-db", "Open_vSwitch");
    await ovs.appctl("server", "ovsdb-server/add-db", join(ovs.folder, "copy.db"));
  }

  it("costs the connection, and the replica is renewed on the next one", async () => {
    // Between the two the database is unknown, which is told.
    const client = clientOf(tap.path, { onError: () => undefined });
    await client.connect();
    await write(client, (tx) => addBridge(tx, "br0"));
    const replica = await client.monitor(vswitch);
    const batches = record(replica);
    const lost = synced(replica, false);
    await removeAndAdd();
    await lost;
    await synced(replica, true);
    expect(batches).toEqual([]);
    expect(tap.toClient.filter(({ method }) => method === "monitor_canceled")).toEqual([]);
  });

  it("is told to a client that wants to know, whose replica of another database goes on meanwhile", async () => {
    const server = defineDatabase("_Server", { Database: { name: string(), model: string() } });
    const errors: OvsdbError[] = [];
    const onError = (error: unknown) => errors.push(error as OvsdbError);
    const client = clientOf(tap.path, { databaseChangeAware: true, onError });
    await client.connect();
    await write(client, (tx) => addBridge(tx, "br0"));
    const replica = await client.monitor(other);
    const databases = await client.monitor(server);
    const seen: unknown[] = [];
    databases.onSynced((now) => seen.push(now));
    const lock = await client.lock("agent");
    lock.onChange((now) => seen.push(now));
    client.onState(({ state }) => seen.push(state));
    expect(databases.find("Database", { name: "Open_vSwitch" })?.model).toBe("standalone");
    await copyFile(ovs.database, join(ovs.folder, "copy.db"));
    const gone = databases.until((now) => now.find("Database", { name: "Open_vSwitch" }) === undefined);
    await ovs.appctl("server", "ovsdb-server/remove-db", "Open_vSwitch");
    await gone;
    expect(tap.toClient.filter(({ method }) => method === "monitor_canceled")).toHaveLength(1);
    expect(replica.synced).toBe(false);
    const asked = tap.toServer.length;
    await tap.until(({ toServer }) => toServer.length > asked + 3);
    expect(errors.map(({ error }) => error)).toEqual(expect.arrayContaining(Array(3).fill("unknown database")));
    await ovs.appctl("server", "ovsdb-server/add-db", join(ovs.folder, "copy.db"));
    await replica.until((now) => now.find("Bridge", { name: "br0" }) !== undefined);
    expect(tap.toServer[0]).toMatchObject({ method: "set_db_change_aware", params: [true] });
    expect(seen).toEqual([]);
  });
});

describe("a server that is older", () => {
  const bridge = "00000000-0000-4000-8000-000000000001";
  const schema = { name: "Open_vSwitch", tables: { Bridge: { columns: { name: { type: "string" } } } } };
  const database = defineDatabase("Open_vSwitch", { Bridge: { name: string() } });

  /** Knows RFC 7047 and some extensions. */
  async function older(known: readonly string[]): Promise<FakeServer> {
    const answers: Readonly<Record<string, unknown>> = {
      get_schema: schema,
      monitor: { Bridge: { [bridge]: { new: { name: "br0" } } } },
      monitor_cond: { Bridge: { [bridge]: { initial: { name: "br0" } } } },
    };
    const answer = (peer: Peer, { id, method }: Message): void => {
      if (method === "hang_up") peer.hangUp();
      else if (method === "get_schema" || method === "monitor" || known.includes(String(method))) {
        peer.send({ id, result: answers[String(method)] ?? {}, error: null });
      } else peer.send({ id, result: null, error: { error: "unknown method", details: String(method) } });
    };
    const fake = await FakeServer.open(join(ovs.folder, "fake.sock"), answer);
    open.push(fake);
    return fake;
  }

  const asked = (fake: FakeServer): unknown[] => fake.received.map(({ method }) => method);

  it("without a history is asked for its rows by condition", async () => {
    const fake = await older(["monitor_cond"]);
    const client = clientOf(fake.path);
    await client.connect();
    const replica = await client.monitor(database, undefined, { where: { Bridge: [["name", "==", "br0"]] } });
    expect(replica.find("Bridge", { name: "br0" })).toBeDefined();
    expect(asked(fake)).toEqual(["get_schema", "monitor_cond_since", "monitor_cond"]);
  });

  it("without any extension is asked as RFC 7047 says, again on each connection", async () => {
    const fake = await older([]);
    const client = clientOf(fake.path, { databaseChangeAware: true });
    await client.connect();
    const replica = await client.monitor(database);
    expect(replica.find("Bridge", { name: "br0" })).toBeDefined();
    const steps = ["set_db_change_aware", "get_schema", "monitor_cond_since", "monitor_cond", "monitor"];
    expect(asked(fake)).toEqual(steps);
    const refused = rejection(replica.changeWhere({ Bridge: "none" }));
    expect(await refused).toMatchObject({ kind: "rpc", error: "unknown method" });
    expect(replica.rows("Bridge").size).toBe(1);
    const lost = synced(replica, false);
    expect(await rejection(client.request("hang_up", []))).toMatchObject({ kind: "disconnected" });
    await lost;
    await synced(replica, true);
    expect(asked(fake)).toEqual([...steps, "hang_up", ...steps]);
  });

  it.each(["monitor_cond", "monitor"])("and for a while answers %s: nobody goes on from before it", async (method) => {
    const none = "00000000-0000-0000-0000-000000000000";
    const fake = await FakeServer.open(join(ovs.folder, "mixed.sock"), (peer, { id, method: asked }) => {
      const row = { name: `br${fake.connections}` };
      const rows = (form: string): Message => ({ Bridge: { [bridge]: { [form]: row } } });
      const second = { [method]: rows(method === "monitor" ? "new" : "initial") };
      const others = { monitor_cond_since: [false, bridge, rows("initial")] };
      const answers = new Map<unknown, unknown>(Object.entries(fake.connections === 2 ? second : others));
      answers.set("get_schema", schema);
      if (asked === "hang_up") peer.hangUp();
      else if (answers.has(asked)) peer.send({ id, result: answers.get(asked), error: null });
      else peer.send({ id, result: null, error: "unknown method" });
    });
    open.push(fake);
    const client = clientOf(fake.path);
    await client.connect();
    const replica = await client.monitor(database);
    for (const name of ["br2", "br3"]) {
      expect(await rejection(client.request("hang_up", []))).toMatchObject({ kind: "disconnected" });
      await replica.until((now) => now.find("Bridge", { name }) !== undefined);
    }
    const since = fake.received.flatMap(({ method: asked, params }) =>
      asked === "monitor_cond_since" && Array.isArray(params) ? [String(params[3])] : [],
    );
    expect(since).toEqual([none, bridge, none]);
  });

  it("that cannot select rows refuses who asked for some, instead of giving all", async () => {
    const fake = await older([]);
    const client = clientOf(fake.path);
    await client.connect();
    const where = { Bridge: [["name", "==", "br1"]] } as const;
    const refused = await rejection(client.monitor(database, undefined, { where }));
    expect(refused).toMatchObject({ kind: "rpc", error: "unknown method" });
    const never = await rejection(client.monitor(database, undefined, { where, method: "monitor" }));
    expect(never).toMatchObject({ kind: "usage" });
    expect(asked(fake)).not.toContain("monitor");
    expect(client.state.state).toBe("connected");
  });

  it("is not asked in an older way for any other reason than a method that it does not know", async () => {
    const fake = await FakeServer.open(join(ovs.folder, "strict.sock"), (peer, { id, method }) => {
      const error = { error: "syntax error", details: "no" };
      peer.send(method === "get_schema" ? { id, result: schema, error: null } : { id, result: null, error });
    });
    open.push(fake);
    const client = clientOf(fake.path);
    await client.connect();
    expect(await rejection(client.monitor(database))).toMatchObject({ kind: "rpc", error: "syntax error" });
    expect(asked(fake).slice(0, 2)).toEqual(["get_schema", "monitor_cond_since"]);
    expect(asked(fake)).not.toContain("monitor_cond");
  });

  it.each<[string, unknown]>([
    ["a schema that is none", { name: 5 }],
    ["a schema without the column", { name: "Open_vSwitch", tables: { Bridge: { columns: {} } } }],
  ])("may have %s: only that replica fails", async (_, wrong) => {
    const fake = await FakeServer.open(join(ovs.folder, "wrong.sock"), (peer, { id }) =>
      peer.send({ id, result: wrong, error: null }),
    );
    open.push(fake);
    const client = clientOf(fake.path);
    await client.connect();
    const refused = await rejection(client.monitor(database));
    expect(["bad-value", "rpc"]).toContain(refused.kind);
    expect(client.state.state).toBe("connected");
  });

  it.each<[string, Message]>([
    ["a difference to a row that is not here", { method: "update3", bridge: { modify: { name: "x" } } }],
    ["a notification that belongs to another request", { method: "update2", bridge: { modify: { name: "x" } } }],
    ["a row update that says nothing", { method: "update3", bridge: {} }],
  ])("that sends %s is left, and all of it is fetched anew", async (_, told) => {
    const unknown = "00000000-0000-4000-8000-000000000002";
    const fake = await FakeServer.open(join(ovs.folder, "odd.sock"), (peer, { id, method, params }) => {
      if (method === "get_schema") peer.send({ id, result: schema, error: null });
      if (method !== "monitor_cond_since" || !Array.isArray(params)) return;
      const updates = { Bridge: { [bridge]: { initial: { name: "br0" } } } };
      peer.send({ id, result: [false, bridge, updates], error: null });
      const update = { Bridge: { [unknown]: told.bridge } };
      if (fake.connections > 1) return;
      peer.send({
        id: null,
        method: told.method,
        params: [params[1], ...(told.method === "update3" ? [bridge] : []), update],
      });
    });
    open.push(fake);
    const client = clientOf(fake.path, { onError: () => undefined });
    await client.connect();
    const lost = reached(client, "backoff");
    const replica = await client.monitor(database);
    const left = await lost;
    expect(left.state === "backoff" && left.cause.kind).toBe(told.method === "update2" ? "protocol" : "bad-value");
    await synced(replica, true);
    const since = fake.received.flatMap(({ method, params }) => (method === "monitor_cond_since" ? [params] : []));
    // The second time after a good snapshot: from there only if what came after it could be read.
    expect(JSON.stringify(since[1])).toContain(
      told.method === "update2" ? bridge : "00000000-0000-0000-0000-000000000000",
    );
  });
});
