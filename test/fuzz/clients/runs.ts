import fc from "fast-check";
import { clientProperty } from "./property.ts";

/** So many runs are one round. */
const ROUND = 5;

/** Runs the property of the clients by rounds, until it has failed. A seed and a round's number give the same steps again. */
export class ClientRuns {
  runs = 0;
  ms = 0;
  /** What has failed, with the fewest steps that still fail. */
  failure: string | undefined;
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  async round(number: number): Promise<void> {
    if (this.failure !== undefined) return;
    const started = performance.now();
    const details = await fc.check(clientProperty, { seed: this.#seed + number, numRuns: ROUND });
    this.runs += details.numRuns;
    this.ms += performance.now() - started;
    if (details.failed) this.failure = await fc.asyncDefaultReportMessage(details);
  }
}
