import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A folder below test/cases/config-bad: a configuration that must be refused, and why. */
export interface BadCase {
  readonly name: string;
  /** The one file to check; absent: `root` is the root directory of a host. */
  readonly file?: string;
  readonly root: string;
  readonly expected: readonly ExpectedProblem[];
}

export interface ExpectedProblem {
  readonly code: string;
  readonly path?: string;
  /** Relative to `root` where the case is a host. */
  readonly file?: string;
  readonly line?: number;
}

const FOLDER = fileURLToPath(new URL("../../cases/config-bad/", import.meta.url));

/** The cases, and what removes the files that had to be made for some of them. */
export function badCases(): { readonly cases: readonly BadCase[]; readonly remove: () => void } {
  const made = mkdtempSync(join(tmpdir(), "config-bad-"));
  const cases = readdirSync(FOLDER)
    .toSorted()
    .map((name): BadCase => {
      const folder = join(FOLDER, name);
      const root = join(folder, "root");
      const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as ExpectedProblem[];
      return { name, root, ...(!existsSync(root) && { file: fileOf(folder, join(made, `${name}.yaml`)) }), expected };
    });
  return { cases, remove: () => rmSync(made, { recursive: true }) };
}

/** Files too large for a repository are described (`generate.json`: this text, repeated to so many bytes) and made. */
function fileOf(folder: string, made: string): string {
  const recipe = join(folder, "generate.json");
  if (!existsSync(recipe)) return join(folder, "config.yaml");
  const { repeat, bytes } = JSON.parse(readFileSync(recipe, "utf8")) as { repeat: string; bytes: number };
  writeFileSync(made, repeat.repeat(Math.ceil(bytes / repeat.length)).slice(0, bytes));
  return made;
}
