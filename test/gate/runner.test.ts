import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root, runOn } from "./broken.ts";
import { type Copy, makeCopy } from "./copy.ts";
import { exec } from "./exec.ts";

describe("tests", () => {
  const files = { "agent/a.ts": "export const a = 1;\n" };
  let copy: Copy;

  beforeAll(async () => {
    const runner = await Promise.all(
      ["test/run.ts", "test/lanes.ts"].map(async (name) => [name, await readFile(join(root, name), "utf8")] as const),
    );
    const failing = `import { expect, it } from "vitest";\nit("is wrong", () => expect(1).toBe(2));\nit("is right", () => expect(1).toBe(1));\n`;
    const broken = `import { it } from "vitest";\nimport "./nowhere.ts";\nit("never runs", () => undefined);\n`;
    const focused = `import { it } from "vitest";\nit.only("is the only one", () => undefined);\n`;
    copy = await makeCopy({
      ...files,
      ...Object.fromEntries(runner),
      "test/unit/failing.test.ts": failing,
      "test/unit/broken.test.ts": broken,
      "test/unit/focused.test.ts": focused,
    });
  });
  afterAll(() => copy[Symbol.asyncDispose]());

  it.each([
    ["a failed test", "failing", "1 passed, 1 failed, 0 skipped"],
    ["a file that cannot be loaded", "broken", "0 passed, 1 failed, 0 skipped"],
    ["a focused test", "focused", "0 passed, 1 failed, 0 skipped"],
  ])("fails on %s and counts it in the last line", async (_, file, last) => {
    const { code, output } = await exec(["node", "test/run.ts", `test/unit/${file}`], copy.path);
    expect(output.trimEnd().split("\n").at(-1)).toBe(last);
    expect(code).toBe(1);
  });

  it("fails on a filter that fits no file, and says that nothing was tested", async () => {
    const { code, output } = await exec(["node", "test/run.ts", "nosuchfile"], copy.path);
    expect(output).toContain("No test file has nosuchfile in its path: nothing was tested.\n");
    expect(output.trimEnd().split("\n").at(-1)).toBe("0 passed, 0 failed, 0 skipped");
    expect(code).toBe(1);
  });
});

describe("the gate", () => {
  it("shows the parts that fail, with their output, and ends with 1", async () => {
    const { code, output } = await runOn({ "agent/a.ts": "export const a    = 1\n" }, [
      "node",
      "test/gate/ok.ts",
      "format",
      "types",
    ]);
    expect(output).toMatch(/^FAIL format /m);
    expect(output).toMatch(/^ok {3}types /m);
    expect(output).toContain("agent/a.ts");
    expect(output).toContain("The gate is shut: format.");
    expect(code).toBe(1);
  });

  it("refuses a part that it does not have", async () => {
    expect((await runOn({}, ["node", "test/gate/ok.ts", "speed"])).code).toBe(2);
  });
});

describe(".ci/run", () => {
  const npm = `#!/bin/sh
case "$*" in
  test) echo "5 passed, 1 failed, 2 skipped"; exit 1 ;;
  *bench*) echo "the bench broke"; exit 3 ;;
  *) echo "fine" ;;
esac
`;

  it("runs every part, whatever the others say, and ends with the sums", async () => {
    const files = { "bin/npm": npm, ".ci/run": await readFile(join(root, ".ci/run"), "utf8") };
    const { code, output } = await runOn(files, [
      "sh",
      "-c",
      'chmod +x bin/npm && PATH="$PWD/bin:$PATH" exec bash .ci/run',
    ]);
    const lines = output.trimEnd().split("\n");
    const headings = lines.filter((line) => line.startsWith("=== "));
    const failed = lines.filter((line) => line.startsWith("failed: "));
    expect(headings.length).toBeGreaterThanOrEqual(7);
    expect(failed).toEqual([
      "failed: test",
      "failed: bench boot",
      "failed: bench failover",
      "failed: bench framing",
      "failed: bench idle",
      "failed: bench network",
      "failed: bench replica",
      "failed: bench scrape",
    ]);
    expect(lines.at(-1)).toBe(`${5 + headings.length - failed.length} passed, ${failed.length} failed`);
    expect(code).toBe(1);
  });
});
