import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { AgentError } from "../../../agent/core/errors.ts";
import { askDaemon, followDaemon, type Route, serveUnix, type UnixServer } from "../../../agent/system/http.ts";

const CLIENT_MS = 200;
const forEver = new AbortController().signal;

let folder: string;
let socket: string;
let server: UnixServer | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "http-"));
  socket = join(folder, "run/control.sock");
});

afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
});

async function serve(routes: Readonly<Record<string, Route>>, groups = ""): Promise<void> {
  writeFileSync(join(folder, "group"), groups);
  server = await serveUnix(socket, routes, { groupFile: join(folder, "group"), clientTimeoutMs: () => CLIENT_MS });
}

/** A raw request, for what our own client never sends. */
function raw(method: string, url: string, body?: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: socket, method, path: url }, (incoming) => {
      let text = "";
      incoming.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      incoming.once("end", () => resolve({ status: incoming.statusCode ?? 0, text }));
    });
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

describe("the control socket", () => {
  test("answers with JSON, and gives the request's body to the route", async () => {
    await serve({ "POST /v1/echo": async (body) => ({ body }) });
    expect(await askDaemon(socket, "POST", "/v1/echo", forEver, { retry: true })).toEqual({ body: { retry: true } });
    expect(await askDaemon(socket, "POST", "/v1/echo", forEver)).toEqual({});
  });

  test("is for root and the group, whatever stood in its place before", async () => {
    await serve({});
    server?.close();
    await serve({}, "root:x:0:\ndevcloud-agent:x:4242:someone\n");
    const { mode, gid, uid } = statSync(socket);
    expect(mode & 0o777).toBe(0o660);
    if (process.getuid?.() === 0) expect({ gid, uid }).toEqual({ gid: 4242, uid: 0 });
  });

  test("refuses what it does not know, what is no JSON and what is too large, and lives on", async () => {
    await serve({ "POST /v1/echo": async (body) => ({ body }) });
    await expect(askDaemon(socket, "GET", "/v1/none", forEver)).rejects.toMatchObject({ code: "E_CONTROL_UNKNOWN" });
    expect((await raw("POST", "/v1/echo", "{nonsense")).text).toContain("E_CONTROL_BODY");
    const large = await raw("POST", "/v1/echo", "x".repeat(100_000)).catch(() => ({ text: "E_CONTROL_BODY" }));
    expect(large.text).toContain("E_CONTROL_BODY");
    expect(await askDaemon(socket, "POST", "/v1/echo", forEver, 1)).toEqual({ body: 1 });
  });

  test("passes errors on: a person's with their code, a bug as one", async () => {
    await serve({
      "GET /refused": async () => {
        throw new AgentError({ code: "E_OVSDB_LOCKED", message: "locked", hint: "wait" });
      },
      "GET /bug": async () => {
        throw new TypeError("undefined");
      },
    });
    await expect(askDaemon(socket, "GET", "/refused", forEver)).rejects.toMatchObject({
      problem: { code: "E_OVSDB_LOCKED", message: "locked", hint: "wait" },
    });
    await expect(askDaemon(socket, "GET", "/bug", forEver)).rejects.toMatchObject({ code: "E_INTERNAL" });
  });

  test("streams values a line each until the listener goes, and tells the route of it", async () => {
    let ended: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => {
      ended = resolve;
    });
    async function* count(_body: unknown, signal: AbortSignal): AsyncGenerator<object> {
      signal.addEventListener("abort", ended, { once: true });
      for (let n = 0; !signal.aborted; n += 1) {
        yield { n, text: "ä\n" };
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await serve({ "GET /v1/events": count });
    const stop = new AbortController();
    const seen: unknown[] = [];
    for await (const value of followDaemon(socket, "/v1/events", stop.signal)) {
      seen.push(value);
      if (seen.length === 3) stop.abort();
    }
    expect(seen.slice(0, 3)).toEqual([0, 1, 2].map((n) => ({ n, text: "ä\n" })));
    await gone;
  });

  test("holds no process up for a listener that went away, however patient it is", async () => {
    const program = `
      import { followDaemon, serveUnix } from ${JSON.stringify(import.meta.resolve("../../../agent/system/http.ts"))};
      async function* one(_body, signal) {
        yield {};
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      }
      const options = { groupFile: "/dev/null", clientTimeoutMs: () => 3_600_000 };
      const server = await serveUnix(process.argv[1], { "GET /v1/events": one }, options);
      const stop = new AbortController();
      for await (const _ of followDaemon(process.argv[1], "/v1/events", stop.signal)) stop.abort();
      server.close();
    `;
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program, socket], {
      stdio: "ignore",
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  test("makes no more for a listener that takes nothing, and drops it after a while", async () => {
    let made = 0;
    const gone = Promise.withResolvers<void>();
    async function* count(_body: unknown, signal: AbortSignal): AsyncGenerator<object> {
      signal.addEventListener("abort", () => gone.resolve(), { once: true });
      for (; !signal.aborted && made < 1_000; made += 1) {
        yield { text: "x".repeat(100_000) };
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await serve({ "GET /v1/events": count });
    const listener = connect(socket);
    listener.on("error", () => undefined).write("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    listener.pause();
    await gone.promise;
    expect(made).toBeGreaterThan(0);
    expect(made).toBeLessThan(100);
    listener.destroy();
  });

  test("that is closed ends its streams too", async () => {
    async function* never(_body: unknown, signal: AbortSignal): AsyncGenerator<object> {
      yield {};
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    }
    await serve({ "GET /v1/events": never });
    const values = followDaemon(socket, "/v1/events", new AbortController().signal)[Symbol.asyncIterator]();
    expect(await values.next()).toMatchObject({ value: {} });
    const rest = values.next().catch(() => ({ done: true }));
    server?.close();
    expect((await rest).done).toBe(true);
  });
});

test("a control socket that cannot be made is told with its path and a code", async () => {
  writeFileSync(join(folder, "file"), "");
  socket = join(folder, "file/control.sock");
  await expect(serve({})).rejects.toMatchObject({ code: "E_FILE_KIND", problem: { file: socket } });
  socket = join(folder, "x".repeat(200));
  await expect(serve({})).rejects.toMatchObject({ code: "E_FILE_IO", problem: { file: socket } });
});

describe("asking a daemon that does not run", () => {
  test("gives nothing, be the socket absent or left behind", async () => {
    expect(await askDaemon(socket, "GET", "/v1/status", forEver)).toBeUndefined();
    for await (const value of followDaemon(socket, "/v1/events", new AbortController().signal))
      expect(value).toBe("none");
    await serve({});
    server?.close();
    const left = createServer();
    await new Promise<void>((resolve) => left.listen(`${socket}.left`, resolve));
    await new Promise((resolve) => left.close(resolve));
    expect(existsSync(`${socket}.left`)).toBe(false);
    expect(await askDaemon(`${socket}.left`, "GET", "/v1/status", forEver)).toBeUndefined();
  });
});

describe("asking a daemon that is not well", () => {
  const within = (ms: number) => AbortSignal.any([forEver, AbortSignal.timeout(ms)]);

  test("is told as such: one that hangs with its socket open, and in the middle of its answer", async () => {
    await serve({ "GET /hangs": () => new Promise(() => undefined) });
    await expect(askDaemon(socket, "GET", "/hangs", within(100))).rejects.toMatchObject({ code: "E_CONTROL_TIMEOUT" });
    const half = createServer((_, outgoing) => void outgoing.writeHead(200).write("{"));
    await new Promise<void>((resolve) => half.listen(`${socket}.half`, resolve));
    onTestFinished(() => half.closeAllConnections());
    const asked = askDaemon(`${socket}.half`, "GET", "/", within(100));
    await expect(asked).rejects.toMatchObject({ code: "E_CONTROL_TIMEOUT" });
    half.close();
  });

  test("is told as such: one that ends before it answers, in the middle of its answer, and of its events", async () => {
    await serve({});
    const ending = createServer(({ url }, outgoing) => {
      if (url === "/half") outgoing.writeHead(200).write("{");
      if (url === "/events") outgoing.writeHead(200).write("{}\n");
      setTimeout(() => outgoing.destroy(), 50);
    });
    await new Promise<void>((resolve) => ending.listen(`${socket}.ends`, resolve));
    onTestFinished(() => void ending.close());
    const ended = {
      code: "E_CONTROL_ENDED",
      problem: { hint: expect.stringContaining("devcloud-agent status") as string },
    };
    await expect(askDaemon(`${socket}.ends`, "POST", "/", forEver)).rejects.toMatchObject(ended);
    await expect(askDaemon(`${socket}.ends`, "GET", "/half", forEver)).rejects.toMatchObject(ended);
    const follow = async () => {
      for await (const value of followDaemon(`${socket}.ends`, "/events", forEver)) expect(value).toEqual({});
    };
    await expect(follow()).rejects.toMatchObject(ended);
  });

  test("leaves an interruption what it is", async () => {
    await serve({ "GET /hangs": () => new Promise(() => undefined) });
    const reason = new Error("enough");
    const asked = askDaemon(socket, "GET", "/hangs", AbortSignal.any([AbortSignal.abort(reason)]));
    await expect(asked).rejects.toBe(reason);
  });
});
