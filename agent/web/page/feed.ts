import type { Clock } from "../../core/clock.ts";
import { firstOfTheMost } from "../../core/crowd.ts";

export interface FeedOptions {
  readonly clock: Pick<Clock, "sleep">;
  /** What is to be sent, as it is now. */
  readonly compose: () => Promise<string>;
  readonly onError: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** Looked at by more, each of them costs a connection and nothing else: what is sent is made once for all. */
export const MAX_CLIENTS = 32;
const EVERY_MS = 5_000;
/** A storm of events makes no storm of looks at the host. */
const PAUSE_MS = 250;
/** The last that a page hears whose place another one got: it asks again only for a place that is free. */
const FULL = "event: full\ndata: too many look at this host\n\n";

/** Who wants to look. */
export interface Viewer {
  readonly address: string;
  /** Takes no place from another one. */
  readonly ifFree: boolean;
  /** Aborted when it is gone. */
  readonly gone: AbortSignal;
}

interface Client {
  readonly address: string;
  /** Another one got its place. */
  left: boolean;
  /** What it has not taken yet: only the newest, so that a slow reader costs no memory. */
  next: string | undefined;
  wake: () => void;
}

/** The same news for every client: at once, on every event, and every five seconds. Idle while nobody looks. */
export class Feed {
  readonly #options: FeedOptions;
  readonly #clients = new Set<Client>();
  #dirty = false;
  #wake: () => void = () => undefined;
  #running = false;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** Something happened. Cheap; safe to call for every event. */
  touch(): void {
    this.#dirty = true;
    this.#wake();
  }

  /** The news until `gone` is aborted or another client gets its place; undefined if there is none. */
  open({ address, ifFree, gone }: Viewer): AsyncIterable<string> | undefined {
    if (gone.aborted || (ifFree && this.#clients.size >= MAX_CLIENTS)) return undefined;
    const client: Client = { address, left: false, next: undefined, wake: () => undefined };
    this.#clients.add(client);
    if (this.#clients.size > MAX_CLIENTS) this.#takePlace();
    gone.addEventListener(
      "abort",
      () => {
        this.#clients.delete(client);
        client.wake();
        this.#wake();
      },
      { once: true },
    );
    this.touch();
    void this.#run();
    return newsOf(client, gone);
  }

  #takePlace(): void {
    const client = firstOfTheMost(this.#clients);
    if (client === undefined) return;
    this.#clients.delete(client);
    client.left = true;
    client.wake();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    const { compose, onError, signal } = this.#options;
    while (this.#clients.size > 0 && !signal.aborted) {
      this.#dirty = false;
      try {
        const text = await compose();
        for (const client of this.#clients) {
          client.next = text;
          client.wake();
        }
      } catch (error) {
        onError(error);
      }
      await this.#sleep(PAUSE_MS, signal);
      if (!this.#dirty) await this.#untilTouched(signal);
    }
    this.#running = false;
  }

  async #untilTouched(signal: AbortSignal): Promise<void> {
    const awake = new AbortController();
    this.#wake = () => awake.abort();
    await this.#sleep(EVERY_MS, AbortSignal.any([signal, awake.signal]));
    this.#wake = () => undefined;
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    await this.#options.clock.sleep(ms, signal).catch(() => undefined);
  }
}

async function* newsOf(client: Client, gone: AbortSignal): AsyncGenerator<string> {
  while (!gone.aborted) {
    const { next, left } = client;
    client.next = undefined;
    if (left) {
      yield FULL;
      return;
    }
    if (next !== undefined) yield next;
    else {
      await new Promise<void>((resolve) => {
        client.wake = resolve;
      });
    }
  }
}
