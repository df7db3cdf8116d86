import { Random } from "../fault/random.ts";
import { smaller } from "./smaller.ts";
import type { FuzzTarget } from "./target.ts";

/** So many inputs are one round. A seed and a round's number give the same inputs again, from the same corpus. */
const ROUND = 100;

export interface Failure {
  readonly message: string;
  readonly input: Buffer;
}

/** Runs one target: what it has tried, found interesting and found wrong. */
export class Fuzzer {
  readonly target: FuzzTarget;
  readonly fresh: Buffer[] = [];
  readonly failures: Failure[] = [];
  runs = 0;
  ms = 0;
  readonly #seed: number;
  readonly #inputs: Buffer[];
  readonly #outcomes = new Set<string>();

  constructor(target: FuzzTarget, seed: number, corpus: readonly Buffer[]) {
    this.target = target;
    this.#seed = seed;
    this.#inputs = [...corpus];
    for (const input of corpus) this.#try(input);
    this.fresh.length = 0;
  }

  round(number: number): void {
    const started = performance.now();
    const random = new Random(this.#seed, `${this.target.name}/${number}`);
    for (let count = 0; count < ROUND; count += 1) {
      const from = this.#inputs.length > 0 && random.chance(0.7) ? random.pick(this.#inputs) : undefined;
      this.#try(from === undefined ? this.target.make(random) : this.target.change(from, random));
    }
    this.ms += performance.now() - started;
  }

  #try(input: Buffer): void {
    this.runs += 1;
    try {
      const fresh = this.target.check(input).filter((outcome) => !this.#outcomes.has(outcome));
      if (fresh.length === 0) return;
      for (const outcome of fresh) this.#outcomes.add(outcome);
      this.fresh.push(input);
      this.#inputs.push(input);
    } catch (thrown) {
      this.#failed(input, messageOf(thrown));
    }
  }

  /** One of each kind is enough. */
  #failed(input: Buffer, message: string): void {
    if (this.failures.some((known) => known.message === message)) return;
    const least = smaller(input, (candidate) => messageFrom(this.target, candidate) === message);
    this.failures.push({ message, input: least });
  }
}

function messageFrom(target: FuzzTarget, input: Buffer): string | undefined {
  try {
    target.check(input);
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/** The first line: an assertion goes on with the values, which differ each time. */
function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.split("\n")[0]?.replace(/\d+/g, "N") ?? "";
}
