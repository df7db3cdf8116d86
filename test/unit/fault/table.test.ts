import { expect, test } from "vitest";
import { median, table } from "../../fault/table.ts";

test("a table aligns text to the left and numbers to the right", () => {
  expect(
    table(
      ["step", "kills"],
      [
        ["armed", 3],
        ["ok", 12],
      ],
    ),
  ).toEqual(["step   kills", "-----  -----", "armed      3", "ok        12"]);
});

test("a table without rows is its heading", () => {
  expect(table(["step", "kills"], [])).toEqual(["step  kills", "----  -----"]);
});

test("the median of an even number of values is the lower one in the middle", () => {
  expect(median([4, 1, 3, 2])).toBe(2);
  expect(median([5, 1, 3])).toBe(3);
  expect(median([])).toBeNaN();
});
