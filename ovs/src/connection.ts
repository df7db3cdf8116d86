import type { Socket } from "node:net";
import { type Address, showAddress } from "./address.ts";
import { OvsdbError } from "./errors.ts";
import { FrameReader } from "./frame.ts";
import { isArray, isObject, type Json, show } from "./json.ts";
import { socketError, type Wire } from "./socket.ts";
import { after } from "./timer.ts";

/** Bounds and time-outs of one connection. */
export interface ConnectionLimits {
  /** How long an answer may take, in ms, unless the request says otherwise; as long again while more of a message comes. */
  readonly requestTimeoutMs: number;
  /** Silence after which the peer is asked for an echo; after as much silence again the connection is dropped. 0: never. */
  readonly inactivityMs: number;
  readonly maxFrameBytes: number;
  readonly maxDepth: number;
  /** Requests without an answer. */
  readonly maxPending: number;
  /** Bytes that the peer has not taken yet. */
  readonly maxOutboundBytes: number;
}

/** Called in the order of the frames, each before the next frame is looked at. */
export interface ConnectionHandlers {
  onNotification(method: string, params: readonly unknown[]): void;
  /** Once, when the peer has said something that makes sense. */
  onHeard(): void;
  /** Once, when the connection is over, whoever ended it. */
  onEnd(cause: OvsdbError): void;
}

/** An answer: called exactly once, and in the order of the frames, so before any notification that follows the answer. */
export type Settle = (error: OvsdbError | undefined, result: unknown) => void;

interface Pending {
  readonly method: string;
  readonly settle: Settle;
  readonly timer: NodeJS.Timeout | undefined;
}

/** One connection to a server: JSON-RPC 1.0 both ways (RFC 7047 section 4), on a socket that is already connected. */
export class Connection {
  readonly #wire: Wire;
  readonly #socket: Socket;
  readonly #address: Address;
  #limits: ConnectionLimits;
  readonly #handlers: ConnectionHandlers;
  readonly #frames: FrameReader;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #ended = false;
  #heard = false;
  #probing = false;
  #watch: NodeJS.Timeout | undefined;

  constructor(wire: Wire, address: Address, limits: ConnectionLimits, handlers: ConnectionHandlers) {
    this.#wire = wire;
    this.#socket = wire.socket;
    this.#address = address;
    this.#limits = limits;
    this.#handlers = handlers;
    this.#frames = new FrameReader(limits);
  }

  /** Begins to read. What comes is handed to the handlers. */
  start(): void {
    this.#socket.setNoDelay(true);
    this.#wire.listen((chunk) => this.#receive(chunk));
    this.#socket.on("error", (error) => this.end(socketError("disconnected", this.#address, error)));
    this.#socket.on("close", () => this.end(this.#gone("the server closed the connection")));
    this.#listen();
  }

  reconfigure(limits: ConnectionLimits): void {
    const { inactivityMs } = this.#limits;
    this.#limits = limits;
    if (limits.inactivityMs !== inactivityMs && !this.#ended) this.#listen();
  }

  /** Counts the silence from now on. */
  #listen(): void {
    const { inactivityMs } = this.#limits;
    clearTimeout(this.#watch);
    this.#watch = inactivityMs > 0 ? after(inactivityMs, () => this.#silence()) : undefined;
  }

  /** Why no more may be asked for at the moment. */
  get overload(): OvsdbError | undefined {
    if (this.#pending.size >= this.#limits.maxPending) {
      return new OvsdbError("overloaded", `${this.#pending.size} requests already wait for an answer`);
    }
    if (this.#socket.writableLength > this.#limits.maxOutboundBytes) {
      return new OvsdbError("overloaded", `the server has not yet taken ${this.#socket.writableLength} bytes`);
    }
    return undefined;
  }

  /**
   * Sends a request, whatever waits already: `overload` is for whoever makes requests without an end. `settle` gets the result, or
   * one of `disconnected`, `timeout`, `rpc`, and `usage` or `bad-value` for what cannot be sent: then `sent` is false.
   *
   * A transaction that times out or is forgotten is canceled (RFC 7047 section 4.1.4), for what that is still worth.
   *
   * @returns a function that forgets the request; its answer is then ignored and `settle` is not called
   */
  call(method: string, params: readonly Json[], timeoutMs: number | undefined, settle: Settle): () => void {
    const id = this.#nextId;
    const text = this.#ended ? this.#gone("not connected") : written(method, params, id);
    if (text instanceof OvsdbError) {
      settle(text, undefined);
      return () => undefined;
    }
    this.#nextId++;
    const limit = timeoutMs ?? this.#limits.requestTimeoutMs;
    const giveUp = (): void => {
      const waited = this.#pending.delete(id);
      if (waited && method === "transact") this.#cancel(id);
    };
    let open = this.#frames.openBytes;
    const late = (): void => {
      if (!this.#pending.has(id)) return;
      const before = open;
      open = this.#frames.openBytes;
      // A snapshot may take longer than the limit to arrive: the server is heard as long as more of a message comes.
      if (open > 0 && open !== before) {
        timer?.refresh();
        return;
      }
      giveUp();
      settle(new OvsdbError("timeout", `${method}: no answer after ${limit} ms`, { sent: true }), undefined);
    };
    // A process that was stopped runs its timers before it reads what came meanwhile: the answer may be there.
    const timer = after(limit, () => setImmediate(late));
    this.#pending.set(id, { method, settle, timer });
    this.#socket.write(text);
    return () => {
      clearTimeout(timer);
      giveUp();
    };
  }

  /** Ends the connection; whatever waits for an answer fails with `disconnected`, with the cause as its cause. */
  end(cause: OvsdbError): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#watch);
    this.#socket.destroy();
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    try {
      for (const { method, timer, settle } of waiting) {
        clearTimeout(timer);
        const message = `${method}: the connection was lost before the answer: ${cause.message}`;
        const kind = cause.kind === "closed" ? "closed" : "disconnected";
        settle(new OvsdbError(kind, message, { sent: true, errno: cause.errno, cause }), undefined);
      }
    } finally {
      this.#handlers.onEnd(cause);
    }
  }

  #gone(why: string): OvsdbError {
    return new OvsdbError("disconnected", `${showAddress(this.#address)}: ${why}`);
  }

  /** A notification: the server answers the request that is canceled, and nobody listens to that any more. */
  #cancel(id: number): void {
    if (this.#ended || this.#socket.writableLength > this.#limits.maxOutboundBytes) return;
    this.#send({ method: "cancel", params: [id], id: null });
  }

  #send(message: Json): void {
    this.#socket.write(JSON.stringify(message));
  }

  #receive(chunk: Buffer): void {
    this.#probing = false;
    this.#watch?.refresh();
    try {
      this.#frames.push(chunk, (frame) => {
        // What came in the same piece behind the message that ended the connection no longer counts.
        if (this.#ended) return;
        this.#dispatch(frame);
        if (this.#heard) return;
        this.#heard = true;
        this.#handlers.onHeard();
      });
    } catch (thrown) {
      // Whatever cannot be read leaves us without knowing where the next message begins, or what we missed.
      const cause =
        thrown instanceof OvsdbError ? thrown : new OvsdbError("protocol", String(thrown), { cause: thrown });
      this.end(cause);
    }
  }

  #dispatch(frame: unknown): void {
    if (!isObject(frame)) throw new OvsdbError("protocol", `not a message: ${show(frame)}`);
    const { method, params, id } = frame;
    if (typeof method === "string" && isArray(params)) {
      if (id === null || id === undefined) this.#handlers.onNotification(method, params);
      else this.#answer(method, params, id);
    } else if ("result" in frame || "error" in frame) this.#settle(frame);
    else throw new OvsdbError("protocol", `neither a request nor an answer: ${show(frame)}`);
  }

  /** The server asks for an echo (RFC 7047 section 4.1.11) and for nothing else. */
  #answer(method: string, params: readonly unknown[], id: unknown): void {
    const known = method === "echo";
    // Parsed from JSON a moment ago; it goes back as it came.
    const reply = { id, result: known ? params : null, error: known ? null : "unknown method" };
    if (this.#socket.writableLength > this.#limits.maxOutboundBytes) return;
    this.#socket.write(JSON.stringify(reply));
  }

  #settle(frame: Readonly<Record<string, unknown>>): void {
    const { id, result, error } = frame;
    if (id === "probe") return;
    if (typeof id !== "number" || !Number.isInteger(id) || id < 1 || id >= this.#nextId) {
      throw new OvsdbError("protocol", `an answer to a request that was never made: ${show(frame)}`);
    }
    const pending = this.#pending.get(id);
    // It timed out or was aborted meanwhile.
    if (pending === undefined) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (error === null || error === undefined) pending.settle(undefined, result);
    else pending.settle(refused(pending.method, error), undefined);
  }

  #silence(): void {
    const { inactivityMs } = this.#limits;
    if (this.#probing) {
      // As for an answer: it may have come while this process was stopped.
      setImmediate(() => {
        if (this.#probing) this.end(this.#gone(`silent for ${2 * inactivityMs} ms, even to an echo`));
      });
      return;
    }
    this.#probing = true;
    this.#send({ method: "echo", params: [], id: "probe" });
    this.#watch?.refresh();
  }
}

/** A NUL or half a pair of surrogates as JSON.stringify writes them: behind an even number of backslashes there is an escape. */
const UNSENDABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

/** A request as it goes over the wire; an error for what JSON does not have, or what Open vSwitch does not take. */
function written(method: string, params: readonly Json[], id: number): string | OvsdbError {
  try {
    const text = JSON.stringify({ method, params, id });
    // Nearly every text is done with here. The server would hang up on the others, and again when they are asked anew.
    if (!text.includes("\\u0000") && !text.includes("\\ud")) return text;
    const at = text.search(UNSENDABLE);
    return at < 0 ? text : unsendable(method, text.slice(Math.max(0, at - 40), at + 20));
  } catch (cause) {
    return new OvsdbError("usage", `the request cannot be written as JSON: ${String(cause)}`, { cause });
  }
}

function unsendable(method: string, excerpt: string): OvsdbError {
  const what = "a NUL or a lone surrogate, on which the server would hang up: leave it out";
  return new OvsdbError("bad-value", `${method}: not sent: ...${excerpt}... has ${what}`);
}

function refused(method: string, error: unknown): OvsdbError {
  const name = isObject(error) ? error.error : error;
  const text = typeof name === "string" ? name : show(error);
  const details = isObject(error) && typeof error.details === "string" ? error.details : undefined;
  const message = `${method}: ${text}${details === undefined ? "" : `: ${details}`}`;
  return new OvsdbError("rpc", message, { error: text, details, sent: true });
}
