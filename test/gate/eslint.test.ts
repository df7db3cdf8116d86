import { beforeAll, describe, expect, it } from "vitest";
import { command, root, runOn } from "./broken.ts";
import { makeCopy } from "./copy.ts";
import { exec } from "./exec.ts";
import { eslintViolations } from "./violations/eslint.ts";

describe("lint with ESLint", () => {
  const names = [...new Set(eslintViolations.map(({ rule }) => rule))];
  let reported: Set<string>;
  let code: number;

  beforeAll(async () => {
    await using copy = await makeCopy(
      Object.fromEntries(eslintViolations.map(({ path, text }) => [path, text] as const)),
    );
    const outcome = await exec([...command("lint", "eslint"), "--format=json"], copy.path);
    const results = JSON.parse(outcome.output) as {
      filePath: string;
      messages: { ruleId: string; severity: number }[];
    }[];
    const errors = results.flatMap(({ filePath, messages }) =>
      messages
        .filter(({ severity }) => severity === 2)
        .map(({ ruleId }) => `${ruleId} in ${filePath.slice(copy.path.length + 1)}`),
    );
    reported = new Set(errors);
    code = outcome.code;
  });

  it("has a violation here for every rule that eslint.config.js turns on somewhere", async () => {
    const places = eslintViolations.map(({ path }) => path).filter((path) => !path.startsWith("agent/system/"));
    const configured = await Promise.all(
      places.map(async (place) => {
        const { output } = await exec(["eslint", "--print-config", place], root);
        const { rules } = JSON.parse(output) as { rules: Record<string, readonly [number]> };
        return Object.entries(rules).filter(([, [severity]]) => severity === 2);
      }),
    );
    const rules = new Set(configured.flat().map(([name]) => name));
    expect([...rules].sort()).toEqual([...names].sort());
  });

  it("ends with a failure", () => {
    expect(code).not.toBe(0);
  });

  it.each(eslintViolations)("fails when $rule is broken in $path", ({ rule, path }) => {
    expect([...reported]).toContain(`${rule} in ${path}`);
  });

  it("passes a clean tree", async () => {
    expect(await runOn({ "agent/a.ts": "export const a = 1;\n" }, command("lint", "eslint"))).toEqual({
      code: 0,
      output: "",
    });
  });
});
