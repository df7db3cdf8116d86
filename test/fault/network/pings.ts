import type { Lab } from "../../lab/lab.ts";
import type { Ping, PingReport } from "../../lab/ping.ts";

/** Each request and its answer cross four userspace switches: at 10 ms they took half of the machine from the rounds. */
const INTERVAL_MS = 20;

export interface Pinged extends Pick<PingReport, "sent" | "lost" | "maxGapMs"> {
  /** How long was pinged, in milliseconds. */
  readonly pingedMs: number;
}

/** Pings a host from the gateway's namespace, a request every 20 to 24 ms by the kernel's clock. */
export class Pings implements AsyncDisposable {
  readonly #ping: Ping;
  readonly #begin = performance.now();

  constructor(lab: Lab, address: string) {
    this.#ping = lab.ping(address, { intervalMs: INTERVAL_MS });
  }

  async answered(count: number, timeoutMs?: number): Promise<void> {
    await this.#ping.answered(count, timeoutMs);
  }

  async stop(): Promise<Pinged> {
    const pingedMs = Math.round(performance.now() - this.#begin);
    const { sent, lost, maxGapMs } = await this.#ping.stop();
    return { sent, lost, maxGapMs: Math.round(maxGapMs), pingedMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ping[Symbol.asyncDispose]();
  }
}
