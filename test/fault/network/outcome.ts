import { type Cell, median, table } from "../table.ts";
import type { Aim, Kind } from "./faults/fault.ts";
import { moments } from "./moment.ts";
import type { Pace } from "./pace.ts";
import type { Pinged } from "./pings.ts";
import type { Kill, Settled } from "./subject.ts";

/** What became of one host in one round. */
export interface Side extends Partial<Settled>, Pinged {
  /** Why it is in no state that it may be in. */
  readonly error?: string;
  /** The gateway did not reach it in the allowed time, although both legs were whole at its end. */
  readonly lockedOut: boolean;
}

export interface Played {
  readonly round: number;
  readonly fault: string;
  readonly kind: Kind;
  /** Present where the fault itself may cost pings: for how long it keeps the host from being healed, in milliseconds. */
  readonly silences?: number;
  /** The configuration itself cuts the host off: it must not be kept. */
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

/** How long the gateway may miss a host at most. */
export function allowedMs({ confirmDeadlineMs, timing }: Pace, silences: number): number {
  return confirmDeadlineMs + timing.deadManGraceMs + HEAL_GRACE_MS + silences;
}

const definition = [
  "A lock-out: the gateway does not reach the host's address for longer than the deadline of a change, the dead-man's grace,",
  `${HEAL_GRACE_MS / 1000} s for a busy machine, and what the fault itself takes; or it does not at the end of that time. Every round ends with both legs whole.`,
];

export function lineOf({ round, fault, change, kills, killed, control, silences, aim }: Played): string {
  const ms = (value: number | undefined): string => `${Math.round(value ?? 0)} ms`;
  const pings =
    silences === undefined
      ? `${killed.lost} of ${killed.sent} pings lost, control ${control.lost}`
      : `silent for ${ms(killed.maxGapMs)}, control ${ms(control.maxGapMs)}`;
  const what = [fault, aim.form, kills.length === 0 && aim.moment, change !== "none" && change].filter(Boolean);
  const after = kills.length === 0 ? "" : `; killed after: ${kills.map((kill) => kill.after).join(" and ")}`;
  const end = killed.error ?? `${killed.state} after ${ms(killed.tookMs)}`;
  const out = killed.lockedOut ? "; LOCKED OUT" : "";
  const calm = control.error === undefined ? "" : `; control: ${control.error}`;
  return `${String(round).padStart(4)}. ${what.join(", ")}${after}; ${end}${out}; ${pings}${calm}`;
}

interface Sums {
  readonly rounds: number;
  readonly lockOuts: number;
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
    lockOuts: sum(({ killed, control }) => Number(killed.lockedOut) + Number(control.lockedOut)),
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

function reachableIn(played: readonly Played[]): readonly Played[] {
  return played.filter(({ silences }) => silences === undefined);
}

export function summaryOf(played: readonly Played[]): object {
  const silenced = played.filter(({ silences }) => silences !== undefined);
  return { all: sumsOf(played), pinged: sumsOf(reachableIn(played)), silenced: sumsOf(silenced) };
}

/** The tables at the end, as lines. */
export function tables(played: readonly Played[]): string[] {
  const { kills, inChange, lockOuts, rounds } = sumsOf(played);
  const { sent, lost, controlSent, controlLost, pingedMs } = sumsOf(reachableIn(played));
  return [
    "",
    `Lock-outs: ${lockOuts} in ${rounds} rounds`,
    ...definition,
    "",
    "Where the kills came (in a change: begun and not confirmed, by the files that the kill left)",
    ...killTable(played.filter(({ kind }) => kind === "kill")),
    `${inChange} of ${kills} kills in a change`,
    "",
    "Faults that leave the host reachable: no ping may be lost",
    ...faultTable(reachableIn(played)),
    `pings lost: ${lost} of ${sent}; control, asked for the same at the same time and not struck: ${controlLost} of ${controlSent}`,
    `one ping every ${(pingedMs / Math.max(1, sent)).toFixed(1)} ms on average; a reply up to 1 s late is not lost`,
    ...silencedTable(played.filter(({ silences }) => silences !== undefined)),
    "",
  ];
}

function silencedTable(played: readonly Played[]): string[] {
  if (played.length === 0) return [];
  return ["", "Faults that themselves cut the host off, or may: it comes back", ...faultTable(played)];
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
    const { sent, lost, lockOuts, controlSent, controlLost, failed } = sumsOf(rounds);
    const ended = (state: string): number => rounds.filter(({ killed }) => killed.state === state).length;
    const took = rounds.flatMap(({ killed }) => killed.tookMs ?? []);
    const gaps = rounds.map(({ killed }) => killed.maxGapMs);
    return [
      ...[name, rounds.length, ended("new"), ended("old"), ended("same"), failed, lockOuts],
      ...[Math.round(median(took)), Math.round(Math.max(0, ...took)), sent, lost],
      ...[Math.round(median(gaps)), Math.max(0, ...gaps), controlSent, controlLost],
    ];
  });
  const heading = [
    ...["fault", "rounds", "new", "old", "same", "failed", "lock-outs", "settled ms", "at most", "pings", "lost"],
    ...["silent ms", "at most", "control", "lost"],
  ];
  return table(heading, rows);
}

/** What failed, in sentences. */
export function judge(played: readonly Played[]): string[] {
  const failures: string[] = [];
  for (const { round, fault, aim, silences, cutsOff, killed, control } of played) {
    const where = `round ${round} (${[fault, aim.form].filter(Boolean).join(": ")})`;
    if (killed.lockedOut) failures.push(`${where}: locked out, silent for ${killed.maxGapMs} ms`);
    if (control.lockedOut) failures.push(`${where}: the control was locked out, silent for ${control.maxGapMs} ms`);
    if (killed.error !== undefined) failures.push(`${where}: ${killed.error}`);
    if (control.error !== undefined) failures.push(`${where}, the control: ${control.error}`);
    if (silences === undefined && killed.lost > 0)
      failures.push(`${where}: ${killed.lost} pings lost (control: ${control.lost})`);
    if (cutsOff && killed.state === "new") failures.push(`${where}: a configuration that cuts the host off was kept`);
  }
  const { kills, inChange } = sumsOf(played.filter(({ kind }) => kind === "kill"));
  if (inChange * 2 < kills)
    failures.push(`only ${inChange} of ${kills} kills came in a change; at least half are wanted`);
  return failures;
}
