import { once } from "node:events";
import { mkdtempDisposable, readFile } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { get as getByTls } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Problem } from "../../../agent/core/errors.ts";
import { type WebOptions, type WebRoute, WebServer } from "../../../agent/system/web-server.ts";
import { makeCertificates } from "../../lab/controller.ts";

const big = "x".repeat(32 * 1024 * 1024);

interface Served extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly server: WebServer;
  readonly problems: readonly Problem[];
}

/** A server on a port that is free; `changes` go over its options. */
async function serve(changes: Partial<WebOptions> = {}): Promise<Served> {
  const problems: Problem[] = [];
  const port = await freePort();
  const server = new WebServer({
    routes: {
      "/hello": () => ({ type: "text/plain", body: "hello\n" }),
      "/big": () => ({ type: "text/plain", body: big }),
      "/broken": () => Promise.reject(new Error("broken")),
    },
    listen: [{ host: "127.0.0.1", port }],
    loopbackOnly: false,
    clientTimeoutMs: 30_000,
    requestTimeoutMs: 30_000,
    onProblem: (problem) => problems.push(problem),
    ...changes,
  });
  await server.refresh();
  const close = async (): Promise<void> => server.close();
  return { url: `http://127.0.0.1:${port}`, port, server, problems, [Symbol.asyncDispose]: close };
}

async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function tlsOf(folder: string): Promise<NonNullable<WebOptions["tls"]>> {
  await makeCertificates(folder, "127.0.0.1", process.env);
  const [cert, key] = await Promise.all(["server.pem", "server.key"].map((name) => readFile(join(folder, name))));
  return { cert, key };
}

describe("the web server", () => {
  it("answers GET and HEAD, and nothing else of nothing else", async () => {
    await using served = await serve();
    const answers: [string, string, number, string][] = [];
    for (const [method, path] of [
      ["GET", "/hello?a=1"],
      ["HEAD", "/hello"],
      ["POST", "/hello"],
      ["DELETE", "/hello"],
      ["GET", "/v1/network/apply"],
      ["GET", "/__proto__"],
      ["GET", "/broken"],
    ] as const) {
      const answer = await fetch(`${served.url}${path}`, { method });
      answers.push([method, path, answer.status, await answer.text()]);
    }
    expect(answers).toEqual([
      ["GET", "/hello?a=1", 200, "hello\n"],
      ["HEAD", "/hello", 200, ""],
      ["POST", "/hello", 405, "read-only\n"],
      ["DELETE", "/hello", 405, "read-only\n"],
      ["GET", "/v1/network/apply", 404, "not found\n"],
      ["GET", "/__proto__", 404, "not found\n"],
      ["GET", "/broken", 500, "internal error\n"],
    ]);
    expect(served.problems.map(({ message }) => message)).toEqual(["broken"]);
  });

  it("answers 200 clients at once", async () => {
    await using served = await serve();
    const answers = await Promise.all(
      Array.from({ length: 200 }, async () => (await fetch(`${served.url}/hello`)).text()),
    );
    expect(new Set(answers)).toEqual(new Set(["hello\n"]));
  });

  it("drops a client that does not read, and answers the others meanwhile", async () => {
    await using served = await serve({ clientTimeoutMs: 500 });
    const slow = connect(served.port, "127.0.0.1");
    slow.on("error", () => undefined);
    slow.write("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    await once(slow, "readable");
    expect(await (await fetch(`${served.url}/hello`)).text()).toBe("hello\n");
    let received = 0;
    slow.on("data", (chunk: Buffer) => {
      received += chunk.length;
      // One chunk, and then no more for longer than a client may take.
      slow.pause();
      if (received <= chunk.length) setTimeout(() => slow.resume(), 1_000);
      else slow.resume();
    });
    await once(slow, "close");
    expect(received).toBeLessThan(big.length);
  });

  it("drops a client that begins a request and says no more", async () => {
    await using served = await serve({ requestTimeoutMs: 500 });
    const silent = connect(served.port, "127.0.0.1");
    silent.on("error", () => undefined).resume();
    silent.write("GET /hello HTTP/1.1\r\nHost:");
    await once(silent, "close");
  });

  it.each(["plain", "TLS"])("lets others in while a client holds 600 requests half-open (%s)", async (kind) => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "devcloud-web-"));
    await using served = await serve(kind === "TLS" ? { tls: await tlsOf(folder.path) } : {});
    using stack = new DisposableStack();
    const { port } = served;
    const closed: Promise<unknown>[] = [];
    const begin = kind === "TLS" ? Uint8Array.of(22, 3) : "GET /hello HTTP/1.1\r\nHost:";
    for (let count = 0; count < 600; count += 1) {
      const socket = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.2" });
      stack.defer(() => void socket.destroy());
      socket.on("error", () => undefined).resume();
      closed.push(once(socket, "close"));
      await once(socket, "connect");
      socket.write(begin);
    }
    const options = { host: "127.0.0.1", port, path: "/hello", agent: false, rejectUnauthorized: false };
    const request = kind === "TLS" ? getByTls(options) : get(options);
    const [answer] = (await once(request, "response")) as [IncomingMessage];
    expect(answer.resume().statusCode).toBe(200);
    // Those that came first made room: no more stay open than the server keeps.
    await Promise.all(closed.slice(0, 600 - 512));
  });

  it("drops a client that does not read its stream", async () => {
    async function* endless() {
      for (;;) yield await Promise.resolve("x".repeat(65_536));
    }
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    const stream: WebRoute = ({ signal }) => {
      signal.addEventListener("abort", () => resolve());
      return { type: "text/plain", body: endless() };
    };
    await using served = await serve({ routes: { "/stream": stream }, clientTimeoutMs: 500 });
    const silent = connect(served.port, "127.0.0.1");
    silent.on("error", () => undefined).pause();
    silent.write("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    await gone;
    silent.destroy();
  });

  it("listens on an address that comes later, and tells a taken port once", async () => {
    await using first = await serve();
    await using second = await serve({
      listen: [
        { host: "127.0.0.1", port: first.port },
        { host: "nodev0", port: 1 },
      ],
    });
    await second.server.refresh();
    expect(second.problems.map(({ code }) => code)).toEqual(["E_WEB_LISTEN"]);
    expect(second.server.open).toEqual([]);
    first.server.close();
    expect(await second.server.refresh()).toBe(true);
    expect(second.server.open).toEqual([`127.0.0.1 ${first.port}`]);
  });

  it("serves loopback alone where it is told so", async () => {
    const port = await freePort();
    await using served = await serve({
      loopbackOnly: true,
      listen: [
        { host: "0.0.0.0", port },
        { host: "127.0.0.1", port },
      ],
    });
    expect(served.server.open).toEqual([`127.0.0.1 ${port}`]);
  });
});
