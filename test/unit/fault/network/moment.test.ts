import { expect, test } from "vitest";
import { moments, reached } from "../../../fault/network/moment.ts";

test("a moment is reached at its own step and at every later one", () => {
  expect(reached("applied", "committed")).toBe(false);
  expect(reached("applied", "applied")).toBe(true);
  expect(reached("addressed", "verified")).toBe(true);
});

test("every moment is over once the change is confirmed", () => {
  for (const moment of moments) expect(reached(moment, "confirmed")).toBe(true);
});

test("a step that is none of a change's own is no moment", () => {
  for (const moment of moments) expect(reached(moment, "rolled-back")).toBe(false);
});
