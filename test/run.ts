// `npm test [-- FILTER...]`: the unit and namespace lanes. Names what it does not run, and ends with one line of counts.
import { spawn } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Lane, lanes, slowLanes } from "./lanes.ts";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const root = join(import.meta.dirname, "..");
const say = (line: string) => process.stdout.write(`${line}\n`);

/** Runs a command with our terminal; resolves with its exit code, 1 after a signal. */
function run(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  const [command = "false", ...args] = argv;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.on("error", () => resolve(1));
    child.on("close", (code) => resolve(code ?? 1));
  });
}

/** What vitest's JSON report says. A run that failed without a failed test (an import, a hook) counts as one failure. */
async function countsOf(report: string, code: number): Promise<Counts> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  if (existsSync(report)) {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(
      await readFile(report, "utf8"),
    ) as Record<"numPassedTests" | "numFailedTests" | "numPendingTests" | "numTodoTests", number>;
    Object.assign(counts, {
      passed: numPassedTests,
      failed: numFailedTests,
      skipped: numPendingTests + numTodoTests,
    });
  }
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

/** The bundle and the commands of the host that the namespace tests run. Resolves with false if one cannot be had. */
async function prepare(): Promise<boolean> {
  try {
    // Loaded here, because the unit lane needs neither.
    const { buildTree } = await import("../packaging/build.ts");
    const { hostTools } = await import("./lab/tools.ts");
    const { out, bytes } = await buildTree();
    say(`built ${out}: ${(bytes / 1024).toFixed(0)} KiB`);
    await hostTools(say);
    return true;
  } catch (error) {
    say(`the namespaces lane could not be prepared: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

function matching(lane: Lane): readonly string[] {
  const files = globSync(`${lane.files}/**/*.test.ts`, { cwd: root });
  const { without } = lane;
  return without === undefined ? files : files.filter((file) => !file.startsWith(`${without}/`));
}

function chosen(lane: Lane, filters: readonly string[]): boolean {
  return matching(lane).some((file) => filters.some((filter) => file.includes(filter)));
}

async function runLane(lane: Lane, filters: readonly string[], scratch: string): Promise<Counts> {
  const report = join(scratch, `${lane.name}.json`);
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const code = await run([
    process.execPath,
    vitest,
    "run",
    `--project=${lane.project}`,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...filters,
  ]);
  return await countsOf(report, code);
}

async function attempt(lane: Lane, filters: readonly string[], scratch: string): Promise<Counts> {
  if (lane.asked && !chosen(lane, filters)) return { passed: 0, failed: 0, skipped: 0 };
  const lacks = await lane.lacks();
  if (lacks !== undefined) {
    const files = matching(lane).length;
    say(`lane ${lane.name}: NOT RUN: ${lacks} (${files} test files, each counted as skipped)`);
    return { passed: 0, failed: 0, skipped: files };
  }
  if (filters.length > 0 && !chosen(lane, filters)) {
    say(`lane ${lane.name}: no file matches ${filters.join(" ")}`);
    return { passed: 0, failed: 0, skipped: 0 };
  }
  say(`lane ${lane.name}: ${lane.files}`);
  if (lane.host && !(await prepare())) return { passed: 0, failed: 1, skipped: 0 };
  return await runLane(lane, filters, scratch);
}

const filters = process.argv.slice(2);
const idle = filters.length > 0 && !lanes.some((lane) => chosen(lane, filters));
const scratch = await mkdtemp(join(tmpdir(), "devcloud-test-"));
const total: Counts = { passed: 0, failed: 0, skipped: 0 };
try {
  for (const lane of lanes) {
    const { passed, failed, skipped } = await attempt(lane, filters, scratch);
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}
for (const { name, command, shows } of slowLanes) say(`lane ${name}: not part of npm test: ${command} (${shows})`);
if (idle) say(`No test file has ${filters.join(" or ")} in its path: nothing was tested.`);
say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 && !idle ? 0 : 1;
