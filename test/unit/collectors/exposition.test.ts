import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Family, Sample } from "../../../collectors/collector.ts";
import { expose } from "../../../collectors/exposition.ts";

function family(samples: readonly Sample[], rest: Partial<Family> = {}): Family {
  return { name: "a_metric", help: "Some help.", type: "gauge", labels: ["label"], samples, ...rest };
}

describe("the text writer", () => {
  it("escapes backslash, quote and newline in labels, and backslash and newline in helps", () => {
    const text = expose([family([{ labels: ['a\\b"c\nd'], value: 1 }], { help: 'back\\slash\n"quote"' })]);
    expect(text).toBe(
      '# HELP a_metric back\\\\slash\\n"quote"\n# TYPE a_metric gauge\na_metric{label="a\\\\b\\"c\\nd"} 1\n',
    );
  });

  it("says untyped, and numbers that are none", () => {
    const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e21, "18446744073709551615"];
    const samples = values.map((value, at) => ({ labels: [String(at)], value }));
    expect(
      expose([family(samples, { type: "untyped" })])
        .split("\n")
        .slice(1, -1),
    ).toEqual([
      "# TYPE a_metric untyped",
      'a_metric{label="0"} NaN',
      'a_metric{label="1"} +Inf',
      'a_metric{label="2"} -Inf',
      'a_metric{label="3"} 1e+21',
      'a_metric{label="4"} 18446744073709551615',
    ]);
  });

  it("leaves out a family without samples, and the second of two equal series", () => {
    const twice = [
      { labels: ["x"], value: 1 },
      { labels: ["x"], value: 2 },
    ];
    expect(expose([family([]), family(twice, { name: "b_metric" })])).toBe(
      '# HELP b_metric Some help.\n# TYPE b_metric gauge\nb_metric{label="x"} 1\n',
    );
  });

  it("sorts families by name, and makes one of each part of a name with a star", () => {
    const parts = [
      { part: "Slab_bytes", labels: [], value: 2 },
      { part: "Dirty_bytes", labels: [], value: 1 },
    ];
    const text = expose([family(parts, { name: "m_*", help: "Field *.", labels: [] })]);
    expect(text.split("\n").filter((line) => !line.startsWith("# TYPE"))).toEqual([
      "# HELP m_Dirty_bytes Field Dirty_bytes.",
      "m_Dirty_bytes 1",
      "# HELP m_Slab_bytes Field Slab_bytes.",
      "m_Slab_bytes 2",
      "",
    ]);
  });

  it("keeps one line a series and valid Unicode, whatever a label contains", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (label) => {
        const text = expose([family([{ labels: [label], value: 1 }])]);
        const lines = text.split("\n");
        expect(lines).toHaveLength(4);
        expect(text.isWellFormed()).toBe(true);
        const [, escaped = ""] = /^a_metric\{label="(.*)"\} 1$/s.exec(lines[2] ?? "") ?? [];
        const back = escaped.replace(/\\(.)/gs, (_all, letter: string) => (letter === "n" ? "\n" : letter));
        expect(back).toBe(label.toWellFormed());
      }),
    );
  });
});
