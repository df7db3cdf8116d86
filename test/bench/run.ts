import { parseArgs } from "node:util";
import { buildTree } from "../../packaging/build.ts";
import { requireRoot } from "../lab/lab.ts";
import { figureOf, renderFigure } from "./figure.ts";
import { benches } from "./list.ts";

const HELP = `npm run bench -- NAME [--rounds N] [--seconds N] [--json]

${benches.map(({ name, about }) => `  ${name.padEnd(10)}${about}`).join("\n")}

Every figure is a median, taken in turns with a peer that does the same work in the same run. A missed goal is printed and
does not fail the run: machines are noisy, and a number is read by a person.
--seconds: how long each round looks, of ${benches.flatMap(({ name, seconds }) => (seconds === undefined ? [] : `${name} (${seconds})`)).join(", ")}.

Examples:
  npm run bench -- boot
  npm run bench -- network --rounds 30 --json
  npm run bench -- idle --seconds 20
`;

/** Of an option; undefined, and said, where it is none. */
function wholeNumber(name: string, text: string | undefined, otherwise: number): number | undefined {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  process.stderr.write(`--${name}: expected a whole number from 1 on, got ${text}\n`);
  return undefined;
}

async function main(): Promise<number> {
  const options = {
    rounds: { type: "string" },
    seconds: { type: "string" },
    json: { type: "boolean" },
    help: { type: "boolean" },
  } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const [asked] = positionals;
  if (values.help === true || asked === undefined) {
    process.stdout.write(HELP);
    return values.help === true ? 0 : 2;
  }
  const bench = benches.find(({ name }) => name === asked);
  if (bench === undefined) {
    process.stderr.write(`There is no bench ${asked}. Benches: ${benches.map(({ name }) => name).join(", ")}\n`);
    return 2;
  }
  if (values.seconds !== undefined && bench.seconds === undefined) {
    process.stderr.write(`--seconds: ${bench.name} looks as long as it takes\n`);
    return 2;
  }
  const rounds = wholeNumber("rounds", values.rounds, bench.rounds);
  const seconds = wholeNumber("seconds", values.seconds, bench.seconds ?? 1);
  if (rounds === undefined || seconds === undefined) return 2;
  requireRoot();
  await buildTree();
  let done = 0;
  const tick = (): void => {
    done += 1;
    if (process.stderr.isTTY) process.stderr.write(`\r${bench.name}: round ${done}`);
  };
  const series = await bench.run(rounds, tick, seconds);
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  for (const one of series) {
    const figure = figureOf(bench.name, one);
    process.stdout.write(`${values.json === true ? JSON.stringify(figure) : renderFigure(figure)}\n`);
  }
  return 0;
}

process.exitCode = await main();
