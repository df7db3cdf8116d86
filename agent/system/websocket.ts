import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import type { Connection, ConnectionListener, Transport } from "../controller/ports.ts";
import { AgentError, type Problem, problemOf } from "../core/errors.ts";
import type { ControllerWay } from "../core/probe.ts";
import { type ClientTls, readClientTls, tlsProblem } from "./client-tls.ts";
import { openTunnel, overTunnel, wordsOf } from "./tunnel.ts";

/** How long a controller gets to answer our Close frame: stopping the agent must not wait for it. */
const CLOSE_MS = 1_000;

/** More than any configuration needs: the limit of one message, after which the connection is closed (1009). */
const MAX_PAYLOAD = 8 * 1024 * 1024;

/** What may wait to be sent: somebody who reads nothing must not fill our memory, be it with reports or with pongs. */
const MAX_BACKLOG = 16 * 1024 * 1024;
const MAX_BACKLOG_FOR_PONG = 64 * 1024;

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
  readonly #way: ControllerWay;
  #listener: ConnectionListener | undefined;
  #socket: WebSocket | undefined;
  #tls: ClientTls | undefined;

  constructor(endpoint: string, way: ControllerWay, listener: ConnectionListener) {
    this.#way = way;
    this.#listener = listener;
    this.#open(new URL(endpoint)).catch((error: unknown) => this.#broken(error));
  }

  send(message: Uint8Array): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send(message, { binary: true });
    if (this.#socket.bufferedAmount <= MAX_BACKLOG) return;
    this.#lost({ code: "E_CONTROLLER_SILENT", message: "the controller reads nothing of what it is sent" });
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

  #broken(error: unknown): void {
    this.#lost(unreachable(error, this.#way, this.#tls?.outdated));
  }

  async #open(url: URL): Promise<void> {
    const { tls, proxy } = this.#way;
    this.#tls = await readClientTls(tls, Date.now());
    const files = this.#tls.options;
    const tunnel = proxy === undefined ? undefined : await openTunnel(new URL(proxy), url, this.#given.signal);
    if (this.#given.signal.aborted) return void tunnel?.destroy();
    const socket = new WebSocket(url, {
      ...files,
      maxPayload: MAX_PAYLOAD,
      // Off, so that a few bytes of a controller cannot become gigabytes here; a frame that is compressed all the same is an error.
      perMessageDeflate: false,
      followRedirects: false,
      autoPong: false,
      // One message a turn of the event loop: a flood must not keep the rest of the agent from running.
      allowSynchronousEvents: false,
      ...(tunnel === undefined ? {} : { createConnection: () => overTunnel(tunnel, url, files) }),
    });
    this.#socket = socket;
    socket.on("open", () => this.#listener?.opened());
    socket.on("ping", (data) => {
      this.#listener?.heard();
      // Not every ping needs its pong (RFC 6455, section 5.5.3).
      if (socket.bufferedAmount <= MAX_BACKLOG_FOR_PONG) socket.pong(data);
    });
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
    socket.on("error", (error) => this.#broken(error));
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

function bytesOf(data: WebSocket.RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

/** Why a connection could not be made, or did not last. */
function unreachable(error: unknown, { tls }: ControllerWay, outdated: string | undefined): Problem {
  if (error instanceof AgentError) return error.problem;
  if (!(error instanceof Error)) return problemOf(error);
  // What ws finds wrong with the upgrade itself has no code at all.
  if (!("code" in error) || String(error.code).startsWith("WS_ERR_")) {
    return { code: "E_CONTROLLER_MALFORMED", message: `the controller does not keep to WebSocket: ${error.message}` };
  }
  return (
    tlsProblem(error, tls, outdated) ?? {
      code: "E_CONTROLLER_UNREACHABLE",
      message: `the controller cannot be reached: ${wordsOf(error)}`,
      hint: "Check the endpoint, the way there, and the certificates in controller.tls.",
    }
  );
}
