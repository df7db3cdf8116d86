import pc from "picocolors";
import { printable } from "../../config/printable.ts";
import type { Tone } from "../../web/page/tone.ts";

/** 1: a thin line. 2: a double one, for what carries the traffic. */
export type Weight = 1 | 2;

interface Cell {
  readonly char: string;
  readonly tone: Tone | undefined;
}

/** The weights of the lines that leave a cell. */
interface Joint {
  readonly up: number;
  readonly down: number;
  readonly left: number;
  readonly right: number;
  readonly tone: Tone | undefined;
}

const nothing: Joint = { up: 0, down: 0, left: 0, right: 0, tone: undefined };

/*
 * Only what the console of a machine that lost its network can show too: the box characters of code page 437. They have no heavy
 * lines, so that double ones are strong here. In the order of `shapes`.
 */
const shapes: readonly string[] = ["lr", "ud", "dr", "dl", "ur", "ul", "udr", "udl", "dlr", "ulr", "udlr"];
/** By the weight of what is upright, then of what lies. */
const glyphs: Readonly<Record<string, string>> = {
  "11": "─│┌┐└┘├┤┬┴┼",
  "12": "═│╒╕╘╛╞╡╤╧╪",
  "21": "─║╓╖╙╜╟╢╥╨╫",
  "22": "═║╔╗╚╝╠╣╦╩╬",
};

/** Characters in rows, and lines that join where they meet and pass behind what is written. */
export class Canvas {
  readonly #cells = new Map<number, Map<number, Cell>>();
  readonly #joints = new Map<string, Joint>();

  /** Text of others is made harmless here. */
  text(x: number, y: number, text: string, tone?: Tone): void {
    for (const [i, char] of [...printable(text)].entries()) this.#put(x + i, y, { char, tone });
  }

  /** A line from one end to the other, both included, upright or lying. */
  line([x1, y1]: readonly [number, number], [x2, y2]: readonly [number, number], weight: Weight, tone?: Tone): void {
    for (let x = Math.min(x1, x2); x < Math.max(x1, x2); x += 1) {
      this.#join(x, y1, { right: weight }, weight, tone);
      this.#join(x + 1, y1, { left: weight }, weight, tone);
    }
    for (let y = Math.min(y1, y2); y < Math.max(y1, y2); y += 1) {
      this.#join(x1, y, { down: weight }, weight, tone);
      this.#join(x1, y + 1, { up: weight }, weight, tone);
    }
  }

  /** One end of a line, which leads out of a cell. */
  stub(x: number, y: number, side: "left" | "right" | "up" | "down", weight: Weight, tone?: Tone): void {
    this.#join(x, y, { [side]: weight }, weight, tone);
  }

  lines(colour: boolean): readonly string[] {
    for (const [key, joint] of this.#joints) {
      const [x = 0, y = 0] = key.split(",").map(Number);
      if (this.#cells.get(y)?.has(x) === true) continue;
      this.#put(x, y, { char: glyphOf(joint), tone: joint.tone });
    }
    const paint = painter(colour);
    const height = Math.max(-1, ...this.#cells.keys()) + 1;
    return Array.from({ length: height }, (_, y) => painted(this.#cells.get(y) ?? new Map(), paint));
  }

  #put(x: number, y: number, cell: Cell): void {
    const row = this.#cells.get(y) ?? new Map<number, Cell>();
    this.#cells.set(y, row.set(x, cell));
  }

  #join(x: number, y: number, sides: Partial<Joint>, weight: Weight, tone: Tone | undefined): void {
    const key = `${x},${y}`;
    const before = this.#joints.get(key) ?? nothing;
    const [up, down, left, right] = (["up", "down", "left", "right"] as const).map((side) =>
      Math.max(before[side], sides[side] ?? 0),
    );
    const strongest = Math.max(before.up, before.down, before.left, before.right);
    this.#joints.set(key, {
      up: up ?? 0,
      down: down ?? 0,
      left: left ?? 0,
      right: right ?? 0,
      tone: weight >= strongest ? tone : before.tone,
    });
  }
}

function glyphOf({ up, down, left, right }: Joint): string {
  const ends = `${up > 0 ? "u" : ""}${down > 0 ? "d" : ""}${left > 0 ? "l" : ""}${right > 0 ? "r" : ""}`;
  const shape = /^[lr]$/.test(ends) ? "lr" : /^[ud]$/.test(ends) ? "ud" : ends;
  const weights = `${Math.max(up, down, 1)}${Math.max(left, right, 1)}`;
  return glyphs[weights]?.charAt(shapes.indexOf(shape)) ?? " ";
}

export function painter(colour: boolean): (text: string, tone: Tone | undefined) => string {
  const paint = pc.createColors(colour);
  const tones = { good: paint.green, warn: paint.yellow, bad: paint.red, wait: (text: string) => text };
  return (text, tone) => (tone === undefined ? paint.dim(text) : tones[tone](text));
}

/** A row as a line of text: what has one tone is painted at once. */
function painted(row: ReadonlyMap<number, Cell>, paint: ReturnType<typeof painter>): string {
  const width = Math.max(-1, ...row.keys()) + 1;
  let line = "";
  let run = "";
  let tone: Tone | undefined;
  for (let x = 0; x < width; x += 1) {
    const cell = row.get(x) ?? { char: " ", tone };
    if (cell.tone !== tone && run !== "") {
      line += paint(run, tone);
      run = "";
    }
    tone = cell.tone;
    run += cell.char;
  }
  return `${line}${run === "" ? "" : paint(run, tone)}`.trimEnd();
}
