import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Colour on a terminal, plain text in a pipe. */
export function paint(style: Style, text: string): string {
  return process.stdout.isTTY ? styleText(style, text) : text;
}

export function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** What a step found out, appended to its sentence; undefined where the sentence says it all. */
type Found = string | undefined;

/** A walk through steps that are told in sentences with their measured times. The first failing step ends it. */
export class Walk {
  #number = 0;

  /** Runs one step; prints ✓ with its time, or ✗ with the reason before the error goes on. */
  async step(sentence: string, work: () => Promise<Found>): Promise<void> {
    const number = String(++this.#number).padStart(2);
    const begin = performance.now();
    const took = (): string => paint("dim", `(${seconds(performance.now() - begin)})`);
    try {
      const found = await work();
      process.stdout.write(`${paint("green", "✓")} ${number}. ${sentence} ${took()}\n`);
      if (found !== undefined) process.stdout.write(`      ${found}\n`);
    } catch (error) {
      process.stdout.write(`${paint("red", "✗")} ${number}. ${sentence} ${took()}\n`);
      throw error;
    }
  }
}

/** Throws with the sentence unless it holds; for what a step claims. */
export function claim(holds: boolean, sentence: string): asserts holds {
  if (!holds) throw new Error(`This is not so: ${sentence}`);
}
