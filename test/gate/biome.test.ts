import { beforeAll, describe, expect, it } from "vitest";
import { command, errorKeys, readJson, runOn } from "./broken.ts";
import type { Outcome } from "./exec.ts";
import { biomeViolations } from "./violations/biome.ts";

describe("lint with Biome", () => {
  const names = Object.keys(biomeViolations);
  let outcome: Outcome;

  beforeAll(async () => {
    const files = Object.entries(biomeViolations).map(([rule, text]) => [`agent/system/${rule}.ts`, text] as const);
    const argv = [...command("lint", "biome"), "--reporter=github", "--max-diagnostics=none"];
    outcome = await runOn(Object.fromEntries(files), argv);
  });

  it("has a violation here for every rule that biome.json names", async () => {
    expect([...names].sort()).toEqual(errorKeys(await readJson("biome.json")).sort());
  });

  it("ends with a failure", () => {
    expect(outcome.code).not.toBe(0);
  });

  it.each(names)("fails when %s is broken", (rule) => {
    const line = outcome.output.split("\n").find((text) => text.includes(`/${rule},`) && text.includes(`/${rule}.ts`));
    expect(line).toMatch(/^::error /);
  });

  it("passes a clean tree", async () => {
    expect((await runOn({ "agent/a.ts": "export const a = 1;\n" }, command("lint", "biome"))).code).toBe(0);
  });
});
