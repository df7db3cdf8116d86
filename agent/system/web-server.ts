import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import { networkInterfaces } from "node:os";
import type { TlsOptions } from "node:tls";
import { type Problem, problemOf } from "../core/errors.ts";
import { Connections } from "./connections.ts";
import { dropAfter, send } from "./send.ts";

export interface WebRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  /** Of the client. */
  readonly address: string;
  /** Whether it came over TLS. */
  readonly secure: boolean;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}

export interface WebAnswer {
  /** Default 200. */
  readonly status?: number;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text, bytes, or a stream that ends when the request's signal is aborted. */
  readonly body: string | Uint8Array | AsyncIterable<string>;
}

/** Answers GET (and HEAD) of one path. Nothing behind it changes anything. */
export type WebRoute = (request: WebRequest) => Promise<WebAnswer> | WebAnswer;

/** Where to listen: an address, or a device whose addresses those are. */
export interface Listen {
  readonly host: string;
  readonly port: number;
}

export interface WebOptions {
  readonly routes: Readonly<Record<string, WebRoute>>;
  readonly listen: readonly Listen[];
  /** Only loopback is served: the rest would be open to the network without what was asked to protect it. */
  readonly loopbackOnly: boolean;
  readonly tls?: TlsOptions;
  /** A client that is slower is dropped, in milliseconds. */
  readonly clientTimeoutMs: number;
  /** A request that is not there as a whole by then is dropped, in milliseconds. */
  readonly requestTimeoutMs: number;
  readonly onProblem: (problem: Problem) => void;
}

const MAX_CONNECTIONS = 512;

/** Read-only HTTP on addresses that come and go. */
export class WebServer {
  readonly #options: WebOptions;
  readonly #open = new Map<string, Server>();
  readonly #told = new Map<string, string>();
  readonly #connections = new Connections(MAX_CONNECTIONS);
  #closed = false;

  constructor(options: WebOptions) {
    this.#options = options;
  }

  /** What is listened on now, as ADDRESS PORT. */
  get open(): readonly string[] {
    return [...this.#open.keys()].sort();
  }

  /** Opens what is wanted and can be opened, closes what is gone. Cheap when nothing changed. Whether anything did. */
  async refresh(): Promise<boolean> {
    const before = this.open.join();
    const wanted = new Map<string, { readonly address: string; readonly port: number }>();
    for (const { host, port } of this.#options.listen) {
      for (const address of addressesOf(host)) {
        if (!this.#options.loopbackOnly || isLoopback(address)) wanted.set(`${address} ${port}`, { address, port });
      }
    }
    for (const [key, server] of this.#open) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      end(server);
    }
    for (const [key, { address, port }] of wanted) {
      if (!this.#open.has(key) && !this.#closed) await this.#listen(key, address, port);
    }
    return this.open.join() !== before;
  }

  close(): void {
    this.#closed = true;
    for (const server of this.#open.values()) end(server);
    this.#open.clear();
  }

  async #listen(key: string, address: string, port: number): Promise<void> {
    const server = this.#server();
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: address, port }, resolve);
      });
      server.on("error", () => undefined);
      if (this.#closed) return end(server);
      this.#open.set(key, server);
      this.#told.delete(key);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (this.#told.get(key) === reason) return;
      this.#told.set(key, reason);
      this.#options.onProblem({
        code: "E_WEB_LISTEN",
        message: `/metrics cannot be served on ${address} port ${port}: ${reason}`,
        path: "metrics.listen",
        hint: "It is tried again. Does another program listen there? ss -ltnp",
      });
    }
  }

  #server(): Server {
    const { tls, clientTimeoutMs, requestTimeoutMs } = this.#options;
    const listener: RequestListener = (incoming, outgoing) => void this.#answer(incoming, outgoing);
    const limits = {
      // How often those two are looked after.
      connectionsCheckingInterval: Math.ceil(requestTimeoutMs / 2),
      requestTimeout: requestTimeoutMs,
      headersTimeout: requestTimeoutMs,
      keepAliveTimeout: clientTimeoutMs,
    };
    const server =
      tls === undefined
        ? createServer(limits, listener)
        : createTlsServer({ ...limits, ...tls, handshakeTimeout: requestTimeoutMs }, listener);
    return server.on("connection", (socket: Socket) => this.#connections.admit(socket));
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const gone = new AbortController();
    outgoing.once("close", () => gone.abort());
    // A client that reads one byte a second holds its answer in our memory; streams are slow by their nature.
    const { clientTimeoutMs } = this.#options;
    const slow = dropAfter(outgoing, clientTimeoutMs, gone.signal);
    try {
      const answer = await this.#route(incoming, gone.signal);
      const headers = {
        "content-type": answer.type,
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
        ...answer.headers,
      };
      outgoing.writeHead(answer.status ?? 200, headers);
      if (incoming.method === "HEAD") outgoing.end();
      else if (isWhole(answer.body)) outgoing.end(answer.body);
      else {
        clearTimeout(slow);
        await send(answer.body, outgoing, { signal: gone.signal, timeoutMs: clientTimeoutMs });
      }
    } catch (error) {
      this.#options.onProblem(problemOf(error));
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(500, { "content-type": "text/plain" }).end("internal error\n");
    }
  }

  async #route(incoming: IncomingMessage, signal: AbortSignal): Promise<WebAnswer> {
    const [path = "", query = ""] = (incoming.url ?? "").split("?", 2);
    const route = Object.hasOwn(this.#options.routes, path) ? this.#options.routes[path] : undefined;
    if (route === undefined) return { status: 404, type: "text/plain", body: "not found\n" };
    if (incoming.method !== "GET" && incoming.method !== "HEAD") {
      return { status: 405, type: "text/plain", headers: { allow: "GET, HEAD" }, body: "read-only\n" };
    }
    const { headers, socket } = incoming;
    const address = socket.remoteAddress ?? "";
    const secure = "encrypted" in socket;
    return route({ path, query: new URLSearchParams(query), headers, address, secure, signal });
  }
}

function isWhole(body: WebAnswer["body"]): body is string | Uint8Array {
  return typeof body === "string" || body instanceof Uint8Array;
}

function end(server: Server): void {
  server.close();
  server.closeAllConnections();
}

/** Without those that are valid on one link only: they would need its name to be used. */
function addressesOf(host: string): readonly string[] {
  if (host === "localhost") return ["127.0.0.1"];
  if (/^[\d.]+$|:/.test(host)) return [host];
  return (networkInterfaces()[host] ?? [])
    .map(({ address }) => address)
    .filter((address) => !address.toLowerCase().startsWith("fe80:"));
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}
