/**
 * Builds the npm package node-ovsdb: `node packaging/node-ovsdb.ts [--out DIR]`. The folder is what is published (`npm publish DIR`):
 * JavaScript and declarations of ovs/src, because Node strips no types below node_modules, with the manifest of ovs/.
 */
import { chmod, copyFile, cp, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import ts from "typescript";
import manifest from "../ovs/package.json" with { type: "json" };

const repository = dirname(import.meta.dirname);
const sources = join(repository, "ovs/src");

/** Writes the package; what was in the folder before is replaced as a whole. Throws what the compiler finds wrong. */
export async function buildLibrary(out: string): Promise<void> {
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  compile(out);
  await chmod(join(out, built(manifest.bin["node-ovsdb"], "js")), 0o755);
  await writeFile(join(out, "package.json"), `${JSON.stringify(published(), undefined, 2)}\n`);
  await cp(join(repository, "ovs/docs"), join(out, "docs"), { recursive: true });
  await copyFile(join(repository, "ovs/README.md"), join(out, "README.md"));
  await copyFile(join(repository, "LICENSE"), join(out, "LICENSE"));
}

function compile(outDir: string): void {
  const config = ts.readConfigFile(join(repository, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, repository);
  const entries = [manifest.exports, manifest.bin["node-ovsdb"]].map((path) => join(repository, "ovs", path));
  const emit = { noEmit: false, declaration: true, rewriteRelativeImportExtensions: true, rootDir: sources, outDir };
  const program = ts.createProgram(entries, { ...options, ...emit });
  const problems = [...ts.getPreEmitDiagnostics(program), ...program.emit(undefined, write).diagnostics];
  if (problems.length === 0) return;
  const host = {
    getCanonicalFileName: (name: string) => name,
    getCurrentDirectory: () => repository,
    getNewLine: () => "\n",
  };
  throw new Error(ts.formatDiagnostics(problems, host));
}

/** The compiler rewrites the imports of scripts only. A declaration that imports .ts asks for sources, and they are not there. */
function write(path: string, text: string): void {
  const whole = path.endsWith(".d.ts") ? text.replace(/((?:from |import\()"\.[^"]*)\.ts"/g, '$1.js"') : text;
  ts.sys.writeFile(path, whole);
}

/** The manifest, with the built files in place of the sources. */
function published(): object {
  const { private: _, exports: main, bin, ...others } = manifest;
  return {
    ...others,
    exports: { ".": { types: built(main, "d.ts"), default: built(main, "js") }, "./package.json": "./package.json" },
    bin: { "node-ovsdb": built(bin["node-ovsdb"], "js") },
  };
}

/** `./src/index.ts` -> `./index.js` */
function built(source: string, extension: string): string {
  return source.replace("./src/", "./").replace(/ts$/, extension);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { out: { type: "string", default: "dist.node-ovsdb" } } });
  const out = resolve(values.out);
  await buildLibrary(out);
  console.log(out);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
