import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ClientState, createClient, type Json } from "node-ovsdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { vswitch } from "../../unit/ovs/tables.ts";
import { Tap } from "./fakes.ts";
import { quick, reached, rejection } from "./helpers.ts";
import { TestOvs } from "./server.ts";

let ovs: TestOvs;
const clients: { close(): void }[] = [];

function open(options: Partial<Parameters<typeof createClient>[0]> = {}) {
  const client = createClient({ address: { path: ovs.socket }, ...quick, ...options });
  clients.push(client);
  return client;
}

beforeEach(async () => {
  ovs = await TestOvs.create();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await ovs.dispose();
});

describe("connecting", () => {
  it("does nothing until told to", async () => {
    await ovs.start();
    const client = open();
    expect(client.state).toEqual({ state: "idle" });
    expect(await rejection(client.request("list_dbs", []))).toMatchObject({ kind: "disconnected", sent: false });
    await client.connect();
    expect(client.state.state).toBe("connected");
    expect(await client.request("list_dbs", [])).toContain("Open_vSwitch");
  });

  it("fails once with the reason when there is no socket, and leaves the client idle", async () => {
    const client = open();
    expect(await rejection(client.connect())).toMatchObject({ kind: "unreachable", errno: "ENOENT" });
    expect(client.state).toEqual({ state: "idle" });
  });

  it("says that nobody listens on a socket that a killed server left behind", async () => {
    await ovs.start();
    await ovs.end("SIGKILL");
    expect(await rejection(open().connect())).toMatchObject({ kind: "unreachable", errno: "ECONNREFUSED" });
  });

  it("says that a plain file is no socket", async () => {
    const path = join(ovs.folder, "file");
    await writeFile(path, "");
    const error = await rejection(open({ address: { path } }).connect());
    expect(error.kind).toBe("unreachable");
    expect(["ECONNREFUSED", "ENOTSOCK"]).toContain(error.errno);
  });

  it("says that it may not", async () => {
    await ovs.start();
    const client = open();
    const denied = process.getuid?.() === 0 ? deniedAsNobody : deniedByMode;
    expect(await denied(() => rejection(client.connect()))).toMatchObject({ kind: "unreachable", errno: "EACCES" });
    await client.connect();
  });

  it("says that the server accepts nobody, and gets through when it does again", async () => {
    await ovs.start();
    ovs.pause();
    // The kernel queues some connections for a server that does not accept, and refuses the rest.
    const eager = Array.from({ length: 150 }, () => open());
    const outcomes = await Promise.allSettled(eager.map((client) => client.connect()));
    const refused = outcomes.findIndex(({ status }) => status === "rejected");
    expect(outcomes[refused]).toMatchObject({ reason: { kind: "unreachable", errno: "EAGAIN" } });
    const client = eager[refused];
    client?.start();
    ovs.resume();
    await client?.connected();
    expect(await client?.request("list_dbs", [])).toContain("Open_vSwitch");
  });

  it("speaks TCP as well as unix sockets", async () => {
    await ovs.start({ remotes: [`punix:${ovs.socket}`, "ptcp:0:127.0.0.1"] });
    // Port 0 lets the kernel choose one, so that no other test can have it.
    const client = open({ address: { host: "127.0.0.1", port: await ovs.port() } });
    await client.connect();
    expect(await client.request("list_dbs", [])).toContain("Open_vSwitch");
  });

  it("keeps trying in the background until the server is there", async () => {
    const client = open({ random: () => 0 });
    const seen: ClientState[] = [];
    client.onState((state) => seen.push(state));
    client.start();
    const waiting = await reached(client, "backoff");
    expect(waiting).toMatchObject({ cause: { kind: "unreachable", errno: "ENOENT" } });
    await ovs.start();
    await client.connected();
    expect(seen.slice(0, 3).map(({ state }) => state)).toEqual(["connecting", "backoff", "connecting"]);
    expect(seen.flatMap((state) => (state.state === "connecting" ? [state.attempt] : [])).slice(0, 2)).toEqual([1, 2]);
  });

  it("waits longer after each failure, up to the limit, between half of it and all of it", async () => {
    const waitsWith = async (random: number): Promise<number[]> => {
      const waits: number[] = [];
      const client = open({ now: () => 1000, random: () => random, reconnect: { minMs: 2, maxMs: 10 } });
      client.onState((state) => {
        if (state.state === "backoff") waits.push(state.until - 1000);
        if (waits.length === 5) client.close();
      });
      client.start();
      await reached(client, "closed");
      return waits;
    };
    expect(await waitsWith(0)).toEqual([1, 2, 4, 5, 5]);
    expect(await waitsWith(1)).toEqual([2, 4, 8, 10, 10]);
  });

  it("lets one caller give up while another goes on waiting for the same attempt", async () => {
    await ovs.start();
    const client = open();
    const giveUp = new AbortController();
    const first = rejection(client.connect(giveUp.signal));
    const second = client.connect();
    giveUp.abort(new Error("enough"));
    expect(await first).toMatchObject({ message: "enough" });
    await second;
    expect(client.state.state).toBe("connected");
  });

  it("ends the attempt when nobody waits for it any more", async () => {
    await ovs.start();
    const client = open();
    const giveUp = new AbortController();
    const attempt = rejection(client.connect(giveUp.signal));
    giveUp.abort(new Error("enough"));
    expect(await attempt).toMatchObject({ message: "enough" });
    expect(client.state).toEqual({ state: "idle" });
    await client.connect();
  });

  it("is over for good once closed", async () => {
    await ovs.start();
    const client = open();
    await client.connect();
    const asked = rejection(client.request("list_dbs", []));
    client.close();
    client.close();
    expect(await asked).toMatchObject({ kind: "closed" });
    expect(await rejection(client.connect())).toMatchObject({ kind: "closed" });
    expect(await rejection(client.request("list_dbs", []))).toMatchObject({ kind: "closed" });
    expect(() => client.start()).toThrow(expect.objectContaining({ kind: "closed" }));
  });
});

describe("requests", () => {
  it("fail with the server's own words when it refuses them", async () => {
    await ovs.start();
    const client = open();
    await client.connect();
    expect(await rejection(client.request("get_schema", ["Nope"]))).toMatchObject({
      kind: "rpc",
      error: "unknown database",
    });
    expect(await rejection(client.request("no_such_method", []))).toMatchObject({ kind: "rpc" });
    expect(await client.request("list_dbs", [])).toContain("Open_vSwitch");
  });

  it("time out when the server hangs, and the connection serves again when it goes on", async () => {
    await ovs.start();
    const client = open();
    await client.connect();
    ovs.pause();
    const error = await rejection(client.request("list_dbs", [], { timeoutMs: 50 }));
    expect(error).toMatchObject({ kind: "timeout", sent: true });
    ovs.resume();
    // The late answer to the first request comes before this one's, and is ignored.
    expect(await client.request("list_dbs", [])).toContain("Open_vSwitch");
    expect(client.state.state).toBe("connected");
  });

  it("are given up by their signal", async () => {
    await ovs.start();
    const client = open();
    await client.connect();
    ovs.pause();
    const giveUp = new AbortController();
    const asked = rejection(client.request("list_dbs", [], { signal: giveUp.signal }));
    giveUp.abort(new Error("enough"));
    expect(await asked).toMatchObject({ message: "enough" });
    expect(await rejection(client.request("list_dbs", [], { signal: giveUp.signal }))).toMatchObject({
      message: "enough",
    });
    ovs.resume();
    expect(await client.request("list_dbs", [])).toContain("Open_vSwitch");
  });

  it("fail as sent when the server is killed before it answers", async () => {
    await ovs.start();
    const client = open();
    await client.connect();
    ovs.pause();
    const asked = rejection(client.request("list_dbs", []));
    await ovs.end("SIGKILL");
    expect(await asked).toMatchObject({ kind: "disconnected", sent: true });
    await reached(client, "backoff");
    await ovs.start();
    await client.connected();
  });

  it("are refused beyond the bounds on what may be waiting", async () => {
    await ovs.start();
    const client = open({ maxPending: 2, maxOutboundBytes: 1000 });
    await client.connect();
    ovs.pause();
    const asked = [1, 2, 3].map(() => client.request("list_dbs", []));
    expect(await rejection(asked[2] ?? Promise.resolve())).toMatchObject({ kind: "overloaded", sent: false });
    ovs.resume();
    expect(await asked[0]).toContain("Open_vSwitch");
    expect(await asked[1]).toContain("Open_vSwitch");
    ovs.pause();
    // More than the kernel takes for a server that does not read.
    const large = client.request("echo", ["x".repeat(4_000_000)], { timeoutMs: 50 });
    expect(await rejection(client.request("list_dbs", []))).toMatchObject({ kind: "overloaded", sent: false });
    expect(await rejection(large)).toMatchObject({ kind: "timeout" });
    ovs.resume();
  });
});

describe("requests that are no JSON", () => {
  const cyclic: Json[] = [];
  cyclic.push(cyclic);
  // By a caller without types.
  const huge: unknown = 10n;

  it.each<[string, Json]>([
    ["a BigInt", huge as Json],
    ["what contains itself", cyclic],
  ])("are refused, such as %s, and nothing of them is left", async (_, param) => {
    await ovs.start();
    const client = open({ maxPending: 1, requestTimeoutMs: 20 });
    await client.connect();
    expect(await rejection(client.request("echo", [param]))).toMatchObject({ kind: "usage", sent: false });
    ovs.pause();
    // Not told that another one waits already, and later than what a time-out of the first would have been.
    expect(await rejection(client.listDatabases())).toMatchObject({ kind: "timeout" });
    ovs.resume();
  });
});

describe("options", () => {
  it("keep their default when they are given as undefined", async () => {
    await ovs.start();
    const names = [
      "requestTimeoutMs",
      "inactivityMs",
      "reconnect",
      "random",
      "now",
      "onError",
      "maxFrameBytes",
      "maxDepth",
    ];
    const client = open(Object.fromEntries(names.map((name) => [name, undefined])));
    await client.connect();
    client.reconfigure({ requestTimeoutMs: undefined, inactivityMs: undefined, reconnect: undefined });
    const lost = reached(client, "backoff");
    await ovs.end("SIGKILL");
    expect(await lost).toMatchObject({ cause: { kind: "disconnected" } });
    await ovs.start();
    await client.connected();
    expect(await client.listDatabases()).toContain("Open_vSwitch");
  });

  it("still bound what may wait when they are given as undefined", async () => {
    await ovs.start();
    const client = open({ maxPending: undefined, maxOutboundBytes: undefined });
    await client.connect();
    ovs.pause();
    const asked = Array.from({ length: 1001 }, () => client.request("list_dbs", []));
    expect(await rejection(asked.at(-1) ?? Promise.resolve())).toMatchObject({ kind: "overloaded" });
    ovs.resume();
    await Promise.all(asked.slice(0, -1));
    ovs.pause();
    const large = client.request("echo", ["x".repeat(18_000_000)]);
    expect(await rejection(client.listDatabases())).toMatchObject({ kind: "overloaded" });
    ovs.resume();
    await large;
  });

  it.each([Infinity, 2 ** 31])("may be %d ms, which is never reached", async (ms) => {
    await ovs.start();
    const client = open({ requestTimeoutMs: ms, inactivityMs: ms, reconnect: { minMs: ms, maxMs: ms } });
    const states: string[] = [];
    client.onState(({ state }) => states.push(state));
    await client.connect();
    expect(await client.request("list_dbs", [], { timeoutMs: ms })).toContain("Open_vSwitch");
    const replica = await client.monitor(vswitch);
    const never = rejection(replica.until(() => false, undefined, ms));
    ovs.pause();
    const asked = rejection(client.request("list_dbs", [], { timeoutMs: ms }));
    // Any timer of 1 ms would have run out by then.
    expect(await rejection(client.request("list_dbs", [], { timeoutMs: 50 }))).toMatchObject({ kind: "timeout" });
    expect(states).toEqual(["connecting", "connected"]);
    await ovs.end("SIGKILL");
    expect(await asked).toMatchObject({ kind: "disconnected" });
    const waiting = await reached(client, "backoff");
    expect(waiting.state === "backoff" && waiting.until).toBeGreaterThan(Date.now() + 2 ** 29);
    client.close();
    expect(await never).toMatchObject({ kind: "closed" });
  });
});

describe("a silent server", () => {
  it("is given up after it has not even answered an echo, and found again when it goes on", async () => {
    await ovs.start();
    const client = open({ inactivityMs: 200 });
    await client.connect();
    ovs.pause();
    const asked = rejection(client.request("list_dbs", []));
    const lost = await reached(client, "backoff");
    expect(lost).toMatchObject({ cause: { kind: "disconnected" } });
    expect(await asked).toMatchObject({ kind: "disconnected", sent: true });
    ovs.resume();
    await client.connected();
    expect(await client.request("list_dbs", [])).toContain("Open_vSwitch");
  });

  it("is kept as long as it answers the echo", async () => {
    await ovs.start();
    const tap = await Tap.open(join(ovs.folder, "tap.sock"), ovs.socket);
    clients.push(tap);
    const client = open({ address: { path: tap.path }, inactivityMs: 200 });
    await client.connect();
    const states: ClientState[] = [];
    client.onState((state) => states.push(state));
    await tap.until(({ toClient }) => toClient.filter(({ id }) => id === "probe").length >= 3);
    expect(states).toEqual([]);
    expect(client.state.state).toBe("connected");
  });

  it("asks whether the client lives, and is answered", async () => {
    await ovs.start({ remotes: [`punix:${ovs.socket}`, "db:Open_vSwitch,Open_vSwitch,manager_options"] });
    const probing = join(ovs.folder, "probing.sock");
    const admin = open();
    await admin.connect();
    const row = { target: `punix:${probing}`, inactivity_probe: 1000 };
    const add = { op: "insert", table: "Manager", row, "uuid-name": "manager" };
    const refer = {
      op: "update",
      table: "Open_vSwitch",
      where: [],
      row: { manager_options: ["named-uuid", "manager"] },
    };
    await admin.request("transact", ["Open_vSwitch", add, refer]);
    const tap = await Tap.open(join(ovs.folder, "tap.sock"), probing);
    clients.push(tap);
    const client = open({ address: { path: tap.path } });
    await client.connect();
    // The server drops a client that has not answered its echo when the next is due.
    await tap.until(({ toClient }) => toClient.filter(({ method }) => method === "echo").length >= 2);
    expect(tap.toServer.filter(({ id }) => id === "echo").length).toBeGreaterThanOrEqual(1);
    expect(client.state.state).toBe("connected");
  });
});

describe("a process that is stopped for a while, while the server answers", () => {
  // In the phase before the timers, which so run before the sockets are read: as after SIGCONT.
  const stopped = (): Promise<void> =>
    new Promise((resolve) => {
      setImmediate(() => {
        ovs.resume();
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
        resolve();
      });
    });

  it("gets the answer afterwards, late as it is", async () => {
    await ovs.start();
    const client = open();
    await client.connect();
    ovs.pause();
    const asked = client.request("list_dbs", [], { timeoutMs: 500 });
    await stopped();
    expect(await asked).toContain("Open_vSwitch");
  });

  it("keeps the connection, although the answer to its echo is overdue", async () => {
    await ovs.start();
    const client = open({ inactivityMs: 500 });
    await client.connect();
    ovs.pause();
    const states: ClientState[] = [];
    client.onState((state) => states.push(state));
    // The timer of the connection is older, so the echo has just been sent.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await stopped();
    expect(await client.request("list_dbs", [])).toContain("Open_vSwitch");
    expect(states).toEqual([]);
  });
});

/** Root is never refused, so for a moment this process is somebody else. */
async function deniedAsNobody<T>(act: () => Promise<T>): Promise<T> {
  process.seteuid?.(65534);
  try {
    return await act();
  } finally {
    process.seteuid?.(0);
  }
}

async function deniedByMode<T>(act: () => Promise<T>): Promise<T> {
  await chmod(ovs.folder, 0);
  try {
    return await act();
  } finally {
    await chmod(ovs.folder, 0o700);
  }
}
