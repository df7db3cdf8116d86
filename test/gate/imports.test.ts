import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { command, runOn } from "./broken.ts";
import { type Files, makeCopy } from "./copy.ts";
import { exec, type Outcome } from "./exec.ts";
import { allowedImports, importViolations, pureContainers } from "./violations/imports.ts";

describe("imports", () => {
  const names = Object.keys(importViolations);
  const argv = command("imports", "node");
  let outcome: Outcome;

  beforeAll(async () => {
    const files = Object.assign({}, allowedImports, ...Object.values(importViolations)) as Files;
    outcome = await runOn(files, argv);
  });

  it("has a violation here for every rule of .dependency-cruiser.mjs", async () => {
    const report = await runOn(allowedImports, [
      "depcruise",
      "--config=.dependency-cruiser.mjs",
      "--output-type=json",
      "agent",
    ]);
    const { summary } = JSON.parse(report.output) as { summary: { ruleSetUsed: { forbidden: { name: string }[] } } };
    expect([...names].sort()).toEqual(summary.ruleSetUsed.forbidden.map(({ name }) => name).sort());
  });

  it("ends with a failure", () => {
    expect(outcome.code).not.toBe(0);
  });

  it.each(names)("fails when %s is broken", (rule) => {
    const [file] = Object.keys(importViolations[rule] ?? {});
    expect(outcome.output).toMatch(new RegExp(`^${rule}: ${file ?? "?"} -> `, "m"));
  });

  it.each(pureContainers)("keeps agent/containers/%s.ts pure, which exists", (name) => {
    expect(outcome.output).toContain(`plans-are-pure: agent/containers/${name}.ts -> agent/containers/apply.ts`);
    expect(existsSync(`agent/containers/${name}.ts`)).toBe(true);
  });

  it("passes a tree in which everything that the rules allow is used", async () => {
    const { code, output } = await runOn(allowedImports, argv);
    expect(output).toMatch(/^\d+ modules, 0 problems$/m);
    expect(code).toBe(0);
  });

  it("fails when it looked at no module of the product", async () => {
    const { code, output } = await runOn({ "test/lab/a.ts": "export const a = 1;\n" }, argv);
    expect(output).toContain("looked-at-nothing");
    expect(code).not.toBe(0);
  });

  it("fails when a folder is left out of what it looks at", async () => {
    await using copy = await makeCopy(allowedImports);
    // The configuration is made to overlook agent/network, as a careless `exclude` would.
    const config = join(copy.path, ".dependency-cruiser.mjs");
    const text = await readFile(config, "utf8");
    const careless = text.replace("^(dist|coverage)/", "^(dist|coverage|agent/network)/");
    expect(careless).not.toBe(text);
    await writeFile(config, careless);
    const { code, output } = await exec(argv, copy.path);
    expect(output).toContain("not-looked-at: agent/network/thing.ts");
    expect(code).not.toBe(0);
  });
});
