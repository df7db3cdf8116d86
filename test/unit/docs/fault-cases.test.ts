import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const repository = join(import.meta.dirname, "../../..");
const CASES = 23;

interface FaultCase {
  readonly number: number;
  readonly shown: readonly { readonly path: string; readonly name: string | undefined }[];
  readonly meanwhile: string;
}

function casesOf(text: string): readonly FaultCase[] {
  const [, ...sections] = text.split(/^## (?=\d+\. )/m);
  return sections.map((section) => ({
    number: Number.parseInt(section, 10),
    shown: [...section.matchAll(/^- `([^`]+)`(?:: (.+))?$/gm)].map(([, path = "", name]) => ({ path, name })),
    meanwhile: /^Meanwhile: (.+)$/m.exec(section)?.[1] ?? "",
  }));
}

const cases = casesOf(readFileSync(join(repository, "docs/fault-cases.md"), "utf8"));

/** Whether a file has a test, or a fault, that is called exactly so. */
function has(path: string, name: string): boolean {
  const text = readFileSync(join(repository, path), "utf8");
  return [`"${name}"`, `\`${name}\``, `'${name}'`].some((quoted) => text.includes(quoted));
}

/** Tests on a host of the lab that ping it, or ask whether it is reached. A round of the chaos lane pings all through. */
function asksTheAddress(path: string): boolean {
  if (path.startsWith("test/fault/network/")) return true;
  return /\.ping\(host\(\)\.address\)|\.reach\(host\(\)\.address\)/.test(readFileSync(join(repository, path), "utf8"));
}

describe("the fault cases", () => {
  test("are all there, in their order", () => {
    expect(cases.map(({ number }) => number)).toEqual(Array.from({ length: CASES }, (_, at) => at + 1));
  });

  test.each(cases)("case $number names only tests that exist", ({ shown }) => {
    for (const { path, name } of shown) {
      expect(existsSync(join(repository, path)), path).toBe(true);
      if (name !== undefined) expect(has(path, name), `${path}: ${name}`).toBe(true);
    }
  });

  test.each(cases)("case $number is shown on a whole host, whose address is asked meanwhile", ({ shown }) => {
    const asking = shown.filter(({ path, name }) => name !== undefined && asksTheAddress(path));
    expect(asking.length, shown.map(({ path }) => path).join(", ")).toBeGreaterThan(0);
  });

  test.each(cases)("case $number says what the address does meanwhile", ({ meanwhile }) => {
    expect(meanwhile).toMatch(/answer|silent/);
  });
});
