import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..", "..");
const skipped = (name: string): boolean => ["node_modules", ".git", "dist"].includes(name);

describe("the documents", () => {
  it("link to files that are there", () => {
    const broken = globSync("**/*.md", { cwd: root, exclude: skipped }).flatMap((file) => {
      const links = readFileSync(join(root, file), "utf8").matchAll(/\]\((?!https?:)([^)#]+)/g);
      return [...links]
        .map(([, target = ""]) => join(dirname(file), target))
        .filter((target) => !existsSync(join(root, target)))
        .map((target) => `${file} -> ${target}`);
    });
    expect(broken).toEqual([]);
  });
});
