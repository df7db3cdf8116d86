import { boot } from "./boot.ts";
import type { Series } from "./figure.ts";
import { network } from "./network.ts";

export interface Bench {
  readonly name: string;
  readonly about: string;
  /** How often each side is measured unless told otherwise. */
  readonly rounds: number;
  /** Measures both sides in turns; `tick` after each round. */
  run(rounds: number, tick: () => void): Promise<readonly Series[]>;
}

/** Every benchmark, sorted by name. */
export const benches: readonly Bench[] = [boot, network];
