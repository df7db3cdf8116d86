import { describe, expect, it } from "vitest";
import { printable } from "../../../agent/config/printable.ts";
import { renderProblems } from "../../../agent/config/report.ts";
import type { Problem } from "../../../agent/core/errors.ts";

const text = "version: 1\nnetwork:\n  vlans: { management: 0 }\n";
const source = { file: "/etc/x/50-host.yaml", rank: 2, text };
const problem: Problem = {
  code: "E_CONFIG_VALUE",
  message: "the number 0 does not fit here",
  file: source.file,
  line: 3,
  column: 24,
  path: "network.vlans.management",
  expected: "a VLAN id",
  hint: "Count from one.",
};

function render(count: number, colour = false): string[] {
  const problems = Array.from({ length: count }, () => problem);
  return renderProblems(problems, { colour, heading: "Not valid.", sources: [source] }).split("\n");
}

describe("the report of problems", () => {
  it("shows a problem with its place, its line, what was expected and a hint", () => {
    expect(render(1)).toEqual([
      "Not valid.",
      "",
      "/etc/x/50-host.yaml:3:24 E_CONFIG_VALUE network.vlans.management",
      "  the number 0 does not fit here",
      "    3 |   vlans: { management: 0 }",
      "      |                        ^",
      "  expected: a VLAN id",
      "  hint: Count from one.",
      "",
    ]);
  });

  it.each([1, 5, 6, 12, 20, 21, 1000])("fits %i problems on one screen", (count) => {
    const lines = render(count);
    expect(lines.length).toBeLessThanOrEqual(40);
    const places = lines.filter((line) => line.startsWith("/etc/x/50-host.yaml:3:24 E_CONFIG_VALUE"));
    expect(places).toHaveLength(Math.min(count, 20));
    expect(lines.at(-2)).toBe(count > 20 ? `... and ${count - 20} more` : lines.at(-2));
  });

  it("has colour only when asked", () => {
    expect(render(1).join("")).not.toContain("\u001b");
    expect(render(1, true).join("")).toContain("\u001b[31m");
  });

  it("says what it can about a problem without place", () => {
    const bare = { code: "E_FILE_MISSING", message: "x does not exist" };
    expect(renderProblems([bare], { colour: false, heading: "No." })).toBe(
      "No.\n\nE_FILE_MISSING\n  x does not exist\n",
    );
  });

  it("shows a long line around the place that matters", () => {
    const long = { ...source, text: `a: [${"x, ".repeat(300)}BAD, ${"y, ".repeat(300)}]` };
    const there = { code: "E", message: "m", file: source.file, line: 1, column: long.text.indexOf("BAD") + 1 };
    const lines = renderProblems([there], { colour: false, heading: "", sources: [long] }).split("\n");
    const [line = "", pointer = ""] = lines.slice(4);
    expect(line.slice(pointer.indexOf("^")).startsWith("BAD")).toBe(true);
    expect(line.length).toBeLessThan(120);
  });

  it("lets no file write to the terminal: control characters are spelled out", () => {
    const evil = { code: "E", message: "a\u001b[2Jb\u202ec", path: "x\u0007", hint: "h\r" };
    expect(renderProblems([evil], { colour: false, heading: "" })).toBe(
      "\n\nE x\\u{7}\n  a\\u{1b}[2Jb\\u{202e}c\n  hint: h\\u{d}\n",
    );
    expect(printable("x".repeat(500)).length).toBeLessThan(210);
  });
});
