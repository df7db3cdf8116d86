import type { ContainerTiming } from "../config/settings.ts";
import { backoffMs } from "../core/backoff.ts";
import { type Problem, problemOf } from "../core/errors.ts";
import type { Intent, JournalEntry } from "./journal.ts";
import { Ledger } from "./ledger.ts";
import type { ContainersPorts } from "./ports.ts";

/** Why nothing can be restarted now: what cannot be written down is not done. */
export interface Closed {
  readonly problem: Problem;
  /** Monotonic milliseconds; it is tried again then. */
  readonly until: number;
}

/** The journal with its sum, and what is wrong with it. Containers are watched without it, and never restarted. */
export class Book {
  readonly #ports: Pick<ContainersPorts, "clock" | "journal" | "random">;
  readonly #timing: () => ContainerTiming;
  #ledger = new Ledger();
  #read = false;
  #attempts = 0;
  #closed: Closed | undefined;
  /** Entries that could not be written yet. They happened, so that they count all the same. */
  #unwritten: readonly JournalEntry[] = [];
  /** One writes at a time: nothing is written twice. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(ports: Pick<ContainersPorts, "clock" | "journal" | "random">, timing: () => ContainerTiming) {
    this.#ports = ports;
    this.#timing = timing;
  }

  get ledger(): Ledger {
    return this.#ledger;
  }

  /** What is wrong with the journal, also while the next attempt is due. */
  get closed(): Closed | undefined {
    return this.#closed;
  }

  /** Entries wait to be written, or nothing has been read: to be told also while no restart is due. */
  get behind(): boolean {
    return !this.#read || this.#unwritten.length > 0;
  }

  /** Catches up with what could not be read or written before. Never rejects. */
  async open(): Promise<void> {
    if (!this.behind || this.#waits()) return;
    if (!this.#read) await this.#readAll();
    else await this.#flush().catch(() => undefined);
  }

  /** Writes down what is about to be done. Throws the problem that keeps it from being done. */
  async intend(entry: Intent): Promise<void> {
    await this.open();
    if (!this.#read) throw new Error("the journal is not read");
    await this.#flush(entry);
    this.#ledger.add(entry, this.#ports.clock.monotonic());
  }

  /** Takes note of what has happened; it is written as soon as that works. Never rejects. */
  async note(entry: JournalEntry): Promise<void> {
    this.#ledger.add(entry, this.#ports.clock.monotonic());
    // What happens before the journal is read is found again when it is.
    if (!this.#read) return;
    this.#unwritten = [...this.#unwritten, entry];
    if (!this.#waits()) await this.#flush().catch(() => undefined);
  }

  #waits(): boolean {
    return this.#closed !== undefined && this.#ports.clock.monotonic() < this.#closed.until;
  }

  async #readAll(): Promise<void> {
    const { clock, journal } = this.#ports;
    const wall = clock.now();
    const now = clock.monotonic();
    try {
      const ledger = new Ledger();
      // A wall clock that was set back must not put a restart into the future.
      for (const entry of await journal.read()) ledger.add(entry, now - Math.max(0, wall - entry.at));
      ledger.close();
      this.#ledger = ledger;
      this.#read = true;
      this.#opened();
    } catch (error) {
      this.#close("read", error);
    }
  }

  #flush(more?: JournalEntry): Promise<void> {
    const written = this.#last.then(() => this.#write(more));
    this.#last = written.catch(() => undefined);
    return written;
  }

  async #write(more: JournalEntry | undefined): Promise<void> {
    try {
      for (const entry of this.#unwritten) {
        await this.#ports.journal.append(entry);
        this.#unwritten = this.#unwritten.filter((each) => each !== entry);
      }
      if (more !== undefined) await this.#ports.journal.append(more);
      this.#opened();
    } catch (error) {
      this.#close("written", error);
      throw error;
    }
  }

  #opened(): void {
    this.#attempts = 0;
    this.#closed = undefined;
  }

  #close(what: "read" | "written", error: unknown): void {
    const { backoffMinMs: minMs, backoffMaxMs: maxMs } = this.#timing();
    const until = this.#ports.clock.monotonic() + backoffMs(this.#attempts, { minMs, maxMs }, this.#ports.random);
    this.#attempts += 1;
    const { code, message, file } = problemOf(error);
    const problem: Problem = {
      // Of the system, such as a full disk: nobody's bug.
      code: code === "E_INTERNAL" ? "E_CONTAINER_JOURNAL" : code,
      message: `the restart journal cannot be ${what}: ${message}; no restart without it`,
      ...(file === undefined ? {} : { file }),
      hint: "Containers are watched all the same. It is tried again.",
    };
    this.#closed = { problem, until };
  }
}
