import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { editDistance, nearest, suggest } from "../../../agent/config/nearest.ts";

describe("the nearest name", () => {
  it.each([
    ["managment", "management"],
    ["brigde", "bridge"],
    ["EM1", "em1"],
    ["up_delay", "updelay"],
  ])("of %s is %s", (word, meant) => {
    expect(nearest(word, ["mode", "management", "bridge", "em1", "updelay"])).toBe(meant);
  });

  it("is nothing when none is close", () => {
    expect(nearest("storage", ["management", "general"])).toBeUndefined();
    expect(suggest("storage", ["management", "general"])).toBe("Known here: management, general.");
    expect(suggest("storage", [])).toBeUndefined();
  });

  it("does not spend time on words that nobody mistyped", () => {
    expect(nearest("x".repeat(1_000_000), ["x"])).toBeUndefined();
  });

  it("has a distance that is zero for the same, symmetric, and never more than the longer word", () => {
    const word = fc.string({ maxLength: 8, unit: fc.constantFrom("a", "b", "c") });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance === 0).toBe(a === b);
        expect(editDistance(b, a)).toBe(distance);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
