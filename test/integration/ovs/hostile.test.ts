import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, type ClientOptions, createClient, OvsdbError } from "node-ovsdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { vswitch } from "../../unit/ovs/tables.ts";
import { FakeServer, type Peer } from "./fakes.ts";
import { quick, reached, rejection } from "./helpers.ts";

type Message = Readonly<Record<string, unknown>>;

let folder: string;
const open: { close(): void }[] = [];

async function fakeServer(
  onMessage?: (peer: Peer, message: Message) => void,
  onConnect?: (peer: Peer) => void,
): Promise<FakeServer> {
  const fake = await FakeServer.open(join(folder, "fake.sock"), onMessage, onConnect);
  open.push(fake);
  return fake;
}

function clientOf(fake: FakeServer, options: Partial<ClientOptions> = {}): Client {
  const client = createClient({ address: { path: fake.path }, ...quick, onError: () => undefined, ...options });
  open.push(client);
  return client;
}

/** A row as `monitor` tells it. */
function bridge(name: unknown): Message {
  const columns = { fail_mode: ["set", []], other_config: ["map", []], external_ids: ["map", []], ports: ["set", []] };
  return { new: { name, datapath_type: "", ...columns } };
}

const id = (digit: number): string => `00000000-0000-4000-8000-00000000000${digit}`;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dcl-fake-"));
});

afterEach(async () => {
  for (const each of open.splice(0)) each.close();
  await rm(folder, { recursive: true, force: true });
});

describe("a peer that is no OVSDB server", () => {
  it.each<[string, string | Buffer]>([
    ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["bytes that are no UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ["an object that is no message", '{"hello":"world"}'],
    ["an answer to nothing", '{"id":77,"result":[],"error":null}'],
    ["an answer with a wrong id", '{"id":"x","result":[],"error":null}'],
    ["too deep a message", `{"a":${"[".repeat(100)}`],
    ["too long a message", `{"a":"${"x".repeat(20_000)}`],
  ])("is dropped for sending %s, and the waiting request fails", async (_, bytes) => {
    const fake = await fakeServer((peer) => peer.send(bytes));
    const client = clientOf(fake, { maxFrameBytes: 10_000 });
    await client.connect();
    const lost = reached(client, "backoff");
    const error = await rejection(client.request("list_dbs", []));
    expect(error).toMatchObject({ kind: "disconnected", sent: true, cause: { kind: "protocol" } });
    expect(await lost).toMatchObject({ cause: { kind: "protocol" } });
  });

  it("is tried again after waits that grow until it says something that makes sense", async () => {
    const sense = '{"id":null,"method":"hello","params":[]}';
    const fake = await fakeServer(undefined, (peer) =>
      peer.send(fake.connections === 5 ? `${sense}nonsense` : "nonsense"),
    );
    const client = clientOf(fake, { now: () => 0, random: () => 1 });
    const { promise, resolve } = Promise.withResolvers<void>();
    const waits: number[] = [];
    client.onState((state) => {
      if (state.state === "backoff" && waits.push(state.until) === 6) resolve();
    });
    client.start();
    await promise;
    expect(waits).toEqual([5, 10, 20, 20, 5, 10]);
  });
});

describe("a server", () => {
  it("may send one message byte by byte and many in one piece", async () => {
    const text = JSON.stringify({ id: 1, result: ["ä€😀"], error: null });
    const fake = await fakeServer((peer, message) => {
      if (message.id !== 1) return;
      for (const byte of Buffer.from(text)) peer.send(Buffer.from([byte]));
      peer.send(`${JSON.stringify({ id: 2, result: 2, error: null })}\n{"id":3,"result":3,"error":null}`);
    });
    const client = clientOf(fake);
    await client.connect();
    const asked = [1, 2, 3].map(() => client.request("list_dbs", []));
    expect(await Promise.all(asked)).toEqual([["ä€😀"], 2, 3]);
  });

  it("may answer with 50 MB", async () => {
    const fake = await fakeServer((peer, { id }) => peer.send({ id, result: "x".repeat(50_000_000), error: null }));
    const client = clientOf(fake);
    await client.connect();
    expect(String(await client.request("list_dbs", []))).toHaveLength(50_000_000);
  });

  it("gets an echo back as it was, and is refused any other request", async () => {
    const fake = await fakeServer(undefined, (peer) => {
      peer.send({ id: "e", method: "echo", params: ["x", { y: 1 }] });
      peer.send({ id: 5, method: "reboot", params: [] });
      peer.send({ id: null, method: "unheard_of", params: [1] });
    });
    const client = clientOf(fake);
    await client.connect();
    await fake.receives(2);
    expect(fake.received).toEqual([
      { id: "e", result: ["x", { y: 1 }], error: null },
      { id: 5, result: null, error: "unknown method" },
    ]);
    expect(client.state.state).toBe("connected");
  });

  it("may hang up in the middle of a message", async () => {
    const fake = await fakeServer((peer) => {
      peer.send('{"id":1,"result":["half');
      peer.hangUp();
    });
    const client = clientOf(fake);
    await client.connect();
    expect(await rejection(client.request("list_dbs", []))).toMatchObject({ kind: "disconnected", sent: true });
  });

  it("may send updates in the same piece as the snapshot that they build on", async () => {
    const fake = await fakeServer((peer, { id: request, params, method }) => {
      if (method !== "monitor" || !Array.isArray(params)) return;
      const answer = { id: request, result: { Bridge: { [id(1)]: bridge("br1") } }, error: null };
      const insertion = { id: null, method: "update", params: [params[1], { Bridge: { [id(2)]: bridge("br2") } }] };
      const deletion = { id: null, method: "update", params: [params[1], { Bridge: { [id(1)]: { old: {} } } }] };
      const foreign = { id: null, method: "update", params: ["another", { Nowhere: {} }] };
      peer.send([answer, insertion, deletion, foreign].map((message) => JSON.stringify(message)).join(""));
    });
    const client = clientOf(fake);
    await client.connect();
    const replica = await client.monitor(vswitch, { Bridge: ["name"] }, { method: "monitor" });
    expect([...replica.rows("Bridge").values()].map((row) => row.name)).toEqual(["br2"]);
  });

  it("may send updates behind a snapshot that cannot be read: only that replica fails", async () => {
    const fake = await fakeServer((peer, { id: request, params, method }) => {
      if (method !== "monitor" || !Array.isArray(params)) return;
      const answer = { id: request, result: { Bridge: { [id(1)]: bridge(5) } }, error: null };
      const update = { id: null, method: "update", params: [params[1], { Bridge: { [id(1)]: bridge(6) } }] };
      peer.send(JSON.stringify(answer) + JSON.stringify(update));
    });
    const client = clientOf(fake);
    await client.connect();
    expect(await rejection(client.monitor(vswitch, { Bridge: ["name"] }, { method: "monitor" }))).toMatchObject({
      kind: "bad-value",
    });
    await fake.receives(2);
    expect(fake.received[1]).toMatchObject({ method: "monitor_cancel" });
    expect(client.state.state).toBe("connected");
  });

  it("may answer a request for a lock in one piece with what makes the consumer close: the wait ends", async () => {
    const fake = await fakeServer((peer, { id: request, method }) => {
      if (method !== "list_dbs") return;
      const queued = { id: 1, result: { locked: false }, error: null };
      const names = { id: request, result: [], error: null };
      peer.send(JSON.stringify(queued) + JSON.stringify(names));
    });
    const client = clientOf(fake);
    await client.connect();
    const lock = rejection(client.lock("agent"));
    await client.request("list_dbs", []);
    client.close();
    expect(await lock).toMatchObject({ kind: "closed" });
  });

  it("that sends an update which cannot be read is left, and the content is fetched anew", async () => {
    let first = true;
    const fake = await fakeServer((peer, { id: request, params, method }) => {
      if (method !== "monitor" || !Array.isArray(params)) return;
      peer.send({ id: request, result: { Bridge: { [id(1)]: bridge(first ? "old" : "new") } }, error: null });
      if (first) peer.send({ id: null, method: "update", params: [params[1], { Bridge: { [id(1)]: bridge(5) } }] });
      first = false;
    });
    const client = clientOf(fake);
    await client.connect();
    const lost = reached(client, "backoff");
    const replica = await client.monitor(vswitch, { Bridge: ["name"] }, { method: "monitor" });
    expect(await lost).toMatchObject({ cause: { kind: "bad-value", table: "Bridge", column: "name" } });
    await replica.until((now) => now.find("Bridge", { name: "new" }) !== undefined);
  });

  it("that refuses to renew a replica is asked again after growing waits; all else stands", async () => {
    let refusals = 0;
    const asked: number[] = [];
    const fake = await fakeServer((peer, { id: request, method }) => {
      if (method === "hang_up") peer.hangUp();
      else if (method === "lock") peer.send({ id: request, result: { locked: true }, error: null });
      else if (refusals === 0) peer.send({ id: request, result: { Bridge: {} }, error: null });
      else {
        asked.push(performance.now());
        if (asked.length > refusals) peer.send({ id: request, result: { Bridge: {} }, error: null });
        else peer.send({ id: request, result: null, error: { error: "unknown database", details: "not now" } });
      }
    });
    const errors: unknown[] = [];
    const client = clientOf(fake, { onError: (error) => errors.push(error), random: () => 1 });
    await client.connect();
    const lock = await client.lock("agent");
    const replica = await client.monitor(vswitch, { Bridge: ["name"] }, { method: "monitor" });
    refusals = 4;
    expect(await rejection(client.request("hang_up", []))).toMatchObject({ kind: "disconnected" });
    await client.connected();
    const seen: unknown[] = [];
    client.onState(({ state }) => seen.push(state));
    await replica.until(() => true);
    expect(lock.owned).toBe(true);
    expect(seen).toEqual([]);
    expect(fake.connections).toBe(2);
    expect(errors).toMatchObject(Array.from({ length: 4 }, () => ({ error: "unknown database" })));
    const waits = asked.slice(1).map((time, index) => time - (asked[index] ?? 0));
    // A timer may run a part of a millisecond early, and any time late.
    for (const [index, least] of [5, 10, 20, 20].entries()) expect(waits[index]).toBeGreaterThanOrEqual(least - 1);
  });

  it("that renews a replica with what cannot be read is asked again, once it has been told to stop", async () => {
    let name: unknown = "br0";
    const fake = await fakeServer((peer, { id: request, method }) => {
      if (method === "hang_up") peer.hangUp();
      else if (method === "monitor_cancel") peer.send({ id: request, result: {}, error: null });
      else peer.send({ id: request, result: { Bridge: { [id(1)]: bridge(name) } }, error: null });
    });
    const told = Promise.withResolvers<unknown>();
    const client = clientOf(fake, { onError: told.resolve });
    await client.connect();
    const replica = await client.monitor(vswitch, { Bridge: ["name"] }, { method: "monitor" });
    name = 5;
    expect(await rejection(client.request("hang_up", []))).toMatchObject({ kind: "disconnected" });
    expect(await told.promise).toMatchObject({ kind: "bad-value", column: "name" });
    name = "br1";
    await replica.until((now) => now.find("Bridge", { name: "br1" }) !== undefined);
    const methods = fake.received.map(({ method }) => method);
    expect(methods.slice(0, 5)).toEqual(["monitor", "hang_up", "monitor", "monitor_cancel", "monitor"]);
    expect(fake.connections).toBe(2);
  });

  it("that never answers a renewal is left after the time-out, each time for longer", async () => {
    let accept = true;
    const fake = await fakeServer((peer, { id: request, method }) => {
      if (method === "hang_up") peer.hangUp();
      else if (method === "lock") peer.send({ id: request, result: { locked: true }, error: null });
      else if (accept) peer.send({ id: request, result: { Bridge: {} }, error: null });
    });
    const errors: unknown[] = [];
    const onError = (error: unknown) => errors.push(error);
    const client = clientOf(fake, { onError, now: () => 0, random: () => 1, requestTimeoutMs: 50 });
    await client.connect();
    // Renewed each time, and before the replica is not: that does not make the connection a good one.
    await client.lock("agent");
    const replica = await client.monitor(vswitch, { Bridge: ["name"] }, { method: "monitor" });
    accept = false;
    const waits: number[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    client.onState((state) => {
      if (state.state !== "backoff" || waits.push(state.until) < 4) return;
      accept = true;
      resolve();
    });
    expect(await rejection(client.request("hang_up", []))).toMatchObject({ kind: "disconnected" });
    await promise;
    expect(waits).toEqual([5, 10, 20, 20]);
    expect(errors).toMatchObject(Array.from({ length: 3 }, () => ({ kind: "timeout" })));
    await replica.until(() => true);
  });

  it("that never answers the monitor is left after the time-out and asked again", async () => {
    const fake = await fakeServer((peer, { id: request, method }) => {
      if (method === "monitor" && fake.connections > 1) peer.send({ id: request, result: { Bridge: {} }, error: null });
    });
    const client = clientOf(fake, { requestTimeoutMs: 50 });
    await client.connect();
    const replica = await client.monitor(vswitch, { Bridge: ["name"] }, { method: "monitor" });
    expect(replica.synced).toBe(true);
    expect(fake.connections).toBe(2);
  });

  it("may take longer for a snapshot than the time-out, as long as more of it comes", async () => {
    const fake = await fakeServer((peer, { id: request }) => {
      const text = JSON.stringify({ id: request, result: { Bridge: { [id(1)]: bridge("br0") } }, error: null });
      const pieces = text.match(/.{1,10}/g) ?? [];
      const timer = setInterval(() => {
        const piece = pieces.shift();
        if (piece === undefined) clearInterval(timer);
        else peer.send(piece);
      }, 50);
    });
    const client = clientOf(fake, { requestTimeoutMs: 400 });
    await client.connect();
    const replica = await client.monitor(vswitch, { Bridge: ["name"] }, { method: "monitor" });
    expect(replica.rows("Bridge").size).toBe(1);
    expect(fake.connections).toBe(1);
  });

  it("that stops in the middle of an answer is left after the time-out all the same", async () => {
    const fake = await fakeServer((peer) => peer.send('{"id":1,"result":["half'));
    const client = clientOf(fake);
    await client.connect();
    const asked = rejection(client.request("list_dbs", [], { timeoutMs: 50 }));
    expect(await asked).toMatchObject({ kind: "timeout", sent: true });
  });

  it("whose snapshot is longer than the bound is told of each time, with what to do", async () => {
    const fake = await fakeServer((peer, { id: request }) => peer.send({ id: request, result: "x".repeat(20_000) }));
    const errors: OvsdbError[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const onError = (error: unknown): void => {
      if (error instanceof OvsdbError && errors.push(error) === 2) resolve();
    };
    const client = clientOf(fake, { maxFrameBytes: 10_000, onError });
    await client.connect();
    const waiting = rejection(client.monitor(vswitch, { Bridge: ["name"] }, { method: "monitor" }));
    await promise;
    expect(fake.connections).toBe(2);
    for (const { kind, message } of errors) expect(`${kind}: ${message}`).toMatch(/^protocol: .*longer.*maxFrameBytes/);
    client.close();
    expect(await waiting).toMatchObject({ kind: "closed" });
  });
});
