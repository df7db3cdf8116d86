import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Texts by path: the files of a tree. */
export type Files = Readonly<Record<string, string>>;

export interface Copy extends AsyncDisposable {
  readonly path: string;
}

const root = join(import.meta.dirname, "..", "..");

/** What makes the gate what it is: the configuration of every tool, and the scripts that run them. */
const configuration = [
  "package.json",
  "tsconfig.json",
  "biome.json",
  "eslint.config.js",
  ".dependency-cruiser.mjs",
  "knip.json",
  "vitest.config.ts",
  "ovs/package.json",
  "test/gate/exec.ts",
  "test/gate/imports.ts",
  "test/gate/ok.ts",
  "test/gate/parts.ts",
];

/**
 * A tree outside the checkout with the gate's configuration and these files, to break rules in. It uses the checkout's packages,
 * but its own `ovs/`.
 */
export async function makeCopy(files: Files): Promise<Copy> {
  const path = await mkdtemp(join(tmpdir(), "devcloud-rules-"));
  const modules = join(path, "node_modules");
  await mkdir(modules);
  for (const name of await readdir(join(root, "node_modules"))) {
    const target = name === "node-ovsdb" ? "../ovs" : join(root, "node_modules", name);
    await symlink(target, join(modules, name));
  }
  for (const name of configuration) await cp(join(root, name), join(path, name));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), text);
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
