// `npm run lane -- NAME [--OPTION VALUE]`: one slow lane. Without a name, or with --help: the list of lanes.
import { parseArgs } from "node:util";
import { fuzzLane } from "../fuzz/lane.ts";
import { bootLane } from "./boot/lane.ts";
import { faultsLane } from "./faults.ts";
import type { LaneOptions, SystemLane } from "./lane.ts";
import { vmLane } from "./vm/lane.ts";

const lanes: readonly SystemLane[] = [bootLane, faultsLane, vmLane, fuzzLane];

const say = (line: string) => process.stdout.write(`${line}\n`);

function usage(): void {
  say("usage: npm run lane -- NAME [--rpm FILE] [--quick] [--seconds N] [--seed S] [--from ROUND]");
  say("  --rpm FILE   install this package (see npm run package) instead of a fresh build");
  say("  --quick      only the first steps, of a lane with many");
  say("  --seconds N  how long a lane without an end goes on (default 60)");
  say(
    "  --seed S     what chooses the inputs, a whole number; the same seed gives the same ones (default: a new one, printed)",
  );
  say("  --from ROUND where an earlier run with the same seed ended (default 0)");
  for (const { name, shows } of lanes) say(`  ${name.padEnd(10)}   ${shows}`);
}

/** Resolves with the exit code: 0 passed or cannot run here, 1 failed or had to run and cannot, 2 usage, 130 interrupted. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: "boolean", default: false },
      rpm: { type: "string" },
      quick: { type: "boolean", default: false },
      seconds: { type: "string" },
      seed: { type: "string" },
      from: { type: "string" },
    },
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
  const seconds = wholeNumber(values.seconds, 60);
  const seed = wholeNumber(values.seed, Math.floor(Math.random() * 1_000_000));
  const from = wholeNumber(values.from, 0);
  if (seconds === undefined || seed === undefined || from === undefined) {
    say("--seconds, --seed and --from take whole numbers");
    return 2;
  }
  return await runLane(lane, { rpm: values.rpm, quick: values.quick, seconds, seed, from });
}

function wholeNumber(text: string | undefined, otherwise: number): number | undefined {
  if (text === undefined) return otherwise;
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

async function runLane(lane: SystemLane, options: Omit<LaneOptions, "signal">): Promise<number> {
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
    const failed = await lane.run({ ...options, signal: stop.signal });
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
