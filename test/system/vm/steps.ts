import type { Ping } from "../../lab/ping.ts";
import type { Report } from "../boot/report.ts";
import { address, type VmHost } from "./host.ts";

interface Row {
  readonly step: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly answered: string;
}

export type Step = (host: VmHost, report: Report, ping: Ping) => Promise<void>;

export type Played = readonly [title: string, step: Step];

/** Plays steps one after the other, each with a ping of the management address from the gateway, and tells of all in a table. */
export class Steps {
  readonly #rows: Row[] = [];
  readonly #host: VmHost;
  readonly #report: Report;

  constructor(host: VmHost, report: Report) {
    this.#host = host;
    this.#report = report;
  }

  /** Steps of one machine, each on what the one before has left. */
  async play(steps: readonly Played[]): Promise<void> {
    let sound = true;
    for (const [title, step] of steps) {
      if (sound) sound = await this.#play(title, step);
      else this.#leaveOut(title);
    }
  }

  async #play(title: string, step: Step): Promise<boolean> {
    const { signal, failed } = this.#report;
    this.#report.scenario(title);
    const [failures, begun] = [failed.length, performance.now()];
    await using ping = this.#host.lab.ping(address, { intervalMs: 20 });
    try {
      await step(this.#host, this.#report, ping);
    } catch (error) {
      signal.throwIfAborted();
      this.#report.check("it runs to its end", false, error instanceof Error ? error.message : String(error));
    }
    const { sent, lost, maxGapMs } = await ping.stop();
    const answered = `${sent - lost} of ${sent} answered, longest gap ${maxGapMs.toFixed(0)} ms`;
    const ok = failed.length === failures;
    const seconds = (performance.now() - begun) / 1000;
    this.#report.line(`  ${address} meanwhile: ${answered}; ${seconds.toFixed(0)} s`);
    if (!ok) this.#report.line(await this.#host.diagnosis());
    this.#rows.push({ step: title, ok, seconds, answered });
    return ok;
  }

  #leaveOut(title: string): void {
    this.#report.scenario(title);
    this.#report.check("it can be played", false, "what it builds on has failed");
    this.#rows.push({ step: title, ok: false, seconds: 0, answered: "not played" });
  }

  table(): void {
    const width = Math.max(...this.#rows.map(({ step }) => step.length));
    this.#report.line(`\n      ${"step".padEnd(width)}  time  ${address} from the gateway`);
    for (const { step, ok, seconds, answered } of this.#rows) {
      const time = `${seconds.toFixed(0)} s`.padStart(5);
      this.#report.line(`${ok ? "ok  " : "FAIL"}  ${step.padEnd(width)} ${time}  ${answered}`);
    }
  }
}
