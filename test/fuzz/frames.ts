import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { FrameReader, OvsdbError } from "node-ovsdb";
import type { Random } from "../fault/random.ts";
import { changeBytes } from "./bytes.ts";
import { randomJson } from "./json.ts";
import { about, type FuzzTarget, outline } from "./target.ts";

const limits = { maxFrameBytes: 256 * 1024, maxDepth: 24 };

interface Outcome {
  readonly frames: readonly unknown[];
  readonly error?: unknown;
}

/** A stream of bytes: what comes out must not depend on how it was cut, and must be what a plain parser makes of it. */
export const frames: FuzzTarget = {
  name: "frames",
  extension: "bin",
  make: (random) => Buffer.concat(Array.from({ length: random.between(1, 4) }, () => message(random))),
  change: changeBytes,
  check(input) {
    const whole = read(input, [input.length || 1]);
    const digest = createHash("sha256").update(input).digest();
    const uneven = [...digest.subarray(0, 8)].map((byte) => 1 + byte);
    // One byte at a time finds most, and is slow: for the large inputs the uneven chunks must do.
    const cuts = input.length <= 4096 ? [[1], [3, 1], uneven] : [uneven, [65_536], [65_535, 2]];
    for (const sizes of cuts) {
      const other = read(input, sizes);
      assert.deepEqual(other.frames, whole.frames, `cut into ${sizes.join()} bytes, other frames came out`);
      assert.equal(other.error === undefined, whole.error === undefined, `cut into ${sizes.join()}: another verdict`);
    }
    compareWithPlainParser(input, whole);
    return describe(whole);
  },
};

function read(input: Buffer, sizes: readonly number[]): Outcome {
  const reader = new FrameReader(limits);
  const frames: unknown[] = [];
  let error: unknown;
  try {
    for (let from = 0, turn = 0; from < input.length; turn += 1) {
      const end = from + (sizes[turn % sizes.length] ?? 1);
      const chunk = Buffer.from(input.subarray(from, end));
      reader.push(chunk, (frame) => frames.push(frame));
      // The socket's buffer is used again: nothing may be read from it later.
      chunk.fill(0);
      from = end;
    }
  } catch (thrown) {
    error = thrown;
    assert(thrown instanceof OvsdbError && thrown.kind === "protocol", `it threw ${String(thrown)}`);
  }
  const { scanned, copied } = reader.work;
  assert(scanned <= input.length, `${scanned} bytes were looked at, of ${input.length}`);
  assert(copied <= 3 * input.length, `${copied} bytes were copied, of ${input.length}`);
  return { frames, error };
}

/** Tries every closing brace: where the text up to it is JSON, there the frame ends. Slow, and hard to get wrong. */
function compareWithPlainParser(input: Buffer, { frames, error }: Outcome): void {
  let from = 0;
  for (const frame of frames) {
    const end = endOfFrame(input, from);
    assert(end !== undefined, "a frame came out that is not in the input");
    assert.deepEqual(frame, JSON.parse(input.toString("utf8", from, end)));
    cutShort(input.subarray(from, end));
    from = end;
  }
  if (error !== undefined) return;
  const more = endOfFrame(input, from);
  assert.equal(more, undefined, "a frame of the input did not come out");
}

function endOfFrame(input: Buffer, from: number): number | undefined {
  for (let end = input.indexOf("}", from) + 1; end > 0; end = input.indexOf("}", end) + 1) {
    try {
      const value: unknown = JSON.parse(
        new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(input.subarray(from, end)),
      );
      if (typeof value === "object") return end;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** A good frame without its end is waited for, neither handed out nor refused. */
function cutShort(frame: Buffer): void {
  const outcome = read(frame.subarray(0, Math.floor(frame.length / 2)), [7]);
  assert.deepEqual(outcome, { frames: [], error: undefined }, "half of a good frame was not waited for");
}

function describe({ frames, error }: Outcome): readonly string[] {
  const largest = Math.max(0, ...frames.map((frame) => JSON.stringify(frame).length));
  const verdict = error instanceof OvsdbError ? outline(error.message) : "waits";
  return [`${about(frames.length)} frames, ${verdict}`, `up to ${about(largest)}, ${verdict}`];
}

function message(random: Random): Buffer {
  const space = random.pick(["", "", "\n", " \t\r\n"]);
  if (random.chance(0.02)) return huge(random);
  if (random.chance(0.05)) return Buffer.from(nested(random.between(1, limits.maxDepth + 2)));
  const text = JSON.stringify(
    { id: random.between(0, 9), result: randomJson(random, 4) },
    undefined,
    random.pick([0, 0, 2]),
  );
  return Buffer.from(text + space);
}

/** Long enough for the reader's blocks to end inside of characters of any width, and sometimes too long. */
function huge(random: Random): Buffer {
  const character = random.pick(["x", "é", "€", "😀", '\\"']);
  const length = random.between(60_000, 300_000) / Buffer.byteLength(character);
  return Buffer.from(
    `${JSON.stringify({ a: "y".repeat(random.between(0, 5)) })}{"text":"${character.repeat(length)}"}`,
  );
}

function nested(depth: number): string {
  return `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
}
