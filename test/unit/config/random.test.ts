import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse as parsePlain, stringify } from "yaml";
import type { LoadResult } from "../../../agent/config/load.ts";
import { renderProblems } from "../../../agent/config/report.ts";
import { parse } from "./helpers.ts";

const EXAMPLE = readFileSync(
  new URL("../../../packaging/usr/share/doc/devcloud-agent/host.yaml", import.meta.url),
  "utf8",
);

/** Settings or problems; the problems are placed, no bug of ours, and fit on a screen. */
function expectVerdict(result: LoadResult): void {
  if (result.ok) return;
  expect(result.problems.length).toBeGreaterThan(0);
  for (const problem of result.problems) {
    expect(problem.code).toMatch(/^E_CONFIG_[A-Z_]+$/);
    expect(problem.line).toBeGreaterThan(0);
    expect(problem.column).toBeGreaterThan(0);
  }
  const screen = renderProblems(result.problems, { colour: false, heading: "x", sources: result.sources });
  expect(screen.split("\n").length).toBeLessThanOrEqual(40);
}

describe("any configuration", () => {
  it("is settings or placed problems after a few slips of the keyboard", () => {
    const slip = fc.tuple(
      fc.nat(EXAMPLE.length),
      fc.nat(12),
      fc.oneof(
        fc.string({ maxLength: 6 }),
        fc.constantFrom(
          "[",
          "]",
          "{",
          "}",
          ":",
          "- ",
          "\t",
          '"',
          "'",
          "&a ",
          "*a",
          "!x ",
          "\n",
          "  ",
          "null",
          "#",
          "? ",
          "| ",
          "\0",
          "%",
          "@",
          "---\n",
        ),
      ),
    );
    fc.assert(
      fc.property(fc.array(slip, { minLength: 1, maxLength: 4 }), (slips) => {
        const text = slips.reduce((now, [at, cut, put]) => now.slice(0, at) + put + now.slice(at + cut), EXAMPLE);
        expectVerdict(parse(text));
      }),
      { numRuns: 150 },
    );
  });

  it("is settings or placed problems whatever values stand in whatever places", () => {
    const paths = pathsOf(parsePlain(EXAMPLE), []);
    const odd = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        0,
        -1,
        4095,
        1e308,
        true,
        "",
        "100",
        "em1",
        "none",
        "br-ex",
        "10.1.0.0/24",
        "::/0",
        [],
        {},
        [null],
        [[]],
        [{}],
        { x: null },
        { "": 1 },
      ),
      fc.jsonValue({ maxDepth: 3 }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...paths), odd), { minLength: 1, maxLength: 5 }), (changes) => {
        const config: unknown = parsePlain(EXAMPLE);
        for (const [path, value] of changes) put(config, path, value);
        expectVerdict(parse(stringify(config)));
      }),
      { numRuns: 200 },
    );
  });

  it("is settings or problems when it is no YAML at all", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        const result = parse(text);
        expect(result.ok).toBe(false);
      }),
      { numRuns: 150 },
    );
  });
});

function pathsOf(value: unknown, path: readonly string[]): string[][] {
  if (typeof value !== "object" || value === null) return [[...path]];
  const below = Object.entries(value).flatMap(([key, child]) => pathsOf(child, [...path, key]));
  return path.length === 0 ? below : [[...path], ...below];
}

function put(root: unknown, path: readonly string[], value: unknown): void {
  const parent = path.slice(0, -1).reduce<unknown>((node, key) => (isObject(node) ? node[key] : undefined), root);
  if (isObject(parent)) parent[path.at(-1) ?? ""] = value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
