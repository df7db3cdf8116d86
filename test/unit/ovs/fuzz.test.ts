import { describe, expect, it } from "vitest";
import type { Random } from "../../fault/random.ts";
import { corpusOf } from "../../fuzz/corpus.ts";
import { Fuzzer } from "../../fuzz/fuzzer.ts";
import type { FuzzTarget } from "../../fuzz/target.ts";
import { targets } from "../../fuzz/targets.ts";

describe("the fuzz lane", () => {
  it.each(targets)("finds nothing wrong with $name in what it has kept, nor in a few rounds more", async (target) => {
    const corpus = await corpusOf(target);
    expect(corpus.length).toBeGreaterThan(0);
    const fuzzer = new Fuzzer(target, 1, corpus);
    for (let round = 0; round < 3; round += 1) fuzzer.round(round);
    expect(fuzzer.failures).toEqual([]);
  });

  it("makes the same inputs again from the same seed, round by round", () => {
    const run = (seed: number): string[] => {
      const seen: string[] = [];
      const target: FuzzTarget = { ...small, check: (input) => [String(seen.push(input.toString()))] };
      const fuzzer = new Fuzzer(target, seed, [Buffer.from("kept")]);
      fuzzer.round(7);
      return seen;
    };
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it("tells a failure once, made as small as it still fails", () => {
    const target: FuzzTarget = {
      ...small,
      check(input) {
        if (input.includes("!")) throw new Error(`it broke at byte ${input.indexOf("!")}`);
        return ["fine"];
      },
    };
    const fuzzer = new Fuzzer(target, 1, []);
    for (let round = 0; round < 5; round += 1) fuzzer.round(round);
    expect(fuzzer.failures).toEqual([{ message: "it broke at byte N", input: Buffer.from("!") }]);
  });
});

const small: FuzzTarget = {
  name: "small",
  extension: "txt",
  make: (random: Random) => Buffer.from(Array.from({ length: 9 }, () => random.pick(["a", "b", "c", "!"])).join("")),
  change: (input, random) => Buffer.concat([input, Buffer.from(random.pick(["a", "b"]))]),
  check: () => [],
};
