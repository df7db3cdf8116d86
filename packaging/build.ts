/**
 * Builds the install tree: `node packaging/build.ts [--out DIR] [--entry FILE] [--quiet]`. The tree is packaging/usr and
 * packaging/etc as they are, and agent/main.ts as one bundle. Prints the size of the bundle and how long it takes to start.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, cp, mkdir, readFile, rename, rm, stat } from "node:fs/promises";
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
  /** The npm packages that are in the bundle, by name. */
  readonly bundled: readonly Bundled[];
}

export interface Bundled {
  readonly name: string;
  readonly version: string;
  /** As its package says, an SPDX expression. */
  readonly license: string;
}

/** Writes the install tree. Rejects with esbuild's message if the program does not bundle; `out` is then untouched. */
export async function buildTree(options: BuildOptions = {}): Promise<Built> {
  const out = resolve(options.out ?? join(repository, "dist"));
  const partial = `${out}.partial-${process.pid}`;
  await rm(partial, { recursive: true, force: true });
  try {
    await copyTrees(partial);
    const inputs = await bundle(options.entry ?? join(repository, "agent/main.ts"), join(partial, bundlePath));
    await replaceFolder(partial, out);
    const { size } = await stat(join(out, bundlePath));
    return { out, bundle: join(out, bundlePath), bytes: size, bundled: await packagesOf(inputs) };
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function copyTrees(into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  for (const tree of ["usr", "etc"]) {
    const from = join(import.meta.dirname, tree);
    if (existsSync(from)) await cp(from, join(into, tree), { recursive: true });
  }
  const documents = join(into, "usr/share/doc/devcloud-agent");
  await cp(join(import.meta.dirname, "kolla"), join(documents, "kolla"), { recursive: true });
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

/**
 * dockerode can reach a Docker by SSH and build images over gRPC. Over the unix socket neither is used; they would treble the
 * bundle and add a third to the memory.
 */
const withoutUnused: Plugin = {
  name: "without-unused",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(ssh2|@grpc\/.*|protobufjs)$/ }, ({ path }) => ({ path, namespace: "unused" }));
    onLoad({ filter: /.*/, namespace: "unused" }, () => ({ contents: "module.exports = {};" }));
  },
};

/** Resolves with the files that the bundle was made of, relative to the repository. */
async function bundle(entry: string, outfile: string): Promise<readonly string[]> {
  await mkdir(dirname(outfile), { recursive: true });
  const { metafile } = await build({
    absWorkingDir: repository,
    metafile: true,
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
    plugins: [lazyBuiltins, withoutUnused],
    // Packages in CommonJS call require() for Node's own modules.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "warning",
  });
  await chmod(outfile, 0o644);
  return Object.keys(metafile.inputs);
}

/** Licences that a package's own description leaves out and its licence file has. */
const unsaid: Readonly<Record<string, string>> = { "systemd-notify": "MIT" };

/** The packages that the files belong to, with the versions of the lockfile. */
async function packagesOf(files: readonly string[]): Promise<readonly Bundled[]> {
  const { packages } = JSON.parse(await readFile(join(repository, "package-lock.json"), "utf8")) as {
    packages: Readonly<Record<string, { readonly version?: string; readonly license?: string }>>;
  };
  // A package may lie inside another: the last node_modules of the path is the one that counts.
  const paths = files.map((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  const found = new Map<string, Bundled>();
  for (const path of paths.filter((path) => path !== undefined)) {
    const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    const { version, license = unsaid[name] } = packages[path] ?? {};
    if (version === undefined || license === undefined) {
      throw new Error(`package-lock.json lacks ${path}, which is in the bundle, or its version or licence`);
    }
    found.set(`${name} ${version}`, { name, version, license });
  }
  return [...found.values()].toSorted((a, b) => (`${a.name} ${a.version}` < `${b.name} ${b.version}` ? -1 : 1));
}

/** Two renames: a reader sees the old tree, for an instant none, then the new one, and never a half-written one. */
async function replaceFolder(from: string, to: string): Promise<void> {
  const old = `${to}.old-${process.pid}`;
  for (;;) {
    try {
      if (existsSync(to)) await rename(to, old);
      await rename(from, to);
      break;
    } catch (error) {
      // Another build put its own there, or took the old one away, in between.
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if ((code !== "ENOTEMPTY" && code !== "ENOENT") || !existsSync(from)) throw error;
      await rm(old, { recursive: true, force: true });
    }
  }
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
