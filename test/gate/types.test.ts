import { beforeAll, describe, expect, it } from "vitest";
import { command, readJson, runOn } from "./broken.ts";
import type { Outcome } from "./exec.ts";
import { neutral, tscViolations } from "./violations/tsc.ts";

describe("types", () => {
  const names = Object.keys(tscViolations);
  let outcome: Outcome;

  beforeAll(async () => {
    const files = Object.entries(tscViolations).map(
      ([option, { text }]) => [`agent/system/${option}.ts`, text] as const,
    );
    outcome = await runOn(Object.fromEntries(files), command("types", "tsc"));
  });

  it("has a violation here for every option of tsconfig.json that forbids something", async () => {
    const { compilerOptions } = (await readJson("tsconfig.json")) as { compilerOptions: Record<string, unknown> };
    expect([...names, ...neutral].sort()).toEqual(Object.keys(compilerOptions).sort());
  });

  it("ends with a failure", () => {
    expect(outcome.code).not.toBe(0);
  });

  it.each(names)("fails when %s is broken", (option) => {
    const lines = outcome.output.split("\n").filter((line) => line.startsWith(`agent/system/${option}.ts`));
    expect(lines.join("\n")).toContain(`error ${tscViolations[option]?.error ?? "?"}`);
  });

  it("passes a clean tree", async () => {
    expect(await runOn({ "agent/a.ts": "export const a = 1;\n" }, command("types", "tsc"))).toEqual({
      code: 0,
      output: "",
    });
  });
});
