import type { Lab } from "../../lab/lab.ts";
import type { Ping } from "../../lab/ping.ts";

/** `ping` at 10 ms sends in fact every 10 to 17 ms, by the kernel's clock; two of them stay under 10 ms on average. */
const PINGERS = 2;

export interface Pinged {
  readonly sent: number;
  readonly lost: number;
  /** No reply for at most this long, in milliseconds. */
  readonly maxGapMs: number;
  /** How long was pinged, in milliseconds. */
  readonly pingedMs: number;
}

/** Pings a host from the gateway's namespace, a request every 10 ms at least. */
export class Pings implements AsyncDisposable {
  readonly #pings: readonly Ping[];
  readonly #begin = performance.now();

  constructor(lab: Lab, address: string) {
    this.#pings = Array.from({ length: PINGERS }, () => lab.ping(address, { intervalMs: 10 }));
  }

  async answered(count: number, timeoutMs?: number): Promise<void> {
    await Promise.all(this.#pings.map(async (ping) => await ping.answered(count, timeoutMs)));
  }

  async stop(): Promise<Pinged> {
    const pingedMs = Math.round(performance.now() - this.#begin);
    const reports = await Promise.all(this.#pings.map(async (ping) => await ping.stop()));
    return {
      sent: reports.reduce((sum, { sent }) => sum + sent, 0),
      lost: reports.reduce((sum, { lost }) => sum + lost, 0),
      // A time without any reply is one for each of them.
      maxGapMs: Math.round(Math.min(...reports.map((report) => report.maxGapMs))),
      pingedMs,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const ping of this.#pings) await ping[Symbol.asyncDispose]();
  }
}
