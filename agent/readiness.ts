import type { Timing } from "./config/settings.ts";
import type { Clock } from "./core/clock.ts";
import type { Problem } from "./core/errors.ts";
import type { Notifier } from "./system/notify.ts";

export interface ReadinessOptions {
  readonly notifier: Notifier;
  readonly clock: Clock;
  /** Makes net-ready, which Docker's gate waits for. */
  readonly writeFlag: () => Promise<void>;
  readonly tell: (event: { readonly event: string; readonly [field: string]: unknown }) => void;
}

/** What systemd and Docker's gate are told, and when: READY once, net-ready when the network stands, WATCHDOG while there is progress. */
export class Readiness {
  readonly #options: ReadinessOptions;
  #ready: "no" | "yes" | "degraded" = "no";
  #flagged = false;
  #status = "";
  #announcing: Promise<void> = Promise.resolve();

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  get ready(): "no" | "yes" | "degraded" {
    return this.#ready;
  }

  /** Resolves when nothing is being announced: what is not needed for READY begins then, and not in its way. */
  get announced(): Promise<void> {
    return this.#announcing;
  }

  /** The network stands. `problems` are those that it stands in spite of. */
  stands(problems: readonly Problem[]): Promise<void> {
    if (this.#flagged) return this.#announcing;
    const work = this.#announce(problems);
    this.#announcing = work.catch(() => undefined);
    return work;
  }

  async #announce(problems: readonly Problem[]): Promise<void> {
    this.#flagged = true;
    const { notifier, writeFlag, tell } = this.#options;
    const late = this.#ready !== "no";
    this.#ready = "yes";
    const status = problems[0]?.message ?? "the network stands";
    this.#status = status;
    try {
      // First: whoever waits for READY, such as Docker's gate, looks for the flag next.
      await writeFlag();
      if (!late) {
        await notifier.send(["READY=1", `STATUS=${status}`]);
        tell({ event: "ready", degraded: false, afterMs: sinceStart() });
      }
      tell({ event: "net-ready" });
    } catch (error) {
      this.#flagged = false;
      throw error;
    }
  }

  /** READY when the budget of the boot is used up: a host without network is better than one that does not come up. */
  async giveUp(): Promise<void> {
    if (this.#ready !== "no") return;
    this.#ready = "degraded";
    await this.#options.notifier.send(["READY=1", `STATUS=degraded: ${this.#status}`]);
    this.#options.tell({ event: "ready", degraded: true, reason: this.#status });
  }

  /** One line for `systemctl status`. */
  status(text = "the network stands"): void {
    if (text === this.#status) return;
    this.#status = text;
    if (this.#ready !== "no") void this.#options.notifier.send([`STATUS=${text}`]);
  }

  async reloading(work: () => Promise<void>): Promise<void> {
    const { notifier, clock } = this.#options;
    await notifier.send(["RELOADING=1", `MONOTONIC_USEC=${clock.monotonic() * 1000}`]);
    try {
      await work();
    } finally {
      await notifier.send(["READY=1"]);
    }
  }

  /** Keeps the budget of the boot, and feeds the watchdog as long as `progressing` says so. Until aborted. */
  watch(progressing: () => boolean, settings: { readonly timing: Timing }, signal: AbortSignal): void {
    const { notifier, clock } = this.#options;
    const beat = async (): Promise<void> => {
      const everyMs = Math.min(notifier.watchdogMs ?? 1_000, 1_000);
      let fed = clock.monotonic();
      while (!signal.aborted) {
        await clock.sleep(everyMs, signal).catch(() => undefined);
        if (sinceStart() >= settings.timing.bootBudgetMs) await this.giveUp();
        const due = notifier.watchdogMs !== undefined && clock.monotonic() - fed >= notifier.watchdogMs;
        if (!due || !progressing()) continue;
        fed = clock.monotonic();
        await notifier.send(["WATCHDOG=1"]);
      }
    };
    void beat();
  }
}

/** Milliseconds since this process was started. */
function sinceStart(): number {
  return Math.round(performance.now());
}
