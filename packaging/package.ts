/**
 * Builds the RPM: `npm run package [-- --out DIR] [--list] [--json]`. Prints its path and size, with `--list` every file and what
 * it requires. The same commit gives the same bytes: the time is SOURCE_DATE_EPOCH, else that of the last commit.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtempDisposable, readFile, rename, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import manifest from "../package.json" with { type: "json" };
import { must } from "../test/lab/command.ts";
import { hostTools, type Say } from "../test/lab/tools.ts";
import { type Bundled, buildTree } from "./build.ts";

const repository = dirname(import.meta.dirname);

export interface PackageOptions {
  /** The folder of the package. Default: dist.rpm/ of the repository. */
  readonly out?: string;
  /** Seconds since the epoch: the time of the package and of every file in it. */
  readonly epoch?: number;
  readonly say?: Say;
}

export interface Packaged {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** The environment in which `rpm` and `rpmbuild` run, from this machine or unpacked beside it. */
export async function rpmTools(say?: Say): Promise<NodeJS.ProcessEnv> {
  const tools = await hostTools(say, [
    { commands: ["rpm", "rpmbuild"], debian: "rpm", fedora: "rpm-build", why: "building and reading the package" },
  ]);
  const [first = ""] = tools.PATH.split(delimiter);
  const unpacked = join(first, "../lib/rpm");
  // rpm looks for its macros where it was to be installed.
  const config = existsSync(join(unpacked, "rpmrc")) ? { RPM_CONFIGDIR: unpacked } : {};
  return { ...process.env, ...tools, ...config, LC_ALL: "C" };
}

/** Builds the package. Rejects with what rpmbuild said. */
export async function buildPackage(options: PackageOptions = {}): Promise<Packaged> {
  const env = await rpmTools(options.say);
  const out = resolve(options.out ?? join(repository, "dist.rpm"));
  const epoch = String(options.epoch ?? (await sourceDate()));
  await using scratch = await mkdtempDisposable(join(tmpdir(), "devcloud-rpm-"));
  const top = scratch.path;
  const { out: tree, bundled } = await buildTree({ out: join(top, "tree") });
  await writeFile(join(top, "bundled"), providesOf(bundled));
  const name = `devcloud-agent-${manifest.version}-1.noarch.rpm`;
  const definitions = {
    _topdir: top,
    _rpmdir: top,
    _rpmfilename: name,
    _dbpath: join(top, "db"),
    _tmppath: top,
    agent_version: manifest.version,
    tree,
    agent_license: licenseOf(bundled),
    license_file: join(repository, "LICENSE"),
    bundled: join(top, "bundled"),
  };
  const spec = join(import.meta.dirname, "rpm/devcloud-agent.spec");
  const flags = Object.entries(definitions).flatMap(([key, value]) => ["--define", `${key} ${value}`]);
  const rpmbuild = ["rpmbuild", "-bb", "--quiet", "--target", "noarch", ...flags, spec];
  await must(rpmbuild, { env: { ...env, SOURCE_DATE_EPOCH: epoch }, timeoutMs: 300_000 });
  await mkdir(out, { recursive: true });
  const file = join(out, name);
  const bytes = await readFile(join(top, name));
  await writeFile(`${file}.partial-${process.pid}`, bytes);
  await rename(`${file}.partial-${process.pid}`, file);
  return { file, bytes: (await stat(file)).size, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** Fedora's form for what a package carries of others: one line a package, sorted. */
function providesOf(bundled: readonly Bundled[]): string {
  return bundled.map(({ name, version }) => `Provides:       bundled(npm(${name})) = ${version}\n`).join("");
}

/** Ours, and those of what the bundle carries, each once. */
function licenseOf(bundled: readonly Bundled[]): string {
  const all = [manifest.license, ...bundled.map(({ license }) => license)].flatMap((one) =>
    one.replace(/^\((.*)\)$/, "$1").split(" AND "),
  );
  return [...new Set(all)].toSorted().join(" AND ");
}

async function sourceDate(): Promise<number> {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined && /^\d+$/.test(given)) return Number(given);
  const git = ["log", "-1", "--format=%ct"];
  const { stdout } = await promisify(execFile)("git", git, { cwd: repository }).catch(() => ({ stdout: "" }));
  const time = Number(stdout.trim());
  if (time > 0) return time;
  throw new Error("There is no commit here whose time the package could have: set SOURCE_DATE_EPOCH.");
}

/** What the package says of itself, one line each. */
async function query(file: string, ...what: readonly string[]): Promise<readonly string[]> {
  const text = await must(["rpm", "-qp", ...what, file], { env: await rpmTools() });
  return text.split("\n").filter(Boolean);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: "string" },
      list: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const built = await buildPackage({ ...(values.out === undefined ? {} : { out: values.out }) });
  const files = values.list || values.json ? await query(built.file, "-l") : [];
  const requires = values.list || values.json ? await query(built.file, "--requires") : [];
  if (values.json) {
    console.log(JSON.stringify({ schema: "devcloud-agent/package/v1", ...built, files, requires }));
    return;
  }
  console.log(`${built.file}: ${(built.bytes / 1024).toFixed(0)} KiB, sha256 ${built.sha256}`);
  for (const line of files) console.log(`  ${line}`);
  if (values.list) console.log(`requires:\n${requires.map((line) => `  ${line}`).join("\n")}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
