import { copyFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, createClient, type OvsdbError, type Replica, type RowChange, type Uuid } from "node-ovsdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { vswitch } from "../../unit/ovs/tables.ts";
import { addBridge, elsewhere, quick, reached, record, removeBridge, synced, type Vswitch, write } from "./helpers.ts";
import { TestOvs } from "./server.ts";

let ovs: TestOvs;
let client: Client;
const errors: unknown[] = [];

/** Kills the server, lets `change` act on its database while the client cannot reach it, and brings it back. */
async function whileAway(change: (other: Client, replica: Replica<Vswitch>) => Promise<void>): Promise<void> {
  await ovs.end("SIGKILL");
  const hidden = join(ovs.folder, "hidden.sock");
  await ovs.start({ remotes: [`punix:${hidden}`] });
  await elsewhere(hidden, change);
  await ovs.end("SIGKILL");
  await ovs.start();
}

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

describe("a replica over reconnects", () => {
  it("tells after a reconnect exactly what changed meanwhile, in one call", async () => {
    await write(client, (tx) => {
      for (const name of ["stays", "goes", "changes"]) addBridge(tx, name);
      tx.setKeys("Bridge", { name: "changes" }, "external_ids", { a: "1" });
    });
    const replica = await client.monitor(vswitch);
    const batches = record(replica);
    const all: RowChange<Vswitch>[] = [];
    replica.subscribe((changes) => all.push(...changes));
    const before = new Map(replica.rows("Bridge"));
    const untouched = replica.find("Bridge", { name: "stays" });
    const lost = synced(replica, false);
    await whileAway(async (other, view) => {
      await lost;
      expect(new Map(replica.rows("Bridge"))).toEqual(before);
      await write(other, (tx) => {
        removeBridge(tx, view, "goes");
        addBridge(tx, "comes");
        tx.setKeys("Bridge", { name: "changes" }, "external_ids", { a: "2" });
      });
    });
    await synced(replica, true);
    expect(batches).toEqual([
      [
        "+Bridge comes",
        "+Interface comes",
        "+Port comes",
        "-Bridge goes",
        "-Interface goes",
        "-Port goes",
        "~Bridge changes",
        "~Open_vSwitch",
      ],
    ]);
    const changed = all.find((change) => change.table === "Bridge" && change.before && change.after);
    expect(changed).toMatchObject({ before: { external_ids: { a: "1" } }, after: { external_ids: { a: "2" } } });
    expect(replica.find("Bridge", { name: "stays" })).toBe(untouched);
  });

  it("tells nothing after a reconnect when nothing changed", async () => {
    await write(client, (tx) => addBridge(tx, "br0"));
    const replica = await client.monitor(vswitch);
    const batches = record(replica);
    const seen: boolean[] = [];
    replica.onSynced((now) => seen.push(now));
    await ovs.end("SIGKILL");
    await ovs.start();
    await reached(client, "connected");
    await synced(replica, true);
    expect(seen).toEqual([false, true]);
    expect(batches).toEqual([]);
    expect(errors).toEqual([]);
  });

  it("goes on following after many restarts, each with a change of its own", async () => {
    const replica = await client.monitor(vswitch);
    const batches = record(replica);
    for (let round = 0; round < 5; round++) {
      await whileAway((other) => write(other, (tx) => addBridge(tx, `br${round}`)).then(() => undefined));
      await replica.until((now) => now.rows("Bridge").size === round + 1);
      await write(client, (tx) => tx.update("Bridge", { name: `br${round}` }, { fail_mode: "secure" }, { expect: 1 }));
    }
    expect(batches.flat().filter((change) => change.startsWith("+Bridge"))).toHaveLength(5);
    expect(batches.flat().filter((change) => change.startsWith("~Bridge"))).toHaveLength(5);
  });

  it("gives a subscriber who knows only the changes what the server has, however often that is killed", async () => {
    const replica = await client.monitor(vswitch);
    const shadow = new Map<Uuid, unknown>(replica.rows("Bridge"));
    replica.subscribe((changes) => {
      for (const { table, uuid, before, after } of changes) {
        if (table !== "Bridge") continue;
        expect(shadow.get(uuid)).toEqual(before);
        if (after === undefined) shadow.delete(uuid);
        else shadow.set(uuid, after);
      }
    });
    const writer = createClient({ address: { path: ovs.socket }, ...quick });
    await writer.connect();
    const view = await writer.monitor(vswitch);
    const change = (number: number): Promise<string> => {
      const name = `br${number % 7}`;
      const written = write(writer, (tx) => {
        if (view.find("Bridge", { name }) === undefined) addBridge(tx, name);
        else if (number % 3 === 0) removeBridge(tx, view, name);
        else tx.setKeys("Bridge", { name }, "external_ids", { number: String(number) }, { expect: 1 });
      });
      return written.then(
        () => "done",
        (error: OvsdbError) => error.kind,
      );
    };
    const outcomes: string[] = [];
    for (let round = 0; round < 8; round++) {
      const writes = Array.from({ length: 40 }, (_, index) => change(round * 40 + index));
      // Killed with some of these written, some on their way and some not yet read.
      await writes[round * 4];
      await ovs.end("SIGKILL");
      outcomes.push(...(await Promise.all(writes)));
      await ovs.start();
      await view.until(() => true);
    }
    // Two of a round may want the same bridge made: the second is rejected or has nothing to change.
    expect(["done", "disconnected", "count", "rejected"]).toEqual(expect.arrayContaining([...new Set(outcomes)]));
    writer.close();
    await elsewhere(ovs.socket, async (_, truth) => {
      const same = (now: Replica<Vswitch>): boolean => now.rows("Bridge").size === truth.rows("Bridge").size;
      await replica.until(same);
      expect(new Map(replica.rows("Bridge"))).toEqual(new Map(truth.rows("Bridge")));
    });
    expect(shadow).toEqual(new Map(replica.rows("Bridge")));
    expect(errors).toEqual([]);
  });

  it("sees a database that was replaced by an empty one as the deletion of its rows", async () => {
    await write(client, (tx) => addBridge(tx, "br0"));
    const replica = await client.monitor(vswitch);
    const batches = record(replica);
    await ovs.end("SIGKILL");
    await rm(ovs.database);
    await ovs.createDatabase();
    await ovs.start();
    await replica.until((now) => now.rows("Bridge").size === 0);
    expect(batches.flat()).toEqual(["+Open_vSwitch", "-Bridge br0", "-Interface br0", "-Open_vSwitch", "-Port br0"]);
  });

  it("sees a database that was rolled back as the way back", async () => {
    await write(client, (tx) => addBridge(tx, "br0"));
    const backup = join(ovs.folder, "backup.db");
    await copyFile(ovs.database, backup);
    await write(client, (tx) => addBridge(tx, "br1"));
    const replica = await client.monitor(vswitch);
    const batches = record(replica);
    await ovs.end("SIGKILL");
    await copyFile(backup, ovs.database);
    await ovs.start();
    await replica.until((now) => now.rows("Bridge").size === 1);
    expect(batches).toEqual([["-Bridge br1", "-Interface br1", "-Port br1", "~Open_vSwitch"]]);
  });

  it("waits out a server whose database is corrupt, and keeps its content meanwhile", async () => {
    await write(client, (tx) => addBridge(tx, "br0"));
    const replica = await client.monitor(vswitch);
    const backup = join(ovs.folder, "backup.db");
    await copyFile(ovs.database, backup);
    await ovs.end("SIGKILL");
    await writeFile(ovs.database, "garbage");
    await expect(ovs.start()).rejects.toThrow();
    await reached(client, "backoff");
    expect(replica.synced).toBe(false);
    expect(replica.find("Bridge", { name: "br0" })).toBeDefined();
    await copyFile(backup, ovs.database);
    await ovs.start();
    await synced(replica, true);
  });
});

it("takes other durations while it is connected: a server that falls silent is given up", async () => {
  client.reconfigure({ inactivityMs: 100, requestTimeoutMs: 200 });
  ovs.pause();
  try {
    await reached(client, "backoff");
  } finally {
    ovs.resume();
  }
  await reached(client, "connected");
});
