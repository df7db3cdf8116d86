import { join } from "node:path";
import { type Client, createClient, defineDatabase, type Replica, string } from "node-ovsdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { vswitch } from "../../unit/ovs/tables.ts";
import { Tap } from "./fakes.ts";
import { addBridge, elsewhere, quick, record, rejection, synced, type Vswitch, write } from "./helpers.ts";
import { TestOvs } from "./server.ts";

let ovs: TestOvs;
let client: Client;
const errors: unknown[] = [];

beforeEach(async () => {
  ovs = await TestOvs.create();
  await ovs.start();
  errors.length = 0;
  client = createClient({ address: { path: ovs.socket }, ...quick, onError: (error) => errors.push(error) });
  await client.connect();
});

afterEach(async () => {
  client.close();
  await ovs.dispose();
});

describe("a replica", () => {
  it("has the content when it is given out, and follows what others change, one call for one transaction", async () => {
    await write(client, (tx) => addBridge(tx, "br0"));
    const replica = await client.monitor(vswitch);
    expect(replica.find("Bridge", { name: "br0" })).toMatchObject({ datapath_type: "dummy", fail_mode: undefined });
    const batches = record(replica);
    await elsewhere(ovs.socket, async (other) => {
      await write(other, (tx) => {
        addBridge(tx, "br1");
        tx.update("Bridge", { name: "br0" }, { fail_mode: "secure" });
      });
    });
    await replica.until((now) => now.find("Bridge", { name: "br1" }) !== undefined);
    expect(batches).toEqual([["+Bridge br1", "+Interface br1", "+Port br1", "~Bridge br0", "~Open_vSwitch"]]);
    expect(replica.find("Bridge", { name: "br0" })?.fail_mode).toBe("secure");
  });

  it("shows a transaction of its own client by the time its answer is there", async () => {
    const replica = await client.monitor(vswitch);
    for (let round = 0; round < 20; round++) {
      await write(client, (tx) => addBridge(tx, `br${round}`));
      expect(replica.find("Bridge", { name: `br${round}` })).toBeDefined();
    }
  });

  it("finds rows as they are at that moment, so that whoever goes through them may write them", async () => {
    const indexed = defineDatabase("Open_vSwitch", vswitch.tables, { indexes: { Bridge: [["datapath_type"]] } });
    await write(client, (tx) => {
      for (const name of ["br0", "br1"]) addBridge(tx, name);
    });
    const replica = await client.monitor(indexed);
    const seen: string[] = [];
    for (const row of replica.findAll("Bridge", { datapath_type: "dummy" })) {
      seen.push(row.name);
      if (seen.length > 2) break;
      await write(client, (tx) => tx.setKeys("Bridge", row._uuid, "external_ids", { seen: "yes" }, { expect: 1 }));
      expect(replica.rows("Bridge").get(row._uuid)?.external_ids).toEqual({ seen: "yes" });
    }
    expect(seen.toSorted()).toEqual(["br0", "br1"]);
  });

  it("holds only the tables and columns that were selected, and its type says so", async () => {
    await write(client, (tx) => addBridge(tx, "br0"));
    const replica = await client.monitor(vswitch, { Bridge: ["name"] });
    const [row] = replica.rows("Bridge").values();
    expect(Object.keys(row ?? {})).toEqual(["_uuid", "name"]);
    const name: string | undefined = row?.name;
    expect(name).toBe("br0");
  });

  it("is refused, with the client's connection left alone, when the server lacks a table", async () => {
    const future = defineDatabase("Open_vSwitch", { Bridge: { name: string(), not_yet: string() } });
    expect(await rejection(client.monitor(future))).toMatchObject({ kind: "rpc" });
    const other = defineDatabase("Other", { T: { name: string() } });
    expect(await rejection(client.monitor(other))).toMatchObject({ kind: "rpc", error: "unknown database" });
    expect(client.state.state).toBe("connected");
    expect(errors).toEqual([]);
  });

  it("is refused when a column has another type than declared", async () => {
    await write(client, (tx) => addBridge(tx, "br0"));
    const wrong = defineDatabase("Open_vSwitch", { Bridge: { ports: string() } });
    expect(await rejection(client.monitor(wrong))).toMatchObject({
      kind: "bad-value",
      table: "Bridge",
      column: "ports",
    });
    expect(client.state.state).toBe("connected");
  });

  it("can be asked for before there is a connection, if the client is on its way to one", async () => {
    const early = createClient({ address: { path: join(ovs.folder, "later.sock") }, ...quick });
    expect(await rejection(early.monitor(vswitch))).toMatchObject({ kind: "disconnected" });
    early.start();
    const waiting = early.monitor(vswitch);
    const aborted = rejection(early.monitor(vswitch, undefined, { signal: AbortSignal.abort(new Error("enough")) }));
    expect(await aborted).toMatchObject({ message: "enough" });
    await ovs.end();
    await ovs.start({ remotes: [`punix:${join(ovs.folder, "later.sock")}`] });
    expect((await waiting).rows("Open_vSwitch").size).toBe(1);
    early.close();
  });

  it("is not waited for when the only attempt to connect fails", async () => {
    const lone = createClient({ address: { path: join(ovs.folder, "nowhere.sock") }, ...quick });
    const attempt = rejection(lone.connect());
    const waiting = rejection(lone.monitor(vswitch));
    expect(await attempt).toMatchObject({ kind: "unreachable" });
    expect(await waiting).toMatchObject({ kind: "disconnected" });
  });

  it("asked for from inside a state listener is asked for once", async () => {
    const tap = await Tap.open(join(ovs.folder, "tap.sock"), ovs.socket);
    const eager = createClient({ address: { path: tap.path }, ...quick });
    const { promise, resolve } = Promise.withResolvers<Replica<Vswitch>>();
    eager.onState(({ state }) => {
      if (state === "connected") resolve(eager.monitor(vswitch));
    });
    await eager.connect();
    const replica = await promise;
    expect(replica.rows("Open_vSwitch").size).toBe(1);
    await eager.request("list_dbs", []);
    expect(tap.toServer.map(({ method }) => method)).toEqual(["get_schema", "monitor_cond_since", "list_dbs"]);
    eager.close();
    tap.close();
  });

  it("may be closed, and its client as well, from inside a listener", async () => {
    const replica = await client.monitor(vswitch);
    const seen: boolean[] = [];
    replica.onSynced((now) => seen.push(now));
    replica.subscribe(() => {
      replica.close();
      client.close();
    });
    const written = rejection(write(client, (tx) => addBridge(tx, "br0")));
    expect(await written).toMatchObject({ kind: "closed", sent: true });
    expect(seen).toEqual([false]);
  });

  it("that its own listener closes when the server has canceled it is not asked for again", async () => {
    const tap = await Tap.open(join(ovs.folder, "tap.sock"), ovs.socket);
    const aware = createClient({ address: { path: tap.path }, ...quick, databaseChangeAware: true });
    await aware.connect();
    const replica = await aware.monitor(vswitch);
    const before = tap.toServer.length;
    const closed = synced(replica, false);
    replica.onSynced(() => replica.close());
    await ovs.appctl("server", "ovsdb-server/remove-db", "Open_vSwitch");
    await closed;
    await aware.listDatabases();
    expect(tap.toServer.slice(before).map(({ method }) => method)).toEqual(["list_dbs"]);
    expect(await rejection(replica.until(() => true))).toMatchObject({ kind: "closed" });
    aware.close();
    tap.close();
  });

  it("survives a listener that throws, reports it, and calls the others", async () => {
    const replica = await client.monitor(vswitch);
    replica.subscribe(() => {
      throw new Error("mine");
    });
    const batches = record(replica);
    await write(client, (tx) => addBridge(tx, "br0"));
    expect(batches).toHaveLength(1);
    expect(errors).toEqual([expect.objectContaining({ message: "mine" })]);
    expect(client.state.state).toBe("connected");
  });

  it("stops when closed", async () => {
    const replica = await client.monitor(vswitch);
    const batches = record(replica);
    const never = rejection(replica.until(() => false));
    replica.close();
    expect(await never).toMatchObject({ kind: "closed" });
    expect(await rejection(replica.until(() => true))).toMatchObject({ kind: "closed" });
    await write(client, (tx) => addBridge(tx, "br0"));
    expect(batches).toEqual([]);
    expect(replica.synced).toBe(false);
  });
});

describe("until", () => {
  it("resolves at once if it is so already, and after the update that makes it so", async () => {
    const replica = await client.monitor(vswitch);
    await replica.until(() => true);
    const there = replica.until((now) => now.find("Bridge", { name: "br0" }) !== undefined);
    await write(client, (tx) => addBridge(tx, "br0"));
    await there;
  });

  it("gives up by its time-out, its signal, and what the predicate throws", async () => {
    const replica = await client.monitor(vswitch);
    expect(await rejection(replica.until(() => false, undefined, 10))).toMatchObject({ kind: "timeout" });
    const giveUp = new AbortController();
    const waiting = rejection(replica.until(() => false, giveUp.signal));
    giveUp.abort(new Error("enough"));
    expect(await waiting).toMatchObject({ message: "enough" });
    const broken = replica.until(() => {
      throw new Error("mine");
    });
    expect(await rejection(broken)).toMatchObject({ message: "mine" });
  });

  it("does not trust old content while the server is away", async () => {
    await write(client, (tx) => addBridge(tx, "br0"));
    const replica = await client.monitor(vswitch);
    await ovs.end("SIGKILL");
    await synced(replica, false);
    let trusted = false;
    const there = replica
      .until((now) => now.find("Bridge", { name: "br0" }) !== undefined)
      .then(() => (trusted = true));
    expect(await rejection(replica.until(() => true, undefined, 10))).toMatchObject({ kind: "timeout" });
    expect(trusted).toBe(false);
    await ovs.start();
    await there;
  });
});
