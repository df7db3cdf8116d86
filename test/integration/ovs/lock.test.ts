import { join } from "node:path";
import { type Client, type ClientOptions, createClient, type Lock } from "node-ovsdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { vswitch } from "../../unit/ovs/tables.ts";
import { quick, reached, rejection, write } from "./helpers.ts";
import { TestOvs } from "./server.ts";

let ovs: TestOvs;
const clients: Client[] = [];

async function connected(path = ovs.socket, options: Partial<ClientOptions> = {}): Promise<Client> {
  const client = createClient({ address: { path }, ...quick, ...options });
  clients.push(client);
  await client.connect();
  return client;
}

/** Waits until the lock is ours, or is not. */
async function turned(lock: Lock, owned: boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const remove = lock.onChange((now) => {
    if (now === owned) resolve();
  });
  if (lock.owned === owned) resolve();
  return promise.finally(remove);
}

/** Whether the server lets this client write under the lock. */
async function mayWrite(client: Client): Promise<boolean> {
  const attempt = write(client, (tx) => {
    tx.assertLock("agent");
    tx.increment("Open_vSwitch", "all", "next_cfg");
  });
  return attempt.then(
    () => true,
    (error: unknown) => {
      expect(error).toMatchObject({ kind: "not-owner", operation: 0 });
      return false;
    },
  );
}

beforeEach(async () => {
  ovs = await TestOvs.create();
  await ovs.start();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await ovs.dispose();
});

describe("a lock", () => {
  it("is held by one client; the next gets it when it is given back", async () => {
    const [a, b] = [await connected(), await connected()];
    const first = await a.lock("agent");
    expect(first.owned).toBe(true);
    const queued = b.lock("agent");
    expect([await mayWrite(a), await mayWrite(b)]).toEqual([true, false]);
    await first.release();
    expect(first.owned).toBe(false);
    const second = await queued;
    expect(second.owned).toBe(true);
    expect([await mayWrite(a), await mayWrite(b)]).toEqual([false, true]);
  });

  it("passes to the next in the queue when its owner dies", async () => {
    const [a, b] = [await connected(), await connected()];
    await a.lock("agent");
    const queued = b.lock("agent");
    a.close();
    expect((await queued).owned).toBe(true);
  });

  it("can be asked for without waiting for it", async () => {
    const [a, b] = [await connected(), await connected()];
    const first = await a.lock("agent");
    const second = await b.lock("agent", undefined, { wait: false });
    expect(second.owned).toBe(false);
    await first.release();
    await turned(second, true);
  });

  it("can be stolen; the robbed client hears of it, may not write, and gets it back when the thief is done", async () => {
    const [a, b] = [await connected(), await connected()];
    const first = await a.lock("agent");
    const told: boolean[] = [];
    first.onChange((owned) => told.push(owned));
    const second = await b.lock("agent", undefined, { steal: true });
    expect(second.owned).toBe(true);
    await turned(first, false);
    expect([await mayWrite(a), await mayWrite(b)]).toEqual([false, true]);
    await second.release();
    await turned(first, true);
    expect(told).toEqual([false, true]);
    expect(await mayWrite(a)).toBe(true);
  });

  it("leaves the queue when its signal is aborted", async () => {
    const [a, b, c] = [await connected(), await connected(), await connected()];
    const first = await a.lock("agent");
    const giveUp = new AbortController();
    const queued = rejection(b.lock("agent", giveUp.signal));
    await b.request("list_dbs", []);
    const third = c.lock("agent");
    await c.request("list_dbs", []);
    giveUp.abort(new Error("enough"));
    expect(await queued).toMatchObject({ message: "enough" });
    await first.release();
    expect((await third).owned).toBe(true);
    // It has left for good and can ask again.
    const again = b.lock("agent");
    await (await third).release();
    expect((await again).owned).toBe(true);
  });

  it("is asked for again after a reconnect", async () => {
    const a = await connected();
    const lock = await a.lock("agent");
    const told: boolean[] = [];
    lock.onChange((owned) => told.push(owned));
    await ovs.end("SIGKILL");
    await turned(lock, false);
    await ovs.start();
    await turned(lock, true);
    expect(told).toEqual([false, true]);
    expect(await mayWrite(a)).toBe(true);
  });

  it("that was stolen is not stolen again after a reconnect", async () => {
    const a = await connected();
    const stolen = await a.lock("agent", undefined, { steal: true });
    await ovs.end("SIGKILL");
    const path = join(ovs.folder, "other.sock");
    await ovs.start({ remotes: [`punix:${path}`] });
    const b = await connected(path);
    const rival = await b.lock("agent");
    await ovs.appctl("server", "ovsdb-server/add-remote", `punix:${ovs.socket}`);
    await reached(a, "connected");
    // The server answers in order: this comes after the answer to the new request for the lock.
    await a.request("list_dbs", []);
    expect([stolen.owned, rival.owned]).toEqual([false, true]);
    await rival.release();
    await turned(stolen, true);
  });

  it("that is given up and asked for again is not ours by what the server says of the first request", async () => {
    const [a, b, c] = [await connected(), await connected(), await connected()];
    const first = await a.lock("agent");
    const given = await b.lock("agent", undefined, { wait: false });
    const third = await c.lock("agent", undefined, { wait: false });
    const told: boolean[] = [];
    // What the two clients send, the server reads at once: the lock passes to the second and then on to the third.
    ovs.pause();
    const done = first.release();
    const gone = given.release();
    const again = b.lock("agent", undefined, { wait: false });
    ovs.resume();
    await Promise.all([done, gone]);
    const second = await again;
    second.onChange((owned) => told.push(owned));
    await turned(third, true);
    await b.listDatabases();
    expect([second.owned, told, await mayWrite(b), await mayWrite(c)]).toEqual([false, [], false, true]);
  });

  it("is given back however many requests wait, and is held anew by a client that may have few", async () => {
    const a = await connected(undefined, { maxPending: 2, maxOutboundBytes: 1000 });
    const names = ["agent", "two", "three", "four"];
    const locks: Lock[] = [];
    for (const name of names) locks.push(await a.lock(name));
    await ovs.end("SIGKILL");
    await Promise.all(locks.map((lock) => turned(lock, false)));
    await ovs.start();
    await Promise.all(locks.map((lock) => turned(lock, true)));
    const b = await connected();
    ovs.pause();
    // More than the kernel takes for a server that does not read.
    const waiting = [a.request("echo", ["x".repeat(4_000_000)]), rejection(a.listDatabases())];
    const replica = rejection(a.monitor(vswitch));
    const released = locks[0]?.release();
    ovs.resume();
    expect(await waiting[1]).toMatchObject({ kind: "overloaded" });
    expect(await replica).toMatchObject({ kind: "overloaded" });
    await Promise.all([released, waiting[0]]);
    expect((await b.lock("agent")).owned).toBe(true);
  });

  it("is asked for only once by one client", async () => {
    const a = await connected();
    const lock = await a.lock("agent");
    expect(await rejection(a.lock("agent"))).toMatchObject({ kind: "usage" });
    await lock.release();
    await lock.release();
    expect((await a.lock("agent")).owned).toBe(true);
  });

  it("fails with the client when that is closed, at whatever moment", async () => {
    const a = await connected();
    await a.lock("agent");
    const b = await connected();
    const queued = rejection(b.lock("agent"));
    // In one piece with the lock's own answer, or not: closed before or after that has been taken in.
    await b.request("list_dbs", []);
    b.close();
    expect(await queued).toMatchObject({ kind: "closed" });
    const c = await connected();
    const unanswered = rejection(c.lock("agent"));
    c.close();
    expect(await unanswered).toMatchObject({ kind: "closed" });
  });
});
