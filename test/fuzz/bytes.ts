import type { Random } from "../fault/random.ts";

/** What parsers stumble over: quotes, brackets, escapes, NUL, halves of characters, a byte order mark, numbers at their ends. */
const pieces = [
  '"', "\\", "{", "}", "[", "]", ",", ":", "{}", "[[[[[[[[", "null", "true", "1e999", "-0", "9007199254740993", "\\u0000", "\\ud800",
  '"__proto__"', "\0", "\n", " ", "/*", "NaN", "é", "😀", "\u2028",
].map((text) => Buffer.from(text)); // biome-ignore format: a list to be read as one
const broken = ["c3", "e282", "f09f98", "ff", "80", "c080", "eda080", "f4908080", "efbbbf"].map((hex) =>
  Buffer.from(hex, "hex"),
);

const changes: readonly ((input: Buffer, at: number, random: Random) => Buffer)[] = [
  (input, at, random) => spliced(input, at, 0, random.pick(pieces)),
  (input, at, random) => spliced(input, at, 1, random.pick(pieces)),
  (input, at, random) => spliced(input, at, 0, random.pick(broken)),
  (input, at, random) => spliced(input, at, 1, Buffer.from([(input[at] ?? 0) ^ (1 << random.between(0, 7))])),
  (input, at, random) => spliced(input, at, random.between(1, 8), Buffer.alloc(0)),
  (input, at, random) => spliced(input, at, 0, input.subarray(at, at + random.between(1, 32))),
  (input, at) => input.subarray(0, at),
  (input) => Buffer.concat([input, input]),
];

/** One to three changes at places by chance. */
export function changeBytes(input: Buffer, random: Random): Buffer {
  let changed = input;
  for (let count = random.between(1, 3); count > 0; count -= 1) {
    changed = random.pick(changes)(changed, random.between(0, changed.length), random);
  }
  return changed.subarray(0, 512 * 1024);
}

function spliced(input: Buffer, at: number, remove: number, insert: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, at), insert, input.subarray(at + remove)]);
}
