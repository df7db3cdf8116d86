import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttp, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import type { ControllerEvent } from "../../../agent/controller/ports.ts";
import { writeAnswer } from "../../controller/schema.ts";
import { Subject } from "./subject.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

/** A WebSocket server that does what `accept` does to each connection; no pongs by itself. */
async function hostile(accept: (socket: WebSocket, uid: Buffer) => void, deflate = false): Promise<string> {
  const server = createHttp();
  const upgrades = new WebSocketServer({ server, autoPong: false, perMessageDeflate: deflate });
  upgrades.on("connection", (socket) => {
    socket.on("error", () => undefined);
    socket.once("message", (data) => accept(socket, uidIn(data)));
  });
  return await listen(server);
}

/** The instance uid is the first field of every report: header, tag, length, 16 bytes. */
function uidIn(data: WebSocket.RawData): Buffer {
  return Buffer.from((data as Buffer).subarray(3, 19));
}

async function listen(server: Server | ReturnType<typeof createServer>): Promise<string> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  open.push({
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/opamp`;
}

function subject(endpoint: string, timing = {}): Subject {
  const made = new Subject([endpoint], timing);
  open.push({ close: () => made.stop() });
  return made;
}

const lost = (event: ControllerEvent): event is Extract<ControllerEvent, { step: "lost" }> => event.step === "lost";

async function lostBecause(endpoint: string, timing = {}): Promise<string> {
  const agent = subject(endpoint, timing);
  const { problem } = await agent.event(lost);
  // Whatever came, the agent lives and will try again.
  expect(agent.controller.status?.session).not.toBe("off");
  return problem.code;
}

describe("a controller that sends what is no message", () => {
  it.each<[string, (uid: Buffer) => Uint8Array]>([
    [
      "a truncated message",
      (uid) => writeAnswer({ instanceUid: uid, errorResponse: { errorMessage: "xxxxxxxx" } }).subarray(0, -4),
    ],
    ["bytes by chance", () => Uint8Array.from({ length: 500 }, (_, index) => (index * 7919) % 251)],
    ["a header of 1", (uid) => Uint8Array.of(1, ...writeAnswer({ instanceUid: uid }).subarray(1))],
    ["a header of two bytes", (uid) => Uint8Array.of(0x80, 0, ...writeAnswer({ instanceUid: uid }).subarray(1))],
    ["no header", (uid) => writeAnswer({ instanceUid: uid }).subarray(1)],
    ["an empty frame", () => new Uint8Array()],
    ["groups 10,000 deep", () => Uint8Array.from({ length: 10_001 }, (_, index) => (index === 0 ? 0 : 0xa3))],
  ])("is dropped and backed off from: %s", async (_name, bytes) => {
    expect(await lostBecause(await hostile((socket, uid) => socket.send(bytes(uid))))).toBe("E_CONTROLLER_MALFORMED");
  });

  it("is dropped after a text frame", async () => {
    const closed = Promise.withResolvers<void>();
    const endpoint = await hostile((socket) => {
      socket.once("close", () => closed.resolve());
      socket.send("configuration: please");
    });
    expect(await lostBecause(endpoint)).toBe("E_CONTROLLER_MALFORMED");
    await closed.promise;
  });

  it("is dropped with 1009 when a frame is over the limit, before it has arrived", async () => {
    const code = Promise.withResolvers<number>();
    const endpoint = await hostile((socket) => {
      socket.once("close", (why) => code.resolve(why));
      socket.send(Buffer.alloc(8 * 1024 * 1024 + 1));
    });
    expect(await lostBecause(endpoint)).toBe("E_CONTROLLER_MALFORMED");
    expect([1006, 1009]).toContain(await code.promise);
  });

  it("is dropped when it sends one message in fragments that never end", async () => {
    const endpoint = await hostile((socket) => {
      const drip = setInterval(() => socket.send(Buffer.alloc(10), { fin: false }), 20);
      socket.once("close", () => clearInterval(drip));
    });
    expect(await lostBecause(endpoint)).toBe("E_CONTROLLER_SILENT");
  });

  it("is never offered compression, and is dropped when it compresses all the same", async () => {
    const offered = Promise.withResolvers<string | undefined>();
    const server = createHttp();
    server.on("upgrade", (request, socket) => {
      offered.resolve(request.headers["sec-websocket-extensions"]);
      upgradeByHand(request, socket);
      // FIN and RSV1, binary, four bytes: the head of a compressed message.
      socket.write(Uint8Array.of(0xc2, 4, 1, 2, 3, 4));
    });
    expect(await lostBecause(await listen(server))).toBe("E_CONTROLLER_MALFORMED");
    expect(await offered.promise).toBeUndefined();
  });

  it.each<[string, string | undefined, () => Iterable<Uint8Array>]>([
    ["a gigabyte in a megabyte, as the extension that it says we agreed on", "permessage-deflate", bomb],
    ["a gigabyte in a megabyte, without an agreement", undefined, bomb],
    [
      "a frame that is to have 2^63-1 bytes",
      undefined,
      () => endless([0x82, 127, 0x7f, ...Array<number>(7).fill(0xff)]),
    ],
    ["a frame that is to have a terabyte", undefined, () => endless([0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0])],
    ["a message in fragments of a byte", undefined, fragments],
  ])("is dropped with memory to spare when it sends %s", async (_name, extension, frames) => {
    const before = process.memoryUsage().rss;
    let most = before;
    const watching = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
    }, 2);
    open.push({ close: () => clearInterval(watching) });
    const server = createHttp();
    server.on("upgrade", (request, socket) => {
      socket.on("error", () => undefined);
      upgradeByHand(request, socket, extension);
      void pour(frames(), socket);
    });
    expect(await lostBecause(await listen(server))).toBe("E_CONTROLLER_MALFORMED");
    expect(most - before).toBeLessThan(200 * 1024 * 1024);
  });

  it("is not sent a pong for every ping when it reads none of them", async () => {
    const count = 150_000;
    const read = Promise.withResolvers<number>();
    const ping = Buffer.concat([Uint8Array.of(0x89, 125), Buffer.alloc(125)]);
    const server = createHttp();
    const takeNothing = async (request: IncomingMessage, socket: Duplex): Promise<void> => {
      socket.on("error", () => undefined).pause();
      upgradeByHand(request, socket);
      await pour(repeated(Buffer.concat(Array<Buffer>(100).fill(ping)), count / 100), socket);
      socket.end(Uint8Array.of(0x88, 0));
      let bytes = 0;
      socket.on("data", (data: Buffer) => {
        bytes += data.length;
      });
      socket.once("end", () => read.resolve(bytes)).resume();
    };
    server.on("upgrade", (request, socket) => void takeNothing(request, socket));
    const agent = subject(await listen(server), { ackTimeoutMs: 60_000, heartbeatMs: 60_000 });
    expect(await read.promise).toBeLessThan((count * 131) / 2);
    expect((await agent.event(lost)).problem.code).toBe("E_CONTROLLER_CLOSED");
  });
});

/** Blocks that end with a full flush stand for themselves, so that one of them a thousand times is one stream. */
function bomb(): Iterable<Uint8Array> {
  const block = deflateRawSync(Buffer.alloc(1024 * 1024), { finishFlush: constants.Z_FULL_FLUSH });
  const compressed = Buffer.concat(Array<Buffer>(1024).fill(block));
  const start = inflateRawSync(compressed.subarray(0, 20 * block.length), { finishFlush: constants.Z_SYNC_FLUSH });
  expect(start).toHaveLength(20 * 1024 * 1024);
  const head = Buffer.from([0xc2, 127, 0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(compressed.length, 6);
  return [head, compressed];
}

function* endless(head: readonly number[]): Iterable<Uint8Array> {
  yield Uint8Array.from(head);
  yield* repeated(Buffer.alloc(64 * 1024), 10_000);
}

function* fragments(): Iterable<Uint8Array> {
  yield Uint8Array.of(0x02, 1, 0);
  yield* repeated(Buffer.concat(Array<Uint8Array>(1000).fill(Uint8Array.of(0x00, 1, 0))), 8_000);
}

function* repeated(chunk: Uint8Array, count: number): Iterable<Uint8Array> {
  for (let sent = 0; sent < count; sent += 1) yield chunk;
}

/** Writes as fast as the other side reads, until it has enough. */
async function pour(chunks: Iterable<Uint8Array>, socket: Duplex): Promise<void> {
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  for (const chunk of chunks) {
    if (socket.destroyed) return;
    if (!socket.write(chunk)) await Promise.race([closed, once(socket, "drain")]);
  }
}

function upgradeByHand({ headers }: IncomingMessage, socket: Duplex, extension?: string): void {
  const magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const digest = createHash("sha1")
    .update(`${String(headers["sec-websocket-key"])}${magic}`)
    .digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${digest}\r\n${extension === undefined ? "" : `Sec-WebSocket-Extensions: ${extension}\r\n`}\r\n`,
  );
}

describe("a controller that speaks to somebody else", () => {
  const config = {
    configHash: Buffer.from("c0ffee", "hex"),
    config: { configMap: { "": { body: Buffer.from("version: 1") } } },
  };

  it.each<[string, Buffer]>([
    ["another agent", Buffer.alloc(16, 7)],
    ["nobody", Buffer.alloc(0)],
    ["an id of 15 bytes", Buffer.alloc(15, 7)],
  ])("is dropped, and its configuration is not looked at: %s", async (_name, uid) => {
    const agent = subject(
      await hostile((socket) => socket.send(writeAnswer({ instanceUid: uid, remoteConfig: config }))),
    );
    expect((await agent.event(lost)).problem.code).toBe("E_CONTROLLER_UID");
    expect(agent.events.some(({ step }) => step === "offered")).toBe(false);
    expect(agent.fragment).toBeNull();
  });
});

describe("a controller that gives orders", () => {
  const remoteConfig = {
    configHash: Buffer.from("c0ffee", "hex"),
    config: { configMap: { "": { body: Buffer.from("version: 1") } } },
  };

  it.each<[string, object]>([
    ["a command along with a configuration", { command: { type: 0 }, remoteConfig }],
    [
      "an order that this agent does not know",
      { customMessage: { capability: "x", type: "request", data: Buffer.of(1) } },
    ],
  ])("is listened to no further than that, also the second time and by a later process: %s", async (_name, order) => {
    const begun = await hostile((socket, instanceUid) => {
      const give = (): void => socket.send(writeAnswer({ instanceUid, ...order }));
      socket.on("message", give);
      socket.on("ping", (data) => socket.pong(data));
      for (let count = 0; count < 2; count += 1) give();
    });
    const first = subject(begun);
    await first.next("connected");
    await first.reported(3);
    await first.stop();
    const later = new Subject([begun], {}, first.session);
    open.push({ close: () => later.stop() });
    await later.reported(3);
    const steps = [...first.events, ...later.events].map(({ step }) => step);
    expect(steps).toEqual(["connected", "connected"]);
  });
});

describe("a controller that does not answer as it should", () => {
  it("is given up when it accepts, closes, and does so again: every pause may be longer", async () => {
    let accepted = 0;
    const server = createHttp();
    const upgrades = new WebSocketServer({ server });
    upgrades.on("connection", (socket) => {
      accepted += 1;
      socket.close();
    });
    const agent = subject(await listen(server), { backoffMinMs: 1, backoffMaxMs: 64 });
    while (agent.events.filter(lost).length < 20) await agent.another();
    const pauses = agent.events.filter(lost).map(({ againMs }) => againMs);
    expect(accepted).toBeGreaterThanOrEqual(19);
    // With chance at its middle the pauses are half of 1, 2, 4 ... 64.
    expect(pauses.slice(0, 9)).toEqual([1, 1, 2, 4, 8, 16, 32, 32, 32]);
  });

  it("is noticed when the line is dead and no end of it was told", async () => {
    const agent = subject(await hostile((socket, uid) => socket.send(writeAnswer({ instanceUid: uid }))), {
      heartbeatMs: 60_000,
    });
    const { problem } = await agent.event(lost);
    expect(problem.code).toBe("E_CONTROLLER_SILENT");
  });

  it("is noticed when it takes reports and answers none, although it pongs", async () => {
    const endpoint = await hostile((socket) => socket.on("ping", (data) => socket.pong(data)));
    const agent = subject(endpoint, { ackTimeoutMs: 600, silentForMs: 60_000 });
    expect((await agent.event(lost)).problem.message).toContain("not answered");
  });

  it("is given up when the upgrade takes too long", async () => {
    const agent = subject(await listen(createServer()));
    expect((await agent.event(lost)).problem.code).toBe("E_CONTROLLER_TIMEOUT");
  });

  it.each<[string, string, number]>([
    ["503 and 2 s", "HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n", 2_000],
    ["429 and nothing", "HTTP/1.1 429 Too many\r\nContent-Length: 0\r\n\r\n", 0],
    [
      "503 and a day that is over",
      "HTTP/1.1 503 Busy\r\nRetry-After: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
      500,
    ],
    ["503 and a thousand years", "HTTP/1.1 503 Busy\r\nRetry-After: 99999999\r\nContent-Length: 0\r\n\r\n", 9_000],
    ["a redirection to itself", "HTTP/1.1 301 Moved\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 0],
    ["401", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 0],
  ])("is left alone for as long as it asks, within bounds: %s", async (_name, response, atLeast) => {
    const server = createHttp();
    server.on("upgrade", (_request, socket) => socket.end(response));
    const timing = { retryAfterMinMs: 500, retryAfterMaxMs: 9_000, backoffMinMs: 10, backoffMaxMs: 10 };
    const { problem, againMs } = await subject(await listen(server), timing).event(lost);
    expect(problem.code).toBe("E_CONTROLLER_HTTP");
    expect(againMs).toBeGreaterThanOrEqual(atLeast);
    expect(againMs).toBeLessThanOrEqual(atLeast + 10);
  });

  it.each<[string, number | string, number]>([
    ["at once", 0, 500],
    ["in 2^64-1 ns", "18446744073709551615", 9_000],
  ])(
    "is left alone when it says that it is unavailable, try again %s",
    async (_name, retryAfterNanoseconds, expected) => {
      const retryInfo = { retryAfterNanoseconds };
      const busy = (instanceUid: Buffer) =>
        writeAnswer({ instanceUid, errorResponse: { type: "Unavailable", retryInfo } });
      const timing = { retryAfterMinMs: 500, retryAfterMaxMs: 9_000, backoffMinMs: 10, backoffMaxMs: 10 };
      const agent = subject(await hostile((socket, uid) => socket.send(busy(uid))), timing);
      const { problem, againMs } = await agent.event(lost);
      expect(problem.code).toBe("E_CONTROLLER_BUSY");
      expect(Math.abs(againMs - expected)).toBeLessThanOrEqual(10);
    },
  );

  it("is told less, not more, when it asks for everything again and again", async () => {
    let asked = 0;
    const enough = Promise.withResolvers<void>();
    const begun = performance.now();
    const endpoint = await hostile((socket, uid) => {
      const ask = (): void => {
        asked += 1;
        if (asked === 4) enough.resolve();
        socket.send(writeAnswer({ instanceUid: uid, flags: 1 }));
      };
      socket.on("message", ask);
      ask();
    });
    const agent = subject(endpoint, { reportIntervalMs: 300 });
    await enough.promise;
    // Three more reports have at least three intervals between them.
    expect(performance.now() - begun).toBeGreaterThan(850);
    expect(agent.events.some(lost)).toBe(false);
  });

  it("is dropped by the size of what it sends, before any of it is read", async () => {
    // A well-formed message that is slow to read: millions of entries of a field that nobody knows.
    const entries = Buffer.alloc(5 * 1024 * 1024, Buffer.of(0x7a, 0));
    const endpoint = await hostile((socket, uid) =>
      socket.send(Buffer.concat([writeAnswer({ instanceUid: uid }), entries])),
    );
    expect(await lostBecause(endpoint)).toBe("E_CONTROLLER_FLOOD");
  });

  it("is dropped when it floods, and the event loop turns all the while", async () => {
    let turns = 0;
    const turning = setInterval(() => {
      turns += 1;
    }, 1);
    open.push({ close: () => clearInterval(turning) });
    const endpoint = await hostile((socket, uid) => {
      const message = writeAnswer({ instanceUid: uid });
      for (let count = 0; count < 20_000; count += 1) socket.send(message);
    });
    const agent = subject(endpoint, { pingAfterMs: 60_000, silentForMs: 60_000 });
    expect((await agent.event(lost)).problem.code).toBe("E_CONTROLLER_FLOOD");
    expect(turns).toBeGreaterThan(0);
  });
});
