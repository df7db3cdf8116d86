import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FuzzTarget } from "./target.ts";

const folder = join(import.meta.dirname, "corpus");

/** An input larger than this is worth no file: what is interesting about it can be made anew. */
const LARGEST = 2048;

/** The inputs kept for a target, in the order of their names. */
export async function corpusOf({ name, extension }: FuzzTarget): Promise<readonly Buffer[]> {
  const files = await readdir(join(folder, name)).catch(() => []);
  const kept = files.filter((file) => file.endsWith(`.${extension}`)).sort();
  return await Promise.all(kept.map((file) => readFile(join(folder, name, file))));
}

/** Keeps an input, under a name that follows from its content. Resolves with the file, undefined for one that is too large. */
export async function keep(target: FuzzTarget, input: Buffer, always = false): Promise<string | undefined> {
  if (input.length > LARGEST && !always) return undefined;
  const name = createHash("sha256").update(input).digest("hex").slice(0, 16);
  const file = join(folder, target.name, `${name}.${target.extension}`);
  await mkdir(join(folder, target.name), { recursive: true });
  await writeFile(file, input);
  return file;
}
