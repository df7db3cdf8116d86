// `npm run chaos -- NAME [--rounds N] [--seed S] [--speed K] [--json]`: faults in rounds, chosen by a seed.
import { parseArgs } from "node:util";
import { requireRoot } from "../lab/lab.ts";
import { ensureBuilt } from "../lab/program.ts";
import type { ChaosLane } from "./lane.ts";
import { networkLane } from "./network/lane.ts";
import { openReport } from "./report.ts";

const lanes: readonly ChaosLane[] = [networkLane];

class Usage extends Error {}

const synopsis = "usage: npm run chaos -- NAME [--rounds N] [--seed S] [--speed K] [--shipped N] [--json]";
const usage = `${synopsis}

${lanes.map(({ name, shows }) => `  ${name.padEnd(11)}  ${shows}`).join("\n")}

  --rounds N     how many rounds (default 50)
  --seed S       what chooses the rounds, a whole number; the same seed gives the same rounds (default: a new one, printed)
  --speed K      durations are the shipped ones divided by K (default 20; printed)
  --shipped N    rounds at shipped durations after the others (default 3; 0 leaves them out)
  --json         one JSON object a line

Exit code: 0 passed, 1 failed, 2 wrong usage, 130 interrupted.

Examples:
  npm run chaos -- network --rounds 50
  npm run chaos -- network --rounds 50 --seed 7            the same rounds again
  npm run chaos -- network --rounds 5 --speed 1            at the durations that ship
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
  const options = {
    rounds: wholeNumber("rounds", values.rounds, 50, 1),
    seed: wholeNumber("seed", values.seed, Math.floor(Math.random() * 1_000_000), 0),
    speed: wholeNumber("speed", values.speed, 20, 1),
    shipped: wholeNumber("shipped", values.shipped, 3, 0),
  };
  requireRoot();
  return await runLane(lane, options, values.json);
}

async function runLane(
  lane: ChaosLane,
  options: { rounds: number; seed: number; speed: number; shipped: number },
  json: boolean,
): Promise<number> {
  const report = openReport(json);
  const signal = stopSignal();
  const { rounds, seed, speed, shipped } = options;
  report.say(`chaos ${lane.name}: ${rounds} rounds, seed ${seed}, speed ${speed}`);
  report.say(`again: npm run chaos -- ${lane.name} --rounds ${rounds} --seed ${seed} --speed ${speed}`);
  report.tell("start", { lane: lane.name, rounds, seed, speed, shipped });
  try {
    await ensureBuilt(report.say);
    const failures = await lane.run({ ...options, report, signal });
    for (const failure of failures) report.say(`FAILED: ${failure}`);
    report.say(`chaos ${lane.name}: ${failures.length === 0 ? "passed" : `failed; seed ${seed}`}`);
    report.tell("end", { lane: lane.name, seed, passed: failures.length === 0, failures });
    return failures.length === 0 ? 0 : 1;
  } catch (error) {
    if (!signal.aborted) throw error;
    report.say(`chaos ${lane.name}: interrupted; nothing is left`);
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
