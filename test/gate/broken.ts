import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Files, makeCopy } from "./copy.ts";
import { exec, type Outcome } from "./exec.ts";
import { parts } from "./parts.ts";

export const root = join(import.meta.dirname, "..", "..");

/** The command of a gate part that begins with this tool, so that what is broken here is what `npm run ok` runs. */
export function command(part: string, tool: string): readonly string[] {
  const found = parts.find(({ name }) => name === part)?.commands.find((argv) => argv[0] === tool);
  if (found === undefined) throw new Error(`The part ${part} has no command ${tool}.`);
  return found;
}

/** Runs a command in a copy of the gate that has these files. */
export async function runOn(files: Files, argv: readonly string[]): Promise<Outcome> {
  await using copy = await makeCopy(files);
  return await exec(argv, copy.path);
}

/** A JSON file of the checkout. */
export async function readJson(name: string): Promise<unknown> {
  return JSON.parse(await readFile(join(root, name), "utf8"));
}

/** All keys below `value` whose own value says "error", at any depth. */
export function errorKeys(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const level: unknown = typeof inner === "object" && inner !== null && "level" in inner ? inner.level : inner;
    return level === "error" ? [key] : errorKeys(inner);
  });
}
