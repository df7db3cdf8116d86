import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { identify, type ProcessId } from "./processes.ts";

/** One line of the agent's log. Lines that are no JSON objects (a crash's stack) come as `{ msg, raw: true }`. */
export interface LogLine {
  readonly msg?: string;
  /** Milliseconds since the epoch. */
  readonly time?: number;
  readonly event?: string;
  readonly step?: string;
  readonly [field: string]: unknown;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface WaitOptions {
  /** Milliseconds; default 30 000. */
  readonly timeoutMs?: number;
  /** Look at lines from this index on (see {@link AgentProcess.mark}); default 0: lines that came already count. */
  readonly from?: number;
}

/** A long-running `devcloud-agent` whose log is read as events. */
export class AgentProcess implements AsyncDisposable {
  readonly id: ProcessId;
  /** Every line so far. */
  readonly lines: LogLine[] = [];
  /** Resolves when the process has ended and its last line was read. */
  readonly exited: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();
  #ended: Ended | undefined;

  constructor(argv: readonly string[], env: NodeJS.ProcessEnv) {
    const [command = "", ...args] = argv;
    // A group of its own: a Ctrl-C in the terminal reaches the lab, which then ends the agent in its own order.
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    if (child.pid === undefined) throw new Error(`${argv.join(" ")} could not be started`);
    this.#child = child;
    this.id = identify(child.pid);
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => this.#take(parseLine(line)));
    }
    this.exited = new Promise((resolve) => {
      child.on("close", (code, signal) => {
        this.#ended = { code, signal };
        this.#notify();
        resolve(this.#ended);
      });
    });
  }

  get pid(): number {
    return this.id.pid;
  }

  get ended(): Ended | undefined {
    return this.#ended;
  }

  /** The present end of the log, to wait for what comes after it. */
  mark(): number {
    return this.lines.length;
  }

  /** The first line from `from` on that fits. Throws if the agent ends or the time passes; the error shows the log's end. */
  async waitFor(fits: (line: LogLine) => boolean, options: WaitOptions = {}): Promise<LogLine> {
    const { timeoutMs = 30_000, from = 0 } = options;
    let next = from;
    return await new Promise((resolve, reject) => {
      const done = (act: () => void): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        act();
      };
      const look = (): void => {
        for (; next < this.lines.length; next++) {
          const line = this.lines[next];
          if (line === undefined || !fits(line)) continue;
          done(() => resolve(line));
          return;
        }
        if (this.#ended) {
          const { code, signal } = this.#ended;
          done(() =>
            reject(new Error(`The agent ended (${signal ?? code}) before the expected line:\n${this.tail()}`)),
          );
        }
      };
      const timer = setTimeout(
        () => done(() => reject(new Error(`No such line of the agent within ${timeoutMs} ms:\n${this.tail()}`))),
        timeoutMs,
      );
      this.#watchers.add(look);
      look();
    });
  }

  /** Waits for `event`, and `step` where given. */
  async event(event: string, step?: string, options: WaitOptions = {}): Promise<LogLine> {
    return await this.waitFor((line) => line.event === event && (step === undefined || line.step === step), options);
  }

  /** Calls `see` for every line from now on, until the returned function is called. */
  follow(see: (line: LogLine) => void): () => void {
    let next = this.lines.length;
    const look = (): void => {
      for (; next < this.lines.length; next++) {
        const line = this.lines[next];
        if (line !== undefined) see(line);
      }
    };
    this.#watchers.add(look);
    return () => this.#watchers.delete(look);
  }

  kill(signal: NodeJS.Signals = "SIGTERM"): void {
    this.#child.kill(signal);
  }

  /** Ends the agent (SIGTERM unless told otherwise) and waits until it is gone. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Ended> {
    this.kill(signal);
    return await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended === undefined) await this.stop("SIGKILL");
  }

  /** The last lines, for messages to people. */
  tail(count = 25): string {
    return this.lines
      .slice(-count)
      .map((line) => JSON.stringify(line))
      .join("\n");
  }

  #take(line: LogLine): void {
    this.lines.push(line);
    this.#notify();
  }

  #notify(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

function parseLine(text: string): LogLine {
  try {
    const value: unknown = JSON.parse(text);
    if (isLogLine(value)) return value;
  } catch {
    // Not JSON: a stack trace or a child's complaint.
  }
  return { msg: text, raw: true };
}

function isLogLine(value: unknown): value is LogLine {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
