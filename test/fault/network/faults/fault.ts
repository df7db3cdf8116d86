import type { Random } from "../../random.ts";
import type { Moment } from "../moment.ts";
import type { Subject } from "../subject.ts";
import type { Wanted } from "../wanted.ts";

/** When a fault strikes, as far as chance decides it. */
export interface Aim {
  readonly moment?: Moment;
  /** Milliseconds after the moment (or after the round's begin, or the agent's start). */
  readonly delayMs: number;
  /** For faults with a second kill: milliseconds after the agent's new start. */
  readonly againMs?: number;
}

/** A kind of fault. To add one: a file here, and a line in index.ts. */
export interface NetworkFault {
  readonly name: string;
  /** What the round asks of the network: a harmless change, none, or one that cuts the host off until it is taken back. */
  readonly asks: "change" | "nothing" | "cut-off";
  /** How many of hundred rounds. */
  readonly share: number;
  /** Pure. */
  readonly aim: (random: Random) => Aim;
  /** What the round asks for, where the fault needs it otherwise than drawn. Pure. */
  readonly adapt?: (wanted: Wanted) => Wanted;
  /** Asks and strikes; ends when the agent has been started for the last time (or has ended for good). */
  readonly play: (subject: Subject, wanted: Wanted, aim: Aim) => Promise<void>;
  /** The same without the fault, for the control. */
  readonly without: (subject: Subject, wanted: Wanted) => Promise<void>;
}

/** The usual way to be without a fault: the configuration is written, and the agent told. */
export async function ask(subject: Subject, wanted: Wanted): Promise<void> {
  await subject.write(wanted);
  subject.reload();
}

/** Half of the kills come at once, the others within `most` milliseconds. */
export function pause(random: Random, most: number): number {
  return random.chance(0.5) ? 0 : random.between(1, most);
}
