import { labVlans } from "../../lab/config.ts";
import { LabController } from "../../lab/controller.ts";
import { createLab, type Lab } from "../../lab/lab.ts";
import type { ChaosLane, ChaosOptions } from "../lane.ts";
import { faults } from "./faults/index.ts";
import { allowedMs, judge, lineOf, type Played, type Side, summaryOf, tables } from "./outcome.ts";
import { describePace, paceAt } from "./pace.ts";
import { Pings } from "./pings.ts";
import { type Round, roundsOf } from "./rounds.ts";
import { type Settled, Subject } from "./subject.ts";
import { prunedVlan, start } from "./wanted.ts";

/** Faults of every kind in and around changes, while the gateway pings the host. */
export const networkLane: ChaosLane = {
  name: "network",
  shows:
    "kills, pauses, cuts, foreign hands, full disks, invalid and malicious changes: old or new, never between, and no lock-out",
  run,
};

/** Two hosts: one that the faults strike, and the control, which is asked for the same at the same time and left alone. */
interface Pair {
  readonly lab: Lab;
  readonly killed: Subject;
  readonly control: Subject;
}

async function run(options: ChaosOptions): Promise<readonly string[]> {
  const { report, signal, speed, seed, rounds, shipped, progress, jobs, only } = options;
  const pace = paceAt(speed);
  report.say(describePace(pace));
  report.tell("durations", pace);
  const done = new Set(playedIn(options).map(({ round }) => round));
  const left = (all: readonly Round[]): Round[] =>
    all.filter(({ number }) => !done.has(number) && (only === undefined || only.has(number)));
  const quick = left(roundsOf(seed, rounds, faults));
  // Taking a change back that cuts the host off takes two minutes at these durations: --speed 1 has such rounds.
  const short = faults.filter(({ kind, asks }) => kind === "kill" && asks === "change");
  const slow = speed === 1 ? [] : left(roundsOf(seed, shipped, short, rounds + 1));
  const count = Math.min(jobs, Math.max(quick.length, slow.length));
  const pairs: Pair[] = [];
  try {
    // One after the other: what all of them need is fetched once.
    for (let job = 0; job < count; job += 1) pairs.push(await pairOf(options));
    await Promise.race([playAll(pairs, quick, slow, options), aborted(signal)]);
  } finally {
    report.progress("");
    await Promise.all(pairs.map(async ({ lab }) => await lab.down()));
  }
  const played = playedIn(options);
  for (const line of tables(played)) report.say(line);
  report.tell("summary", summaryOf(played));
  report.say(`each round: ${progress.path}`);
  return judge(played);
}

/** Every round that has ended, also those of an earlier process, by number. */
function playedIn({ progress }: ChaosOptions): readonly Played[] {
  return progress
    .read()
    .filter(isPlayed)
    .toSorted((a, b) => a.round - b.round);
}

function isPlayed(value: object): value is Played {
  return "round" in value && "killed" in value && "control" in value;
}

async function pairOf({ report, speed }: ChaosOptions): Promise<Pair> {
  const vlans = [...Object.values(labVlans), prunedVlan];
  const lab = await createLab({ hosts: 2, vlans, say: report.say });
  try {
    await lab.prune(prunedVlan);
    // What a probe beyond the gateway's ARP asks.
    await LabController.start(lab);
    const [first, second] = lab.hosts;
    if (first === undefined || second === undefined) throw new Error("The lab has no two hosts");
    const pace = paceAt(speed);
    const pair = { lab, killed: new Subject(lab, first, pace, start), control: new Subject(lab, second, pace, start) };
    await Promise.all([pair.killed.boot(), pair.control.boot()]);
    return pair;
  } catch (error) {
    await lab.down();
    throw error;
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  signal.throwIfAborted();
  return await new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
  );
}

async function playAll(
  pairs: readonly Pair[],
  quick: readonly Round[],
  slow: readonly Round[],
  options: ChaosOptions,
): Promise<void> {
  await playRounds(pairs, quick, options);
  if (slow.length === 0) return;
  const pace = paceAt(1);
  options.report.say(describePace(pace));
  options.report.tell("durations", pace);
  const slowed = pairs.map((pair) => ({ ...pair, killed: pair.killed.at(pace), control: pair.control.at(pace) }));
  await playRounds(slowed, slow, options);
}

/** Each pair takes the next round that nobody has taken. */
async function playRounds(pairs: readonly Pair[], rounds: readonly Round[], options: ChaosOptions): Promise<void> {
  const { report, signal, progress } = options;
  const queue = [...rounds];
  const work = async (pair: Pair): Promise<void> => {
    for (let round = queue.shift(); round !== undefined; round = queue.shift()) {
      signal.throwIfAborted();
      report.progress(`round ${round.number}: ${round.fault.name}, ${round.change}`);
      const result = await play(pair, round);
      // What was taken down under the round is no finding.
      signal.throwIfAborted();
      progress.add(result);
      report.say(lineOf(result));
      report.tell("round", result);
      await inOrder(pair, result, options);
    }
  };
  await Promise.all(pairs.map(work));
}

/** A host that is in no known state says nothing about the next fault: it is made anew. Its agent's log is kept. */
async function inOrder({ killed, control }: Pair, result: Played, { report, progress }: ChaosOptions): Promise<void> {
  const sides = [
    { name: "struck", subject: killed, side: result.killed },
    { name: "control", subject: control, side: result.control },
  ];
  for (const { name, subject, side } of sides) {
    if (side.error === undefined && !side.lockedOut && side.lost === 0) continue;
    if (side.error === undefined && !side.lockedOut && result.silences !== undefined) continue;
    const text = subject.said.map((line) => JSON.stringify(line)).join("\n");
    report.say(`      log: ${progress.keep(`round-${result.round}-${name}.ndjson`, `${text}\n`)}`);
    if (side.error !== undefined || side.lockedOut) await subject.recreate();
  }
}

async function play({ killed, control }: Pair, round: Round): Promise<Played> {
  const { fault, wanted, aim } = round;
  await using onKilled = new Pings(killed.lab, killed.host.address);
  await using onControl = new Pings(control.lab, control.host.address);
  await Promise.all([onKilled.answered(3), onControl.answered(3)]);
  const until = performance.now() + allowedMs(killed.pace, fault.silences?.(killed.pace, aim) ?? 0);
  const [hit, calm] = await Promise.all([
    settled(killed, round, async () => await fault.play(killed, wanted ?? killed.good, aim)),
    settled(control, round, async () => await fault.without(control, wanted ?? control.good)),
  ]);
  const reached = await Promise.all([reach(onKilled, until), reach(onControl, until)]);
  const [a, b] = await Promise.all([onKilled.stop(), onControl.stop()]);
  const silences = fault.silences?.(killed.pace, aim);
  const side = (ended: Ended, pinged: typeof a, answers: boolean): Side => ({
    ...ended,
    ...pinged,
    lockedOut: !answers || pinged.maxGapMs > allowedMs(killed.pace, silences ?? 0),
  });
  return {
    round: round.number,
    fault: fault.name,
    kind: fault.kind,
    ...(silences === undefined ? {} : { silences }),
    cutsOff: fault.asks === "cut-off",
    change: round.change,
    aim,
    speed: killed.pace.speed,
    kills: [...killed.kills],
    killed: side(hit, a, reached[0]),
    control: side(calm, b, reached[1]),
  };
}

/** The least time in which an answer is waited for, whatever the round took. */
const LEAST_WAIT_MS = 3_000;

/** Whether the gateway reaches the host before the allowed time is over. */
async function reach(pings: Pings, until: number): Promise<boolean> {
  return await pings.answered(3, Math.max(LEAST_WAIT_MS, until - performance.now())).then(
    () => true,
    () => false,
  );
}

type Ended = Partial<Settled> & { readonly error?: string };

async function settled(subject: Subject, { number, fault, aim }: Round, act: () => Promise<void>): Promise<Ended> {
  try {
    const before = await subject.begin(number);
    await act();
    return await subject.settle(before, {
      silentMs: fault.silences?.(subject.pace, aim) ?? 0,
      breaks: fault.breaks === true,
    });
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
