import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { merge } from "../../../agent/config/merge.ts";
import { type MapNode, toPlain } from "../../../agent/config/tree.ts";
import { parseYaml } from "../../../agent/config/yaml.ts";

function tree(text: string, file = "a"): MapNode {
  const { tree: found, problems } = parseYaml(file, text);
  if (!found) throw new Error(JSON.stringify(problems));
  return found;
}

function merged(base: string, over: string): unknown {
  return toPlain(merge(tree(base), tree(over)));
}

describe("merging fragments", () => {
  it("merges maps by key", () => {
    expect(merged("a: { b: 1, c: 2 }", "a: { c: 3, d: 4 }")).toEqual({ a: { b: 1, c: 3, d: 4 } });
  });

  it("replaces lists as a whole", () => {
    expect(merged("a: [1, 2, 3]", "a: [4]")).toEqual({ a: [4] });
  });

  it("deletes by null, at any depth, and does not mind when there is nothing", () => {
    expect(merged("a: { b: 1, c: { d: 2 } }", "a: { b: null, c: { d: null, x: ~ } }\ny: null")).toEqual({
      a: { c: {} },
    });
  });

  it("keeps no null of a map that comes in whole", () => {
    expect(merged("a: 1", "tls: { ca: x, key: null, list: [{ to: y, via: null }] }")).toEqual({
      a: 1,
      tls: { ca: "x", list: [{ to: "y" }] },
    });
  });

  it("replaces when the kinds differ", () => {
    expect(merged("a: { b: 1 }", "a: 2")).toEqual({ a: 2 });
    expect(merged("a: 2", "a: { b: 1 }")).toEqual({ a: { b: 1 } });
    expect(merged("a: [1]", "a: { b: 1 }")).toEqual({ a: { b: 1 } });
  });

  const value = fc.letrec((tie) => ({
    leaf: fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)),
    node: fc.oneof({ maxDepth: 4 }, tie("leaf"), fc.array(tie("node"), { maxLength: 3 }), tie("map")),
    map: fc.dictionary(fc.stringMatching(/^[a-d]$/), tie("node"), { maxKeys: 4 }),
  }));

  it("never throws, changes neither side, and is idempotent", () => {
    fc.assert(
      fc.property(value.map, value.map, (a, b) => {
        const base = tree(stringify(a));
        const over = tree(stringify(b));
        const once = toPlain(merge(base, over));
        expect(toPlain(merge(merge(base, over), over))).toEqual(once);
        expect(toPlain(base)).toEqual(a);
        expect(toPlain(over)).toEqual(b);
      }),
    );
  });
});
