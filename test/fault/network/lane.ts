import { labVlans } from "../../lab/config.ts";
import { createLab } from "../../lab/lab.ts";
import type { ChaosLane, ChaosOptions } from "../lane.ts";
import { faults } from "./faults/index.ts";
import { judge, lineOf, type Played, summaryOf, tables } from "./outcome.ts";
import { describePace, type Pace, paceAt } from "./pace.ts";
import { Pings } from "./pings.ts";
import { halfWritten } from "./records.ts";
import { type Round, roundsOf } from "./rounds.ts";
import { type Settled, Subject } from "./subject.ts";
import { prunedVlan, start } from "./wanted.ts";

/** The agent killed in the middle of changes, while the gateway pings the host every 10 ms. */
export const networkLane: ChaosLane = {
  name: "network",
  shows: "SIGKILL to the agent in the middle of changes of the network: no ping lost, and old or new, never between",
  run,
};

/** Two hosts: one whose agent is killed, and the control, which is asked for the same at the same time and left alone. */
interface Pair {
  readonly killed: Subject;
  readonly control: Subject;
}

async function run(options: ChaosOptions): Promise<readonly string[]> {
  const { report, signal } = options;
  const pace = paceAt(options.speed);
  report.say(describePace(pace));
  report.tell("durations", pace);
  const vlans = [...Object.values(labVlans), prunedVlan];
  const lab = await createLab({ hosts: 2, vlans, say: report.say });
  try {
    await lab.prune(prunedVlan);
    const [first, second] = lab.hosts;
    if (first === undefined || second === undefined) throw new Error("The lab has no two hosts");
    const pair = { killed: new Subject(lab, first, pace, start), control: new Subject(lab, second, pace, start) };
    return await Promise.race([playAll(pair, pace, options), aborted(signal)]);
  } finally {
    report.progress("");
    await lab.down();
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  signal.throwIfAborted();
  return await new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
  );
}

async function playAll(pair: Pair, pace: Pace, options: ChaosOptions): Promise<readonly string[]> {
  const { report, seed, rounds, shipped, speed, signal } = options;
  await Promise.all([pair.killed.boot(), pair.control.boot()]);
  const played = await playRounds(pair, roundsOf(seed, rounds, faults), options);
  const slow = paceAt(1);
  if (shipped > 0 && speed !== 1 && !signal.aborted) {
    report.say(describePace(slow));
    report.tell("durations", slow);
    // Taking a change back that cuts the host off takes two minutes at these durations: --speed 1 has such rounds.
    const short = faults.filter(({ asks }) => asks === "change");
    const slowPair = { killed: pair.killed.at(slow), control: pair.control.at(slow) };
    played.push(...(await playRounds(slowPair, roundsOf(seed, shipped, short, rounds + 1), options)));
  }
  for (const line of tables(played)) report.say(line);
  const half = halfWritten(pair.killed.host.root).length;
  if (half > 0)
    report.say(`${half} half-written files lie beside the agent's state, one for each kill in the middle of a write`);
  report.tell("summary", { ...summaryOf(played, pace), halfWritten: half });
  return judge(played, pace);
}

async function playRounds(pair: Pair, rounds: readonly Round[], { report, signal }: ChaosOptions): Promise<Played[]> {
  const played: Played[] = [];
  for (const round of rounds) {
    signal.throwIfAborted();
    report.progress(`round ${round.number}: ${round.fault.name}, ${round.change}`);
    const result = await play(pair, round);
    // What was taken down under the round is no finding.
    signal.throwIfAborted();
    played.push(result);
    report.say(lineOf(result));
    report.tell("round", result);
    // A host that is in no known state says nothing about the next fault.
    if (result.killed.error !== undefined || result.control.error !== undefined) break;
  }
  return played;
}

async function play({ killed, control }: Pair, round: Round): Promise<Played> {
  const { fault, wanted, aim } = round;
  await using onKilled = new Pings(killed.lab, killed.host.address);
  await using onControl = new Pings(control.lab, control.host.address);
  await Promise.all([onKilled.answered(3), onControl.answered(3)]);
  const [hit, calm] = await Promise.all([
    settled(killed, async () => await fault.play(killed, wanted ?? killed.good, aim)),
    settled(control, async () => await fault.without(control, wanted ?? control.good)),
  ]);
  // The gateway reaches both, and both have been pinged for as long.
  const error = await reach(onKilled).then(
    () => undefined,
    (reason: unknown) => String(reason),
  );
  const [a, b] = await Promise.all([onKilled.stop(), onControl.stop()]);
  return {
    round: round.number,
    fault: fault.name,
    cutsOff: fault.asks === "cut-off",
    change: round.change,
    aim,
    speed: killed.pace.speed,
    kills: [...killed.kills],
    killed: { ...(error === undefined ? {} : { error }), ...hit, ...a },
    control: { ...calm, ...b },
  };
}

async function reach(pings: Pings): Promise<void> {
  await pings.answered(3);
}

type Ended = Partial<Settled> & { readonly error?: string };

async function settled(subject: Subject, act: () => Promise<void>): Promise<Ended> {
  try {
    const before = await subject.begin();
    await act();
    return await subject.settle(before);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
