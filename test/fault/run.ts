// `npm run chaos -- NAME [--rounds N] [--seed S] [--speed K] [--json]`: faults in rounds, chosen by a seed.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { requireRoot } from "../lab/lab.ts";
import { ensureBuilt } from "../lab/program.ts";
import type { ChaosLane, ChaosOptions } from "./lane.ts";
import { networkLane } from "./network/lane.ts";
import { Progress, type Setting } from "./progress.ts";
import { openReport } from "./report.ts";

const lanes: readonly ChaosLane[] = [networkLane];

class Usage extends Error {}

const synopsis =
  "usage: npm run chaos -- NAME [--rounds N] [--seed S] [--speed K] [--shipped N] [--jobs N] [--only N,N] [--resume FILE] [--fresh] [--json]";
const usage = `${synopsis}

${lanes.map(({ name, shows }) => `  ${name.padEnd(11)}  ${shows}`).join("\n")}

  --rounds N     how many rounds (default 50)
  --seed S       what chooses the rounds, a whole number; the same seed gives the same rounds (default: a new one, printed)
  --speed K      durations are the shipped ones divided by K (default 20; printed)
  --shipped N    rounds at shipped durations after the others (default 3; 0 leaves them out)
  --jobs N       how many rounds are played at the same time, each in a lab of its own (default 1)
  --only N,N     only the rounds with these numbers, to look at one again
  --resume FILE  goes on with the run whose progress is in FILE
  --fresh        begins anew where a run with the same seed has left its progress
  --json         one JSON object a line

Each round that has ended is a line of a file in dist.chaos/, named in the first lines of the output. A run that was
interrupted goes on from there: with --resume, or with the same --rounds, --seed, --speed and --shipped.

Exit code: 0 passed, 1 failed, 2 wrong usage, 130 interrupted.

Examples:
  npm run chaos -- network --rounds 50
  npm run chaos -- network --rounds 50 --seed 7            the same rounds again
  npm run chaos -- network --rounds 5 --speed 1            at the durations that ship
  npm run chaos -- network --rounds 1000 --seed 7 --jobs 3 an hour or two; interrupted, the same words go on
  npm run chaos -- network --rounds 1000 --seed 7 --only 417
  npm run chaos -- network --json | jq 'select(.kind == "round")'
`;

function wholeNumber(name: string, text: string | undefined, otherwise: number, least: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new Usage(`--${name} takes a whole number, at least ${least}`);
}

/** Aborts on Ctrl-C, a signal, or the end of the process that started us. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => stop.abort(new Error(`${signal}: stopping, and removing everything`)));
  }
  // A SIGKILL of npm reaches only npm: without this the lab would live on with nobody to end it.
  const parent = process.ppid;
  const watch = setInterval(() => process.ppid !== parent && stop.abort(new Error("The starter ended")), 500);
  watch.unref();
  return stop.signal;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: "string" },
      seed: { type: "string" },
      speed: { type: "string" },
      shipped: { type: "string" },
      jobs: { type: "string" },
      only: { type: "string" },
      resume: { type: "string" },
      fresh: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const [name, ...more] = positionals;
  const lane = lanes.find((candidate) => candidate.name === name);
  if (lane === undefined || more.length > 0) {
    throw new Usage(name === undefined ? "Which lane?" : `There is no lane ${[name, ...more].join(" ")}`);
  }
  const resumed = values.resume === undefined ? undefined : Progress.resume(values.resume);
  const setting = resumed?.setting ?? {
    lane: lane.name,
    rounds: wholeNumber("rounds", values.rounds, 50, 1),
    seed: wholeNumber("seed", values.seed, Math.floor(Math.random() * 1_000_000), 0),
    speed: wholeNumber("speed", values.speed, 20, 1),
    shipped: wholeNumber("shipped", values.shipped, 3, 0),
  };
  if (setting.lane !== lane.name) throw new Usage(`${values.resume} is the progress of ${setting.lane}`);
  const only = values.only?.split(",").map((number) => wholeNumber("only", number, 1, 1));
  const jobs = wholeNumber("jobs", values.jobs, 1, 1);
  requireRoot();
  const path = pathOf(setting, only);
  if (values.fresh || only !== undefined) rmSync(path, { force: true });
  const progress = resumed ?? Progress.open(path, setting);
  return await runLane(lane, progress, { jobs, ...(only === undefined ? {} : { only: new Set(only) }) }, values.json);
}

function pathOf({ lane, rounds, seed, speed, shipped }: Setting, only: readonly number[] | undefined): string {
  const part = only === undefined ? "" : `-only-${only.join("-")}`;
  return join(
    import.meta.dirname,
    "../../dist.chaos",
    `${lane}-${rounds}-seed${seed}-speed${speed}-shipped${shipped}${part}.ndjson`,
  );
}

async function runLane(
  lane: ChaosLane,
  progress: Progress,
  how: Pick<ChaosOptions, "jobs" | "only">,
  json: boolean,
): Promise<number> {
  const report = openReport(json);
  const signal = stopSignal();
  const { rounds, seed, speed, shipped } = progress.setting;
  report.say(`chaos ${lane.name}: ${rounds} rounds, seed ${seed}, speed ${speed}`);
  report.say(
    `again: npm run chaos -- ${lane.name} --rounds ${rounds} --seed ${seed} --speed ${speed} --shipped ${shipped}`,
  );
  report.say(`progress: ${progress.path} (${progress.read().length} rounds so far)`);
  report.tell("start", { ...progress.setting, progress: progress.path });
  try {
    await ensureBuilt(report.say);
    const failures = await lane.run({ rounds, seed, speed, shipped, ...how, progress, report, signal });
    for (const failure of failures) report.say(`FAILED: ${failure}`);
    report.say(`chaos ${lane.name}: ${failures.length === 0 ? "passed" : `failed; seed ${seed}`}`);
    report.tell("end", { lane: lane.name, seed, passed: failures.length === 0, failures });
    return failures.length === 0 ? 0 : 1;
  } catch (error) {
    if (!signal.aborted) throw error;
    report.say(`chaos ${lane.name}: interrupted; no host is left, and ${progress.path} has the rounds so far`);
    return 130;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  const wrongUse = error instanceof Usage || (error instanceof TypeError && "code" in error);
  if (wrongUse) process.stderr.write(`${synopsis}\nnpm run chaos -- --help says more\n`);
  process.exitCode = wrongUse ? 2 : 1;
}
