import { setTimeout as delay } from "node:timers/promises";

/** Prints as it goes and remembers what was not as it should be. */
export class Report {
  readonly failed: string[] = [];
  readonly signal: AbortSignal;
  #scenario = "";

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** Begins a scenario; throws if the lane was asked to stop. */
  scenario(title: string): void {
    this.signal.throwIfAborted();
    this.#scenario = title;
    this.line(`\n${title}`);
  }

  line(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  check(claim: string, holds: boolean, detail = ""): boolean {
    this.line(`  ${holds ? "ok  " : "FAIL"} ${claim}${detail ? `: ${detail}` : ""}`);
    if (!holds) this.failed.push(`${this.#scenario}: ${claim}${detail ? `: ${detail}` : ""}`);
    return holds;
  }

  /** Asks until `holds` says yes; false after `timeoutMs`. */
  async eventually(holds: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
    const until = performance.now() + timeoutMs;
    while (!(await holds())) {
      if (performance.now() > until) return false;
      await delay(200, undefined, { signal: this.signal });
    }
    return true;
  }
}
