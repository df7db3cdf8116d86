import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { command, runOn } from "./broken.ts";
import { makeCopy } from "./copy.ts";
import { exec } from "./exec.ts";

describe("format", () => {
  it("fails on a file that is laid out differently", async () => {
    const outcome = await runOn({ "agent/a.ts": "export const a    = 1\n" }, command("format", "biome"));
    expect(outcome.code).not.toBe(0);
    expect(outcome.output).toContain("agent/a.ts");
  });

  it("fails on imports out of order", async () => {
    const text = `import { join } from "node:path";\nimport { readFile } from "node:fs";\n\nexport const all = [join, readFile];\n`;
    const outcome = await runOn({ "agent/a.ts": text }, command("format", "biome"));
    expect(outcome.code).not.toBe(0);
    expect(outcome.output).toContain("organizeImports");
  });

  it("passes a tidy tree", async () => {
    const outcome = await runOn({ "agent/a.ts": "export const a = 1;\n" }, command("format", "biome"));
    expect(outcome.output).toContain("Checked");
    expect(outcome.code).toBe(0);
  });
});

describe("npm run format", () => {
  it("lays a file out as the gate wants it", async () => {
    await using copy = await makeCopy({ "agent/a.ts": "export const a    = 1\n" });
    expect((await exec(["npm", "run", "format"], copy.path)).code).toBe(0);
    expect(await readFile(join(copy.path, "agent/a.ts"), "utf8")).toBe("export const a = 1;\n");
  });
});
