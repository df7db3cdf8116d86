import type { Random } from "../../random.ts";
import type { Moment } from "../moment.ts";
import type { Pace } from "../pace.ts";
import type { Subject } from "../subject.ts";
import type { Wanted } from "../wanted.ts";

/** What a fault is, for the table. */
export type Kind =
  | "kill"
  | "invalid"
  | "malicious"
  | "state"
  | "pause"
  | "daemon"
  | "cut"
  | "foreign"
  | "disk"
  | "clock";

/** When a fault strikes, as far as chance decides it. */
export interface Aim {
  readonly moment?: Moment;
  /** Milliseconds after the moment (or after the round's begin, or the agent's start). */
  readonly delayMs: number;
  /** For faults with a second kill: milliseconds after the agent's new start. */
  readonly againMs?: number;
  /** Which of its forms the fault takes. */
  readonly form?: string;
  /** How long it lasts, as a part of the deadline of a change. */
  readonly lasts?: number;
}

/** A kind of fault. To add one: a file here, and a line in index.ts. */
export interface NetworkFault {
  readonly name: string;
  readonly kind: Kind;
  /** What the round asks of the network: a harmless change, none, or one that cuts the host off until it is taken back. */
  readonly asks: "change" | "nothing" | "cut-off";
  /** How many of two hundred rounds. */
  readonly share: number;
  /** Pure. */
  readonly aim: (random: Random) => Aim;
  /** What the round asks for, where the fault needs it otherwise than drawn. Pure. */
  readonly adapt?: (wanted: Wanted) => Wanted;
  /** Asks and strikes; ends when the agent has been started for the last time (or has ended for good) and all legs are whole. */
  readonly play: (subject: Subject, wanted: Wanted, aim: Aim) => Promise<void>;
  /** The same without the fault, for the control. */
  readonly without: (subject: Subject, wanted: Wanted) => Promise<void>;
  /** Present where the fault itself may cost pings: for how long the fault keeps the host from being healed, in milliseconds. */
  readonly silences?: (pace: Pace, aim: Aim) => number;
  /** The fault destroys what the agent has to make again: settled is when it has, and rows and port numbers may be others. */
  readonly breaks?: true;
}

/** The usual way to be without a fault: the configuration is written, and the agent told. */
export async function ask(subject: Subject, wanted: Wanted): Promise<void> {
  await subject.write(wanted);
  subject.reload();
}

export async function nothing(): Promise<void> {
  await Promise.resolve();
}

/** Half of the kills come at once, the others within `most` milliseconds. */
export function pause(random: Random, most: number): number {
  return random.chance(0.5) ? 0 : random.between(1, most);
}

/** Mostly shorter than the deadline of a change, sometimes longer. */
export function duration(random: Random): number {
  return random.chance(0.2) ? 1.25 : random.between(2, 50) / 100;
}

/** A fault's duration in milliseconds. */
export function lasting({ confirmDeadlineMs }: Pace, { lasts = 0 }: Aim): number {
  return Math.round(confirmDeadlineMs * lasts);
}
