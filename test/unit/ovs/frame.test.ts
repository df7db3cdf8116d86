import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type FrameLimits, FrameReader } from "../../../ovs/src/frame.ts";

const limits: FrameLimits = { maxFrameBytes: 64 * 1024 * 1024, maxDepth: 64 };

/** The frames that come out when the bytes go in by chunks of the given sizes, used in turn. */
function read(bytes: Buffer, sizes: readonly number[], reader = new FrameReader(limits)): unknown[] {
  const frames: unknown[] = [];
  let from = 0;
  for (let turn = 0; from < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    // A copy, so that a reader which kept a chunk instead of its content would be found out.
    const chunk = Buffer.from(bytes.subarray(from, from + size));
    reader.push(chunk, (frame) => frames.push(frame));
    chunk.fill(0);
    from += size;
  }
  return frames;
}

const message = fc.record({ value: fc.jsonValue({ maxDepth: 12, stringUnit: "binary" }) });
const gap = fc.stringMatching(/^[ \n\r\t]{0,3}$/);

describe("FrameReader", () => {
  it("gives the same frames whatever the chunking, the spacing and the content", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 });
    const spaced = fc.array(fc.tuple(message, gap, fc.integer({ min: 0, max: 2 })), { maxLength: 8 });
    fc.assert(
      fc.property(spaced, sizes, (parts, chunking) => {
        const text = parts.map(([one, space, indent]) => JSON.stringify(one, undefined, indent) + space).join("");
        const expected = parts.map(([one]): unknown => JSON.parse(JSON.stringify(one)));
        expect(read(Buffer.from(text), chunking)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it("keeps characters whole that are split between chunks, at every place", () => {
    const sent = { text: 'ä€😀"\\"}]{[', 'key "😀"': ["\\", "\\\\", '\\"', "\u0000"] };
    const bytes = Buffer.from(JSON.stringify(sent));
    for (let at = 1; at < bytes.length; at++) expect(read(bytes, [at, bytes.length])).toEqual([sent]);
    expect(read(bytes, [1])).toEqual([sent]);
  });

  it("looks at each byte once and copies a bounded number of times, whatever the chunking", () => {
    const text = JSON.stringify({
      rows: Array.from({ length: 5000 }, (_, row) => ({ row, note: 'a "quoted" \\ one' })),
    });
    const bytes = Buffer.from(text.repeat(3));
    for (const size of [1, 7, 1500, 4096, 65536, bytes.length]) {
      const reader = new FrameReader(limits);
      expect(read(bytes, [size], reader)).toHaveLength(3);
      expect(reader.work.scanned).toBe(bytes.length);
      expect(reader.work.copied).toBeLessThanOrEqual(3 * bytes.length);
    }
  });

  it("copies frames that come whole once", () => {
    const reader = new FrameReader(limits);
    expect(read(Buffer.from('{"a":1}{"b":[2]}'), [1000], reader)).toEqual([{ a: 1 }, { b: [2] }]);
    expect(reader.work.copied).toBe(16);
  });

  it("gives every frame of a chunk that is longer than what it keeps, also where a string ends with the chunk", () => {
    const frames = Array.from({ length: 3000 }, (_, row) => ({ row, text: `\\"${"é".repeat(row % 50)}\\` }));
    const bytes = Buffer.from(frames.map((frame) => JSON.stringify(frame)).join(" "));
    for (const size of [bytes.length, 65_535, 65_536, 65_537, 3]) {
      const reader = new FrameReader(limits);
      expect(read(bytes, [size], reader)).toEqual(frames);
      expect(reader.work.scanned).toBe(bytes.length);
      expect(reader.work.copied).toBeLessThanOrEqual(3 * bytes.length);
    }
  });

  it("takes a frame of 50 MB, and the small one behind it", () => {
    const large = { text: "x".repeat(50 * 1024 * 1024) };
    const bytes = Buffer.from(`${JSON.stringify(large)}{"next":true}`);
    for (const size of [4096, 65536, 1_000_003]) {
      const reader = new FrameReader(limits);
      const frames = read(bytes, [size], reader);
      expect(frames.map((frame) => JSON.stringify(frame).length)).toEqual([bytes.length - 13, 13]);
      expect(reader.work.scanned).toBe(bytes.length);
      expect(reader.work.copied).toBeLessThanOrEqual(3 * bytes.length);
    }
  });

  it("gives nothing out before the frame is complete", () => {
    expect(read(Buffer.from('{"a":[1,2,{"b":"}'), [3])).toEqual([]);
  });

  it("holds its bounds on size and depth exactly, before it parses", () => {
    const frame = '{"a":[[1]]}';
    for (const size of [1, 4, 100]) {
      const bytes = Buffer.from(frame);
      const fits = new FrameReader({ maxFrameBytes: frame.length, maxDepth: 3 });
      expect(read(bytes, [size], fits)).toEqual([{ a: [[1]] }]);
      const short = new FrameReader({ maxFrameBytes: frame.length - 1, maxDepth: 3 });
      expect(() => read(bytes, [size], short)).toThrow(expect.objectContaining({ kind: "protocol" }));
      const flat = new FrameReader({ maxFrameBytes: frame.length, maxDepth: 2 });
      expect(() => read(bytes, [size], flat)).toThrow(/nested deeper than 2/);
    }
  });

  it("gives up on an endless frame after the bound, not at its end", () => {
    const reader = new FrameReader({ maxFrameBytes: 10_000, maxDepth: 64 });
    const bytes = Buffer.from(`{"a":"${"x".repeat(1_000_000)}`);
    expect(() => read(bytes, [1000], reader)).toThrow(/longer than 10000 bytes/);
    expect(reader.work.scanned).toBeLessThanOrEqual(12_000);
  });

  it.each([
    ["another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n"],
    ["a list", "[1,2]"],
    ["a bare atom", "null"],
    ["a closing bracket", '{"a":1}}'],
    ["crossed brackets", '{"a":[}]'],
    ["brackets of another kind", '{"a":1]'],
    ["no JSON", "{a:1}"],
    ["a control character in a string", '{"a":"\n"}'],
  ])("refuses %s as a protocol error", (_, text) => {
    for (const size of [1, 1000]) {
      expect(() => read(Buffer.from(text), [size])).toThrow(expect.objectContaining({ kind: "protocol" }));
    }
  });

  it("refuses bytes that are not UTF-8 instead of replacing them", () => {
    const broken = Buffer.from([...Buffer.from('{"a":"'), 0xf0, 0x9f, 0x98, ...Buffer.from('"}')]);
    expect(() => read(broken, [1])).toThrow(/not UTF-8/);
  });

  it("throws only its own error, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (noise, size) => {
        const bytes = Buffer.concat([Buffer.from('{"a":'), noise]);
        try {
          read(bytes, [size]);
        } catch (error) {
          expect(error).toMatchObject({ name: "OvsdbError", kind: "protocol" });
        }
      }),
      { numRuns: 500 },
    );
  });
});
