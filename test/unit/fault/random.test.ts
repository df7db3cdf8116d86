import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Random } from "../../fault/random.ts";

function numbers(seed: number, label = ""): number[] {
  const random = new Random(seed, label);
  return Array.from({ length: 20 }, () => random.next());
}

describe("chance with a seed", () => {
  test("gives the same numbers for the same seed and label", () => {
    fc.assert(
      fc.property(fc.nat(), fc.string(), (seed, label) => {
        expect(numbers(seed, label)).toEqual(numbers(seed, label));
      }),
    );
  });

  test("gives other numbers for another seed or another label", () => {
    expect(numbers(1)).not.toEqual(numbers(2));
    expect(numbers(1, "a")).not.toEqual(numbers(1, "b"));
  });

  test("stays within the bounds and reaches both of them", () => {
    const random = new Random(7);
    const drawn = Array.from({ length: 2000 }, () => random.between(3, 6));
    expect(new Set(drawn)).toEqual(new Set([3, 4, 5, 6]));
  });

  test("draws each of the numbers about as often as the others", () => {
    const random = new Random(11);
    const counts = [0, 0, 0, 0];
    for (let draw = 0; draw < 8000; draw += 1) {
      const at = random.between(0, 3);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    for (const count of counts) expect(count).toBeGreaterThan(1700);
  });

  test("shuffles without losing or doubling anything", () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.integer()), (seed, items) => {
        const byValue = (a: number, b: number): number => a - b;
        expect(new Random(seed).shuffle(items).sort(byValue)).toEqual([...items].sort(byValue));
      }),
    );
  });

  test("refuses to pick from nothing", () => {
    expect(() => new Random(1).pick([])).toThrow(RangeError);
  });
});
