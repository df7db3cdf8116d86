import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface PingOptions {
  /** Milliseconds between requests; default 10. */
  readonly intervalMs?: number;
}

export interface PingReport {
  readonly address: string;
  readonly sent: number;
  readonly received: number;
  /** Requests without a reply within one second. */
  readonly lost: number;
  /** The longest time between two replies, in milliseconds. */
  readonly maxGapMs: number;
  /** Sequence numbers without a reply, in order. */
  readonly lostSequences: readonly number[];
}

/** A reply that comes later than this after its request counts as lost. */
const lateMs = 1000;

/** A running `ping`. Replies are matched to requests by sequence number. */
export class Ping {
  readonly address: string;
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  readonly #answered = new Set<number>();
  readonly #watchers = new Set<() => void>();
  #errors = "";
  #last = 0;
  #lastReplyAt: number | undefined;
  #maxGapMs = 0;
  #ended = false;

  constructor(enter: readonly string[], address: string, env: NodeJS.ProcessEnv, options: PingOptions = {}) {
    this.address = address;
    const interval = String((options.intervalMs ?? 10) / 1000);
    // -O names each request that has no answer when the next one leaves, so every sequence number is seen.
    const [command = "", ...args] = [...enter, "ping", "-n", "-D", "-O", "-i", interval, address];
    const child = spawn(command, args, {
      env: { ...env, LC_ALL: "C" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#child = child;
    createInterface({ input: child.stdout }).on("line", (line) => this.#take(line));
    child.stderr.on("data", (chunk: Buffer) => {
      this.#errors += chunk.toString();
    });
    this.#closed = new Promise((resolve) =>
      child.on("close", () => {
        this.#ended = true;
        this.#notify();
        resolve();
      }),
    );
  }

  /** Resolves when `count` more replies have come. */
  async answered(count = 1, timeoutMs = 30_000): Promise<void> {
    const enough = this.#answered.size + count;
    await this.#until(() => this.#answered.size >= enough, timeoutMs, "no reply");
  }

  /** Resolves when for `ms` there was no reply. */
  async silent(ms = 500, timeoutMs = 30_000): Promise<void> {
    const begin = Date.now();
    await this.#until(() => Date.now() - Math.max(begin, this.#lastReplyAt ?? 0) >= ms, timeoutMs, "still replies");
  }

  /** Ends it: requests sent until now get their second to be answered, later ones do not count. */
  async stop(): Promise<PingReport> {
    const sent = this.#last;
    const until = Date.now() + lateMs;
    await this.#until(() => this.#answered.size >= sent || Date.now() >= until, lateMs * 2, "").catch(() => undefined);
    if (!this.#ended) this.#child.kill("SIGINT");
    await this.#closed;
    const lostSequences = [];
    for (let sequence = 1; sequence <= sent; sequence++)
      if (!this.#answered.has(sequence)) lostSequences.push(sequence);
    const received = sent - lostSequences.length;
    return {
      address: this.address,
      sent,
      received,
      lost: lostSequences.length,
      maxGapMs: this.#maxGapMs,
      lostSequences,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) this.#child.kill("SIGKILL");
    await this.#closed;
  }

  async #until(holds: () => boolean, timeoutMs: number, otherwise: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const finish = (act: () => void): void => {
        clearTimeout(timer);
        clearInterval(ticks);
        this.#watchers.delete(look);
        act();
      };
      const look = (): void => {
        if (holds()) finish(resolve);
        else if (this.#ended) finish(() => reject(new Error(`ping ${this.address} ended: ${this.#errors.trim()}`)));
      };
      const timer = setTimeout(
        () => finish(() => reject(new Error(`ping ${this.address}: ${otherwise} within ${timeoutMs} ms`))),
        timeoutMs,
      );
      // Conditions on time passing have no line that would announce them.
      const ticks = setInterval(look, 10);
      this.#watchers.add(look);
      look();
    });
  }

  #take(line: string): void {
    const sequence = /icmp_seq=(\d+)/.exec(line)?.[1];
    if (sequence === undefined) return;
    const number = this.#unwrap(Number(sequence));
    this.#last = Math.max(this.#last, number);
    const took = /bytes from .* time=([\d.]+) ms/.exec(line)?.[1];
    const at = /^\[([\d.]+)\]/.exec(line)?.[1];
    if (took !== undefined && at !== undefined && Number(took) <= lateMs) this.#reply(number, Number(at) * 1000);
    this.#notify();
  }

  #reply(sequence: number, at: number): void {
    this.#answered.add(sequence);
    if (this.#lastReplyAt !== undefined) this.#maxGapMs = Math.max(this.#maxGapMs, at - this.#lastReplyAt);
    this.#lastReplyAt = at;
  }

  /** The number on the wire has 16 bits; a run of eleven minutes at 10 ms wraps it. */
  #unwrap(sequence: number): number {
    const wraps = Math.round((this.#last - sequence) / 65_536);
    return sequence + Math.max(0, wraps) * 65_536;
  }

  #notify(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}
