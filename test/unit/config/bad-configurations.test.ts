import { afterAll, describe, expect, it } from "vitest";
import { loadFiles, loadSettings } from "../../../agent/config/load.ts";
import type { Problem } from "../../../agent/core/errors.ts";
import { configFiles } from "../../../agent/system/files.ts";
import { type BadCase, badCases } from "./bad-cases.ts";

describe("a configuration that must be refused", () => {
  const { cases, remove } = badCases();
  afterAll(remove);

  it("has at least the thirty cases that were promised", () => {
    expect(cases.length).toBeGreaterThanOrEqual(30);
  });

  it.each(cases)("$name is refused for all of its reasons, each at its place", async (bad) => {
    expect(bad.expected.length).toBeGreaterThan(0);
    const result =
      bad.file === undefined ? await loadSettings(bad.root, configFiles) : await loadFiles([bad.file], configFiles);
    expect(result.ok ? [] : result.problems.map((problem) => inShort(bad, problem))).toEqual(bad.expected);
  });
});

function inShort(bad: BadCase, { code, path, file, line }: Problem) {
  const inRoot = bad.file === undefined && file !== undefined ? file.slice(bad.root.length + 1) : undefined;
  return { code, ...(path && { path }), ...(inRoot && { file: inRoot }), ...(line && { line }) };
}
