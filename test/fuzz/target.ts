import type { Random } from "../fault/random.ts";

/** Something that takes input from outside, and what must hold whatever the input is. */
export interface FuzzTarget {
  readonly name: string;
  /** What its inputs are, as the end of a file's name. */
  readonly extension: string;
  /** An input from nothing. */
  make(random: Random): Buffer;
  /** An input near this one. */
  change(input: Buffer, random: Random): Buffer;
  /**
   * Tries an input. Returns what came of it, each thing in few words and without the values: an input of which something new
   * came is worth keeping. Throws when something does not hold.
   */
  check(input: Buffer): readonly string[];
}

/** An error's message without what varies from input to input. */
export function outline(message: string): string {
  return message
    .replace(/(got|update:|no difference to) .*/s, "$1 ...")
    .replace(/"[^"]*"?/g, '"..."')
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "UUID")
    .replace(/\d+/g, "N")
    .slice(0, 120);
}

/** How many, coarsely. */
export function about(count: number): number {
  return count < 4 ? count : 2 ** Math.floor(Math.log2(count));
}
