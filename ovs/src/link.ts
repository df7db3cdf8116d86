import type { Address } from "./address.ts";
import { Connection, type ConnectionLimits } from "./connection.ts";
import { asOvsdbError, OvsdbError } from "./errors.ts";
import { given } from "./given.ts";
import { Listeners } from "./listeners.ts";
import { openSocket, type Wire } from "./socket.ts";
import { LONGEST_MS } from "./timer.ts";

/** Where a client stands. `since` and `until` are in ms, by the client's `now`. */
export type ClientState =
  | { readonly state: "idle" }
  | { readonly state: "connecting"; readonly attempt: number }
  | { readonly state: "connected"; readonly since: number }
  | { readonly state: "backoff"; readonly until: number; readonly cause: OvsdbError }
  | { readonly state: "closed" };

export interface LinkOptions extends ConnectionLimits {
  readonly address: Address;
  readonly reconnect: { readonly minMs: number; readonly maxMs: number };
  readonly random: () => number;
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

/** Those that may change while there is a connection. */
export type LinkDurations = {
  readonly [K in "requestTimeoutMs" | "inactivityMs" | "reconnect"]?: LinkOptions[K] | undefined;
};

export interface LinkHandlers {
  onUp(connection: Connection): void;
  onNotification(method: string, params: readonly unknown[]): void;
  /** Once on each connection, when the server has said something that makes sense. */
  onHeard(): void;
  onDown(cause: OvsdbError): void;
  /** A single attempt has failed, and there will be no other unless asked for. */
  onIdle(): void;
}

interface Waiter {
  resolve(): void;
  reject(reason: unknown): void;
}

/** Has at most one connection, and gets a new one when it is lost. */
export class Link {
  #options: LinkOptions;
  readonly #handlers: LinkHandlers;
  readonly #listeners: Listeners<ClientState>;
  readonly #waiters = new Set<Waiter>();
  #state: ClientState = { state: "idle" };
  #connection: Connection | undefined;
  #persistent = false;
  #failures = 0;
  #attempt = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LinkOptions, handlers: LinkHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#listeners = new Listeners(options.onError);
  }

  get state(): ClientState {
    return this.#state;
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  onState(listener: (state: ClientState) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** One attempt, now; joins the attempt that is under way. */
  connect(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    if (this.#state.state === "connected") return Promise.resolve();
    if (this.#state.state === "closed") return Promise.reject(closedError());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { resolve, reject };
    const onAbort = (): void => this.#abandon(waiter, signal?.reason);
    this.#waiters.add(waiter);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (this.#state.state !== "connecting") this.#begin();
    return promise.finally(() => signal?.removeEventListener("abort", onAbort));
  }

  /** Keeps trying until closed. */
  start(): void {
    if (this.#state.state === "closed") throw closedError();
    this.#persistent = true;
    if (this.#state.state === "idle") this.#begin();
  }

  reconfigure(durations: LinkDurations): void {
    this.#options = { ...this.#options, ...given(durations) };
    this.#connection?.reconfigure(this.#options);
  }

  /** The connection proved to be of use: the next backoff is short again. */
  markGood(): void {
    this.#failures = 0;
  }

  /** The wait after so many failures in a row. Half fixed, half random: many clients of one server do not come back in step. */
  backoff(failures: number): number {
    const { minMs, maxMs } = this.#options.reconnect;
    const full = Math.min(maxMs, LONGEST_MS, minMs * 2 ** Math.min(failures - 1, 30));
    return full / 2 + (full / 2) * this.#options.random();
  }

  close(): void {
    if (this.#state.state === "closed") return;
    this.#cancel();
    this.#set({ state: "closed" });
    this.#connection?.end(closedError());
    this.#settle((waiter) => waiter.reject(closedError()));
  }

  #begin(): void {
    this.#cancel();
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#set({ state: "connecting", attempt: this.#failures + 1 });
    openSocket(this.#options.address, this.#options.requestTimeoutMs, attempt.signal).then(
      (wire) => (attempt.signal.aborted ? void wire.socket.destroy() : this.#adopt(wire)),
      (error: unknown) => (attempt.signal.aborted ? undefined : this.#failed(asOvsdbError(error, "unreachable"))),
    );
  }

  #cancel(): void {
    clearTimeout(this.#timer);
    this.#attempt.abort();
  }

  #abandon(waiter: Waiter, reason: unknown): void {
    this.#waiters.delete(waiter);
    waiter.reject(reason);
    if (this.#waiters.size > 0 || this.#persistent || this.#state.state !== "connecting") return;
    this.#cancel();
    this.#rest();
  }

  #adopt(wire: Wire): void {
    if (wire.socket.destroyed) {
      this.#failed(new OvsdbError("unreachable", "the connection was lost at once"));
      return;
    }
    this.#persistent = true;
    const connection = new Connection(wire, this.#options.address, this.#options, {
      onNotification: (method, params) => this.#handlers.onNotification(method, params),
      // The message may have been its last.
      onHeard: () => (this.#connection === connection ? this.#handlers.onHeard() : undefined),
      onEnd: (cause) => this.#ended(cause),
    });
    this.#connection = connection;
    connection.start();
    this.#set({ state: "connected", since: this.#options.now() });
    // Closed by a listener.
    if (this.#connection !== connection) return;
    this.#handlers.onUp(connection);
    this.#settle((waiter) => waiter.resolve());
  }

  #failed(cause: OvsdbError): void {
    this.#failures++;
    if (this.#persistent) this.#backOff(cause);
    else this.#rest();
    this.#settle((waiter) => waiter.reject(cause));
  }

  #ended(cause: OvsdbError): void {
    this.#connection = undefined;
    this.#failures++;
    this.#handlers.onDown(cause);
    if (this.#state.state === "connected") this.#backOff(cause);
  }

  #backOff(cause: OvsdbError): void {
    const delay = this.backoff(this.#failures);
    this.#timer = setTimeout(() => this.#begin(), delay);
    this.#set({ state: "backoff", until: this.#options.now() + delay, cause });
  }

  #rest(): void {
    this.#set({ state: "idle" });
    this.#handlers.onIdle();
  }

  #settle(settle: (waiter: Waiter) => void): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) settle(waiter);
  }

  #set(state: ClientState): void {
    this.#state = state;
    this.#listeners.emit(state);
  }
}

export function closedError(): OvsdbError {
  return new OvsdbError("closed", "the client is closed");
}
