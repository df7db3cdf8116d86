import { readFile } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { connect as connectTls, type SecureContextOptions } from "node:tls";
import { WebSocket } from "ws";
import type { Connection, ConnectionListener, Transport } from "../controller/ports.ts";
import { type Problem, problemOf } from "../core/errors.ts";
import type { ControllerWay } from "../core/probe.ts";

/** How long a controller gets to answer our Close frame: stopping the agent must not wait for it. */
const CLOSE_MS = 1_000;

/** More than any configuration needs: the limit of one message, after which the connection is closed (1009). */
const MAX_PAYLOAD = 8 * 1024 * 1024;

const UNSUPPORTED_DATA = 1003;

/** WebSocket connections, each with the TLS files as they are at its beginning. `way` is asked at every attempt. */
export function openTransport(way: () => ControllerWay | undefined): Transport {
  return {
    open(endpoint, listener) {
      const known = way();
      return new Link(endpoint, known ?? { endpoints: [], tls: {} }, listener);
    },
  };
}

/** Whether a new connection to one of the controllers can be made: TCP, TLS and the upgrade. */
export async function probeController(
  way: ControllerWay,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ readonly ok: boolean; readonly detail?: string }> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const tries = way.endpoints.map((endpoint) => reach(endpoint, way, within));
  try {
    await Promise.any(tries);
    return { ok: true };
  } catch (error) {
    signal.throwIfAborted();
    const reasons: unknown = error instanceof AggregateError ? error.errors : [error];
    const first: unknown = Array.isArray(reasons) ? reasons[0] : error;
    return { ok: false, detail: within.aborted ? `not within ${timeoutMs} ms` : problemOf(first).message };
  }
}

function reach(endpoint: string, way: ControllerWay, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const link = new Link(endpoint, way, {
    opened: resolve,
    heard: () => undefined,
    message: () => undefined,
    lost: ({ message }) => reject(new Error(message)),
  });
  const abort = (): void => reject(new Error("no answer"));
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  return promise.finally(() => {
    signal.removeEventListener("abort", abort);
    link.drop();
  });
}

class Link implements Connection {
  readonly #given = new AbortController();
  #listener: ConnectionListener | undefined;
  #socket: WebSocket | undefined;

  constructor(endpoint: string, way: ControllerWay, listener: ConnectionListener) {
    this.#listener = listener;
    this.#open(new URL(endpoint), way).catch((error: unknown) => this.#lost(unreachable(error)));
  }

  send(message: Uint8Array): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(message, { binary: true });
  }

  ping(): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.ping();
  }

  async close(): Promise<void> {
    this.#listener = undefined;
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return this.drop();
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.close(1000);
    const late = setTimeout(() => this.drop(), CLOSE_MS);
    await closed;
    clearTimeout(late);
  }

  drop(): void {
    this.#listener = undefined;
    this.#given.abort();
    this.#socket?.terminate();
  }

  #lost(problem: Problem, retryAfterMs?: number): void {
    const listener = this.#listener;
    this.drop();
    listener?.lost(problem, retryAfterMs);
  }

  async #open(url: URL, way: ControllerWay): Promise<void> {
    const files = await readTls(way);
    const tunnel =
      way.proxy === undefined ? undefined : await throughProxy(new URL(way.proxy), url, this.#given.signal);
    if (this.#given.signal.aborted) return void tunnel?.destroy();
    const socket = new WebSocket(url, {
      ...files,
      maxPayload: MAX_PAYLOAD,
      // Off, so that a few bytes of a controller cannot become gigabytes here; a frame that is compressed all the same is an error.
      perMessageDeflate: false,
      followRedirects: false,
      // One message a turn of the event loop: a flood must not keep the rest of the agent from running.
      allowSynchronousEvents: false,
      ...(tunnel === undefined ? {} : { createConnection: () => overTunnel(tunnel, url, files) }),
    });
    this.#socket = socket;
    socket.on("open", () => this.#listener?.opened());
    socket.on("ping", () => this.#listener?.heard());
    socket.on("pong", () => this.#listener?.heard());
    socket.on("message", (data, binary) => {
      this.#listener?.heard();
      if (binary) return this.#listener?.message(bytesOf(data));
      socket.close(UNSUPPORTED_DATA);
      this.#lost({
        code: "E_CONTROLLER_MALFORMED",
        message: "the controller sent text where OpAMP has binary messages",
      });
    });
    socket.on("unexpected-response", (_request, response) => this.#refused(response));
    socket.on("close", (code) =>
      this.#lost({ code: "E_CONTROLLER_CLOSED", message: `the controller closed the connection (${code})` }),
    );
    // It is what ws tells a dropped connection's end by, too: without a listener that would end the process.
    socket.on("error", (error) => this.#lost(unreachable(error)));
  }

  #refused(response: IncomingMessage): void {
    const { statusCode, headers } = response;
    response.destroy();
    const problem = {
      code: "E_CONTROLLER_HTTP",
      message: `the controller answered ${statusCode ?? "nothing"} in place of a WebSocket`,
    };
    this.#lost(problem, retryAfter(headers["retry-after"]));
  }
}

/** Milliseconds of a Retry-After header: seconds, or a date (RFC 9110, section 10.2.3). */
function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** Read anew for every connection, so that a renewed certificate counts from the next one on. */
async function readTls({ tls }: ControllerWay): Promise<SecureContextOptions> {
  const { ca, cert, key } = tls;
  return {
    minVersion: "TLSv1.2",
    ...(ca === undefined ? {} : { ca: await readFile(ca) }),
    ...(cert === undefined ? {} : { cert: await readFile(cert) }),
    ...(key === undefined ? {} : { key: await readFile(key) }),
  };
}

/** A socket to the other end of a CONNECT tunnel. */
function throughProxy(proxy: URL, { hostname, port, protocol }: URL, signal: AbortSignal): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const path = `${hostname}:${port || (protocol === "ws:" ? 80 : 443)}`;
  const request = proxy.protocol === "https:" ? httpsRequest : httpRequest;
  const account = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const headers = {
    host: path,
    ...(account === ":" ? {} : { "proxy-authorization": `Basic ${Buffer.from(account).toString("base64")}` }),
  };
  const asked = request({ host: proxy.hostname, port: proxy.port, method: "CONNECT", path, headers, signal });
  asked.once("connect", (response, socket) => {
    if (response.statusCode === 200) return resolve(socket);
    socket.destroy();
    reject(new Error(`the proxy answered ${response.statusCode}`));
  });
  asked.once("response", (response) => {
    response.destroy();
    reject(new Error(`the proxy answered ${response.statusCode}`));
  });
  asked.once("error", reject);
  asked.end();
  return promise;
}

function overTunnel(tunnel: Socket, { protocol, hostname }: URL, files: SecureContextOptions): Socket {
  if (protocol === "ws:") return tunnel;
  const host = hostname.replace(/^\[|\]$/g, "");
  return connectTls({ ...files, socket: tunnel, host, servername: /[:\d]$/.test(host) ? "" : host });
}

function bytesOf(data: WebSocket.RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

function unreachable(error: unknown): Problem {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const message = error instanceof Error ? error.message || code : String(error);
  if (code.startsWith("WS_ERR_")) {
    return { code: "E_CONTROLLER_MALFORMED", message: `the controller does not keep to WebSocket: ${message}` };
  }
  return {
    code: "E_CONTROLLER_UNREACHABLE",
    message: `the controller cannot be reached: ${message}`,
    hint: "Check the endpoint, the way there, and the certificates in controller.tls.",
  };
}
