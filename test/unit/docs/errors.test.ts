import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..", "..");
const sources = ["agent", "collectors", "kickstart", "packaging"];

/** Every code that the product's sources name. */
function codesInSources(): readonly string[] {
  const files = sources.flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root }));
  const codes = files.flatMap(
    (file) => readFileSync(join(root, file), "utf8").match(/\bE_(?:INTERNAL|[A-Z0-9]+(?:_[A-Z0-9]+)+)\b/g) ?? [],
  );
  return [...new Set(codes)].sort();
}

const rows = readFileSync(join(root, "docs/errors.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| `E_"))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, code = "", meaning = "", todo = ""]) => ({ code: code.replaceAll("`", ""), meaning, todo }));

describe("docs/errors.md", () => {
  it("explains every code of the sources, and no code that is gone, in order", () => {
    expect(codesInSources()).toContain("E_INTERNAL");
    expect(rows.map(({ code }) => code)).toEqual(codesInSources());
  });

  it("says of each what it means and what to do", () => {
    expect(rows.filter(({ meaning, todo }) => !/\w/.test(meaning) || !/\w/.test(todo))).toEqual([]);
  });
});
