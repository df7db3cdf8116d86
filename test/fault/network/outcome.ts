import { type Cell, median, table } from "../table.ts";
import type { Aim } from "./faults/fault.ts";
import { moments } from "./moment.ts";
import type { Pace } from "./pace.ts";
import type { Pinged } from "./pings.ts";
import type { Kill, Settled } from "./subject.ts";

/** What became of one host in one round. */
export interface Side extends Partial<Settled>, Pinged {
  /** Why it is in no state that it may be in. */
  readonly error?: string;
}

export interface Played {
  readonly round: number;
  readonly fault: string;
  /** The configuration itself cuts the host off: lost pings are its doing, and no matter of the kill. */
  readonly cutsOff: boolean;
  readonly change: string;
  readonly aim: Aim;
  readonly speed: number;
  readonly kills: readonly Kill[];
  readonly killed: Side;
  readonly control: Side;
}

/** After the deadline: the dead-man's grace of a second, the start of a process, two passes, a busy machine. */
const HEAL_GRACE_MS = 10_000;

export function lineOf({ round, fault, change, kills, killed, control, cutsOff }: Played): string {
  const after = kills.map((kill) => kill.after).join(" and ");
  const ms = (value: number | undefined): string => `${Math.round(value ?? 0)} ms`;
  const pings = cutsOff
    ? `silent for ${ms(killed.maxGapMs)}, control ${ms(control.maxGapMs)}`
    : `${killed.lost} of ${killed.sent} pings lost, control ${control.lost}`;
  const end = killed.error ?? `${killed.state} after ${ms(killed.tookMs)}`;
  const calm = control.error === undefined ? "" : `; control: ${control.error}`;
  return `${String(round).padStart(4)}. ${fault}, ${change}; killed after: ${after}; ${end}; ${pings}${calm}`;
}

interface Sums {
  readonly rounds: number;
  readonly kills: number;
  readonly inChange: number;
  readonly sent: number;
  readonly lost: number;
  readonly controlSent: number;
  readonly controlLost: number;
  readonly pingedMs: number;
  readonly failed: number;
}

function sumsOf(played: readonly Played[]): Sums {
  const kills = played.flatMap((round) => round.kills);
  const sum = (value: (round: Played) => number): number => played.reduce((total, round) => total + value(round), 0);
  return {
    rounds: played.length,
    kills: kills.length,
    inChange: kills.filter(({ inChange }) => inChange).length,
    sent: sum(({ killed }) => killed.sent),
    lost: sum(({ killed }) => killed.lost),
    controlSent: sum(({ control }) => control.sent),
    controlLost: sum(({ control }) => control.lost),
    pingedMs: sum(({ killed }) => killed.pingedMs),
    failed: played.filter(({ killed }) => killed.error !== undefined).length,
  };
}

export function summaryOf(played: readonly Played[], { confirmDeadlineMs }: Pace): object {
  const reachable = played.filter(({ cutsOff }) => !cutsOff);
  const cut = played.filter(({ cutsOff }) => cutsOff);
  return { all: sumsOf(played), pinged: sumsOf(reachable), cutOff: { ...sumsOf(cut), confirmDeadlineMs } };
}

/** The tables at the end, as lines. */
export function tables(played: readonly Played[]): string[] {
  const reachable = played.filter(({ cutsOff }) => !cutsOff);
  const cut = played.filter(({ cutsOff }) => cutsOff);
  const { kills, inChange } = sumsOf(played);
  const { sent, lost, controlSent, controlLost, pingedMs } = sumsOf(reachable);
  return [
    "",
    "Where the kills came (in a change: begun and not confirmed, by the files that the kill left)",
    ...killTable(played),
    `${inChange} of ${kills} kills in a change`,
    "",
    "Rounds whose configuration leaves the host reachable: outcome and pings",
    ...faultTable(reachable),
    `pings lost: ${lost} of ${sent}; control, asked for the same at the same time and not killed: ${controlLost} of ${controlSent}`,
    `one ping every ${(pingedMs / sent).toFixed(1)} ms on average; a reply up to 1 s late is not lost`,
    ...(cut.length === 0 ? [] : ["", ...cutTable(cut)]),
    "",
  ];
}

function killTable(played: readonly Played[]): string[] {
  const kills = played.flatMap((round) =>
    round.kills.map((kill, index) => ({ ...kill, round, last: index === round.kills.length - 1 })),
  );
  const order = [...moments, "resumed", "confirmed", "rolling back", "rolled-back", "starting", "idle"];
  const names = [...new Set(kills.map(({ after }) => after))].sort((a, b) => order.indexOf(a) - order.indexOf(b));
  const rows = names.map((name): Cell[] => {
    const here = kills.filter(({ after }) => after === name);
    const last = here.filter((kill) => kill.last);
    const ended = (state: string): number => last.filter(({ round }) => round.killed.state === state).length;
    return [
      name,
      here.length,
      here.filter((kill) => kill.inChange).length,
      ended("new"),
      ended("old"),
      ended("same"),
      here.length - last.length,
    ];
  });
  return table(["killed after", "kills", "in a change", "then new", "then old", "no change", "killed again"], rows);
}

function faultTable(played: readonly Played[]): string[] {
  const groups = Map.groupBy(played, ({ fault, speed }) => (speed === 1 ? `${fault} (as shipped)` : fault));
  const rows = [...groups].map(([name, rounds]): Cell[] => {
    const { sent, lost, controlSent, controlLost, failed } = sumsOf(rounds);
    const ended = (state: string): number => rounds.filter(({ killed }) => killed.state === state).length;
    const took = rounds.flatMap(({ killed }) => killed.tookMs ?? []);
    const worst = Math.max(0, ...rounds.map(({ killed }) => killed.maxGapMs));
    return [
      ...[name, rounds.length, ended("new"), ended("old"), ended("same"), failed],
      ...[Math.round(median(took)), Math.round(Math.max(0, ...took)), sent, lost, worst, controlSent, controlLost],
    ];
  });
  const heading = [
    "fault",
    "rounds",
    "new",
    "old",
    "same",
    "failed",
    "settled ms",
    "at most",
    "pings",
    "lost",
    "gap ms",
    "control",
    "lost",
  ];
  return table(heading, rows);
}

function cutTable(played: readonly Played[]): string[] {
  const rows = played.map(({ round, fault, kills, killed, control }): Cell[] => [
    round,
    kills.map(({ after }) => after).join(" and "),
    fault,
    killed.error === undefined ? (killed.state ?? "") : "FAILED",
    killed.maxGapMs,
    control.maxGapMs,
  ]);
  return [
    "Rounds whose configuration cuts the host off: its own doing until it is taken back, so these pings are not counted",
    ...table(["round", "killed after", "fault", "outcome", "silent ms", "control: silent ms"], rows),
  ];
}

/** What failed, in sentences. */
export function judge(played: readonly Played[], { confirmDeadlineMs }: Pace): string[] {
  const failures: string[] = [];
  for (const { round, fault, cutsOff, killed, control } of played) {
    const where = `round ${round} (${fault})`;
    if (killed.error !== undefined) failures.push(`${where}: ${killed.error}`);
    if (control.error !== undefined) failures.push(`${where}, the control: ${control.error}`);
    if (!cutsOff && killed.lost > 0) failures.push(`${where}: ${killed.lost} pings lost (control: ${control.lost})`);
    if (!cutsOff) continue;
    if (killed.state === "new") failures.push(`${where}: a configuration that cuts the host off was kept`);
    const bound = confirmDeadlineMs + HEAL_GRACE_MS;
    if (killed.maxGapMs > bound) failures.push(`${where}: silent for ${killed.maxGapMs} ms, more than ${bound} ms`);
  }
  const { kills, inChange } = sumsOf(played);
  if (inChange * 2 < kills)
    failures.push(`only ${inChange} of ${kills} kills came in a change; at least half are wanted`);
  return failures;
}
