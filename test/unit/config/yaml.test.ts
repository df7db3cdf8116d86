import { describe, expect, it } from "vitest";
import { MAX_DEPTH } from "../../../agent/config/guard.ts";
import { locate, toPlain } from "../../../agent/config/tree.ts";
import { parseYaml } from "../../../agent/config/yaml.ts";

function read(text: string) {
  const { tree, problems, warnings } = parseYaml("f.yaml", text);
  const told = problems.map(({ code, line, column }) => `${code} ${line}:${column}`);
  return { value: tree && toPlain(tree), told, warnings: warnings.map(({ code }) => code) };
}

describe("reading a fragment", () => {
  it("keeps unquoted MAC addresses, PCI addresses and times as text", () => {
    const text = "a: 24:6e:96:aa:00:01\nb: { pci: 0000:3b:00.1, at: 12:30:00 }\nc: 2026-03-01\n";
    expect(read(text).value).toEqual({
      a: "24:6e:96:aa:00:01",
      b: { pci: "0000:3b:00.1", at: "12:30:00" },
      c: "2026-03-01",
    });
  });

  it("takes yes, no, on and off as the words that they are", () => {
    expect(read("a: yes\nb: off\nc: true\n").value).toEqual({ a: "yes", b: "off", c: true });
  });

  it("knows where each key and value is", () => {
    const { tree } = parseYaml("f.yaml", "a:\n  b: [x,\n    y]\n");
    if (!tree) throw new Error("not read");
    expect(locate(tree, ["a", "b", 1], "value")).toEqual({ file: "f.yaml", line: 3, column: 5 });
    expect(locate(tree, ["a", "b"], "key")).toEqual({ file: "f.yaml", line: 2, column: 3 });
    expect(locate(tree, ["a", "missing", "deeper"], "value")).toEqual({ file: "f.yaml", line: 1, column: 1 });
  });

  it("reads aliases and gives their values the place of the alias", () => {
    const { tree, problems } = parseYaml("f.yaml", "a: &nets [10.1.0.0/24]\nb: *nets\n");
    expect(problems).toEqual([]);
    expect(tree && toPlain(tree)).toEqual({ a: ["10.1.0.0/24"], b: ["10.1.0.0/24"] });
    expect(tree && locate(tree, ["b"], "value").line).toBe(1);
  });

  it("reads a file that begins with a byte order mark or has the line ends of Windows", () => {
    expect(read("\ufeffa: 1\r\nb: x\r\n")).toEqual({ value: { a: 1, b: "x" }, told: [], warnings: [] });
  });

  it("takes a file with comments alone for empty on purpose, one with nothing for a mishap", () => {
    expect(read("# later\n")).toEqual({ value: {}, told: [], warnings: [] });
    expect(read(" \n\n")).toEqual({ value: {}, told: [], warnings: ["E_CONFIG_FRAGMENT_EMPTY"] });
  });

  it.each([
    ["a list at the top", "- a\n", ["E_CONFIG_NOT_A_MAP 1:1"]],
    ["a word at the top", "\n\nhello\n", ["E_CONFIG_NOT_A_MAP 3:1"]],
    ["a tab for indentation", "a:\n\tb: 1\n", ["E_CONFIG_YAML 2:1"]],
    ["a bracket that is not closed", "a: 1\nb: [c, {d: 1}\nc: 2\n", ["E_CONFIG_YAML 2:4"]],
    ["a quote that is not closed", "a: 1\n\nb:   'c\n", ["E_CONFIG_YAML 3:6"]],
    ["two slips far from each other", "a: b: c\nd: 1\ne: f: g\n", ["E_CONFIG_YAML 1:4", "E_CONFIG_YAML 3:4"]],
    ["a second document", "a: 1\n---\nb: 1\n", ["E_CONFIG_YAML 2:1"]],
    ["a tag", "a: !!binary aGk=\nb: !x y\n", ["E_CONFIG_YAML 2:4"]],
    [
      "a tag that YAML itself knows",
      "a: !!binary aGk=\nb: !!set { c }\nd: !!str 1\n",
      ["E_CONFIG_YAML 1:13", "E_CONFIG_YAML 2:10", "E_CONFIG_YAML 3:10"],
    ],
    ["YAML 1.1, where no means false", "%YAML 1.1\n---\na: no\n", ["E_CONFIG_YAML 1:1"]],
    ["an alias without anchor", "a: *b\n", ["E_CONFIG_YAML 1:4"]],
    ["a key twice", "a:\n  b: 1\n  b: 2\n", ["E_CONFIG_DUPLICATE_KEY 3:3"]],
    ["a list as a key", "? [a]\n: 1\n", ["E_CONFIG_KEY 1:3"]],
    ["no key at all", ": 1\n", ["E_CONFIG_KEY 1:1"]],
    ["a key that means something to JavaScript", "a:\n  __proto__: { b: 1 }\n", ["E_CONFIG_KEY 2:3"]],
    ["a NUL", "a: b\0\n", ["E_CONFIG_ENCODING 1:5"]],
    ["half of a surrogate pair", "a: \ud800\n", ["E_CONFIG_ENCODING 1:4"]],
    ["brackets in brackets without end", `a: ${"[".repeat(100_000)}`, ["E_CONFIG_TOO_COMPLEX 1:1"]],
    ["dashes without end", "- ".repeat(100_000), ["E_CONFIG_TOO_COMPLEX 1:1"]],
    ["stairs of keys", stairs(MAX_DEPTH + 2), [`E_CONFIG_TOO_COMPLEX ${MAX_DEPTH + 2}:${MAX_DEPTH + 2}`]],
    ["anchors upon anchors", "&a ".repeat(400_000), ["E_CONFIG_TOO_COMPLEX 1:1"]],
  ])("refuses %s", (_what, text, told) => {
    expect(read(text).told).toEqual(told);
  });

  it("gives nothing to judge when part of the text was left out", () => {
    expect(read("a: &a [*a]\nversion: 1\n").value).toBeUndefined();
  });

  it("never lets the text of a file become a long message", () => {
    const { problems } = parseYaml("f.yaml", `a: !${"x".repeat(100_000)} 1\n`);
    expect(problems.map(({ message }) => message.length < 250)).toEqual([true]);
  });
});

function stairs(depth: number): string {
  return Array.from({ length: depth }, (_, level) => `${" ".repeat(level)}k:`).join("\n");
}
