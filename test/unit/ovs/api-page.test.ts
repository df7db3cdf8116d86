import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { API_PAGE, apiPage } from "../../../packaging/ovs-api.ts";

it("ovs/docs/api.md is what packaging/ovs-api.ts writes from the sources", async () => {
  expect(await readFile(API_PAGE, "utf8")).toBe(apiPage());
});

it("ovs/docs/api.md has a heading for every type that it speaks of, and leaves none unknown", async () => {
  const page = await readFile(API_PAGE, "utf8");
  const listed = new Set([...page.matchAll(/^### (\w+)$/gm)].map(([, name]) => name));
  const code = [...page.matchAll(/```ts\n(.*?)```/gs)]
    .map(([, text = ""]) => text.replaceAll(/"[^"]*"/g, ""))
    .join("\n");
  const spoken = new Set([...code.matchAll(/\b[A-Z]\w+/g)].map(([name]) => name));
  expect([...spoken].filter((name) => !listed.has(name)).toSorted()).toEqual([
    "AbortSignal",
    "Buffer",
    "Error",
    "Exclude",
    "Infinity",
    "NoInfer",
    "Partial",
    "Pick",
    "Promise",
    "Readonly",
    "ReadonlyMap",
    "Record",
  ]);
  expect(code).toContain("class OvsdbError extends Error implements OvsdbErrorDetails");
  expect(page).not.toContain("name: unknown");
});
