/**
 * Builds the install tree: `node packaging/build.ts [--out DIR] [--entry FILE] [--quiet]`. The tree is packaging/usr and
 * packaging/etc as they are, and agent/main.ts as one bundle. Prints the size of the bundle and how long it takes to start.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, cp, mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { build, type Plugin } from "esbuild";

const repository = dirname(import.meta.dirname);
const bundlePath = "usr/lib/devcloud-agent/devcloud-agent.mjs";

export interface BuildOptions {
  /** The tree to write; what was there before is replaced as a whole. Default: dist/ of the repository. */
  readonly out?: string;
  /** The program's entry. Default: agent/main.ts. */
  readonly entry?: string;
}

export interface Built {
  readonly out: string;
  readonly bundle: string;
  readonly bytes: number;
}

/** Writes the install tree. Rejects with esbuild's message if the program does not bundle; `out` is then untouched. */
export async function buildTree(options: BuildOptions = {}): Promise<Built> {
  const out = resolve(options.out ?? join(repository, "dist"));
  const partial = `${out}.partial-${process.pid}`;
  await rm(partial, { recursive: true, force: true });
  try {
    await copyTrees(partial);
    await bundle(options.entry ?? join(repository, "agent/main.ts"), join(partial, bundlePath));
    await replaceFolder(partial, out);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  const { size } = await stat(join(out, bundlePath));
  return { out, bundle: join(out, bundlePath), bytes: size };
}

async function copyTrees(into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  for (const tree of ["usr", "etc"]) {
    const from = join(import.meta.dirname, tree);
    if (existsSync(from)) await cp(from, join(into, tree), { recursive: true });
  }
}

/**
 * Node's own modules load when the part of the program that uses them does. As plain imports of one ESM file they would all load
 * at its start, and node:http alone costs more than the daemon needs to see that a network is right.
 */
const lazyBuiltins: Plugin = {
  name: "lazy-builtins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: "builtin" }));
    onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

async function bundle(entry: string, outfile: string): Promise<void> {
  await mkdir(dirname(outfile), { recursive: true });
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node22",
    // Names stay, so that a stack trace from production can be read without a source map.
    minifyWhitespace: true,
    minifySyntax: true,
    // Node prints the whole line of an uncaught error.
    lineLimit: 120,
    legalComments: "eof",
    plugins: [lazyBuiltins],
    // Packages in CommonJS call require() for Node's own modules.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "warning",
  });
  await chmod(outfile, 0o644);
}

/** Two renames: a reader sees the old tree, for an instant none, then the new one, and never a half-written one. */
async function replaceFolder(from: string, to: string): Promise<void> {
  const old = `${to}.old-${process.pid}`;
  if (existsSync(to)) await rename(to, old);
  await rename(from, to);
  await rm(old, { recursive: true, force: true });
}

/** Median milliseconds of `rounds` runs each of the launcher's `version` and of `node -e 0`, taken in turns. */
async function measureStart(out: string, rounds: number): Promise<{ readonly version: number; readonly node: number }> {
  const version: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    version.push(await timed(join(out, "usr/bin/devcloud-agent"), ["version"]));
    bare.push(await timed(process.execPath, ["-e", "0"]));
  }
  return { version: median(version), node: median(bare) };
}

async function timed(command: string, args: readonly string[]): Promise<number> {
  const begun = performance.now();
  await promisify(execFile)(command, args, { env: { ...process.env, DEVCLOUD_NODE: process.execPath } });
  return performance.now() - begun;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { out: { type: "string" }, entry: { type: "string" }, quiet: { type: "boolean", default: false } },
  });
  const { quiet, ...options } = values;
  const built = await buildTree(options);
  if (quiet) return;
  console.log(`${built.out}: bundle ${(built.bytes / 1024).toFixed(0)} KiB`);
  const start = await measureStart(built.out, 9);
  const ratio = (start.version / start.node).toFixed(2);
  console.log(
    `start-up: devcloud-agent version ${start.version.toFixed(0)} ms, node -e 0 ${start.node.toFixed(0)} ms: ${ratio} times`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
