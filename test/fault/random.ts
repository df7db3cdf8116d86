import { createHash } from "node:crypto";

/** Chance that a seed and a label repeat exactly: the same two give the same numbers on every machine. */
export class Random {
  #state: number;

  constructor(seed: number, label = "") {
    this.#state = createHash("sha256").update(`${seed}/${label}`).digest().readUInt32LE(0);
  }

  /** A number from 0 to below 1, by a 32-bit linear congruential step whose high bits are mixed down. */
  next(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    const mixed = Math.imul(this.#state ^ (this.#state >>> 16), 0x2c1b_3c6d);
    return ((mixed ^ (mixed >>> 13)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.between(0, items.length - 1)];
    if (item === undefined) throw new RangeError("There is nothing to pick from");
    return item;
  }

  /** The same items in an order by chance. */
  shuffle<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, rank: this.next() }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ item }) => item);
  }
}
