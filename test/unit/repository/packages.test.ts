import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..", "..");
const read = (name: string) => readFileSync(join(root, name), "utf8");

type Names = Readonly<Record<string, string>>;

describe("docs/dependencies.md", () => {
  it("has a row for each package of package.json and for no other", () => {
    const listed = read("docs/dependencies.md").matchAll(/^\| `([^`]+)` \|/gm);
    const manifest = JSON.parse(read("package.json")) as Record<string, Names>;
    const fields = ["dependencies", "devDependencies", "optionalDependencies"];
    const wanted = fields.flatMap((field) => Object.keys(manifest[field] ?? {}));
    expect([...listed].map(([, name]) => name).sort()).toEqual(wanted.sort());
  });
});

describe("package-lock.json", () => {
  it("names no registry", () => {
    expect(read("package-lock.json")).not.toMatch(/"resolved": "https?:/);
  });

  it("has the packages of every platform, without which `npm ci` refuses it", () => {
    const { packages } = JSON.parse(read("package-lock.json")) as {
      packages: Record<string, { optionalDependencies?: Names }>;
    };
    const locked = new Set(Object.keys(packages).map((path) => path.slice(path.lastIndexOf("node_modules/") + 13)));
    const wanted = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    expect(wanted.filter((name) => !locked.has(name))).toEqual([]);
  });
});
