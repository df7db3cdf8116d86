import { AgentError, type Problem } from "./core/errors.ts";
import type { Logger } from "./system/log.ts";

export interface AgentEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** One fragment can have thousands; check-config shows them all. */
const TOLD_PROBLEMS = 10;

/** What happens on this host: to the log, and to whoever follows along. */
export class Events {
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #listeners = new Set<(event: object) => void>();
  #current: readonly Problem[] = [];

  constructor(log: Logger, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  tell(event: AgentEvent): void {
    this.#log.info(event, event.event);
    for (const listener of this.#listeners) listener({ time: this.#now(), ...event });
  }

  /** What was wrong when the last pass ended; a pass that is running changes nothing of that yet. */
  get current(): readonly Problem[] {
    return this.#current;
  }

  /** The problems that there are now; told when they are others than before. */
  problems(problems: readonly Problem[]): void {
    if (JSON.stringify(problems) === JSON.stringify(this.#current)) return;
    this.#current = problems;
    this.tell({ event: "problems", count: problems.length, problems: problems.slice(0, TOLD_PROBLEMS) });
  }

  /** Something that went wrong once. */
  problem(problem: Problem): void {
    this.#log.error({ event: "problem", problem }, problem.message);
  }

  /** What went wrong where nobody can be thrown at: a programming error, unless it has a code of its own. */
  bug(error: unknown): void {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.problem(error instanceof AgentError ? error.problem : { code: "E_INTERNAL", message });
  }

  /** Calls back for every event until the returned function is called. */
  subscribe(listener: (event: object) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
