// `npm run lane -- NAME [--rpm FILE]`: one slow lane. Without a name, or with --help: the list of lanes.
import { parseArgs } from "node:util";
import { bootLane } from "./boot/lane.ts";
import type { SystemLane } from "./lane.ts";

const lanes: readonly SystemLane[] = [bootLane];

const say = (line: string) => process.stdout.write(`${line}\n`);

function usage(): void {
  say("usage: npm run lane -- NAME [--rpm FILE]");
  say("  --rpm FILE   install this package (see npm run package) instead of a fresh build");
  for (const { name, shows } of lanes) say(`  ${name.padEnd(10)}   ${shows}`);
}

/** Resolves with the exit code: 0 passed or cannot run here, 1 failed or had to run and cannot, 2 usage, 130 interrupted. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: "boolean", default: false }, rpm: { type: "string" } },
  });
  const [name, ...more] = positionals;
  if (values.help || name === undefined || more.length > 0) {
    usage();
    return values.help ? 0 : 2;
  }
  const lane = lanes.find((candidate) => candidate.name === name);
  if (lane === undefined) {
    say(`There is no lane ${name}. Lanes: ${lanes.map((candidate) => candidate.name).join(", ")}`);
    return 2;
  }
  return await runLane(lane, values.rpm);
}

async function runLane(lane: SystemLane, rpm: string | undefined): Promise<number> {
  const lacks = await lane.lacks();
  if (lacks !== undefined) {
    const required = await lane.mustRun();
    say(`lane ${lane.name}: NOT RUN: ${lacks}${required ? " (on this machine that is a failure)" : ""}`);
    return required ? 1 : 0;
  }
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => stop.abort(new Error(`${signal}: stopping and cleaning up`)));
  }
  try {
    const failed = await lane.run({ signal: stop.signal, rpm });
    for (const check of failed) say(`FAILED: ${check}`);
    say(`lane ${lane.name}: ${failed.length === 0 ? "passed" : `${failed.length} failed`}`);
    return failed.length === 0 ? 0 : 1;
  } catch (error) {
    if (stop.signal.aborted) {
      say(`lane ${lane.name}: interrupted`);
      return 130;
    }
    throw error;
  }
}

process.exitCode = await main();
