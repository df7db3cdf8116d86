import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backoffMs } from "../../../agent/core/backoff.ts";

const range = { minMs: 500, maxMs: 30_000 };

describe("a backoff", () => {
  test("doubles from retry to retry and stays at the maximum", () => {
    const longest = [0, 1, 2, 3, 10, 1_000_000].map((attempt) => backoffMs(attempt, range, () => 1));
    expect(longest).toEqual([500, 1_000, 2_000, 4_000, 30_000, 30_000]);
  });

  test("is never shorter than half of that, so that no retry is immediate, and differs between hosts", () => {
    expect([0, 1, 10].map((attempt) => backoffMs(attempt, range, () => 0))).toEqual([250, 500, 15_000]);
  });

  test("lies between the two for any attempt", () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (attempt, random) => {
        const ms = backoffMs(attempt, range, () => random);
        expect(ms).toBeGreaterThanOrEqual(range.minMs / 2);
        expect(ms).toBeLessThanOrEqual(range.maxMs);
      }),
    );
  });
});
