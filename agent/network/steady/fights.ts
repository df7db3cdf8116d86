import { isOvsStep, type Step } from "../steps.ts";
import { disrupts } from "./disrupts.ts";
import { nameOf, namesOf } from "./names.ts";

/** So often what we repaired may be undone before somebody is taken to work against us. */
const PATIENCE = 3;
/** The longest wait, and how long something must have stayed repaired to be forgotten, in multiples of the first wait. */
const LONGEST = 10;
const QUIET = 20;

/** What was repaired, and what became of it. All times are monotonic milliseconds. */
interface Repair {
  readonly names: readonly string[];
  repairedAt: number;
  /** Done, then seen as it has to be; undone, and not done again yet. */
  state: "done" | "seen" | "undone";
  /** How often it was undone. */
  undone: number;
  /** It is told until then, and left as it is if putting it back disrupts. */
  until: number;
}

/** What somebody else keeps undoing. */
export interface Fight {
  readonly names: readonly string[];
  readonly undone: number;
  /** Milliseconds until it is repaired again. */
  readonly againMs: number;
}

/**
 * Remembers repairs, so that two who work against each other do not make the host flap: what is undone again and again is repaired
 * at growing distances. `waitMs` is the first one.
 */
export class Fights {
  readonly #repairs = new Map<string, Repair>();

  /** Those steps that may be done now. */
  admit(steps: readonly Step[], now: number, waitMs: number): readonly Step[] {
    const planned = new Map(steps.map((step) => [nameOf(step), step]));
    for (const [name, repair] of this.#repairs) {
      const step = planned.get(name);
      if (step === undefined) {
        repair.state = "seen";
        if (now - repair.repairedAt > QUIET * waitMs) this.#repairs.delete(name);
      } else if (isUndone(step, repair) && (!disrupts(step) || repair.until <= now)) this.#undo(repair, now, waitMs);
    }
    // What disrupts nothing, such as an address that is missing, is put back at once however often it goes.
    return steps.filter((step) => !disrupts(step) || (this.#repairs.get(nameOf(step))?.until ?? 0) <= now);
  }

  /** These steps were done. */
  repaired(steps: readonly Step[], now: number): void {
    for (const step of steps) {
      const name = nameOf(step);
      const before = this.#repairs.get(name);
      if (before === undefined) {
        const repair = { names: namesOf(step), repairedAt: now, state: "done" as const, undone: 0, until: 0 };
        this.#repairs.set(name, repair);
      } else Object.assign(before, { repairedAt: now, state: "done" });
    }
  }

  /** What somebody else keeps undoing now. */
  fights(now: number): readonly Fight[] {
    return [...this.#repairs.values()]
      .filter(({ until }) => until > now)
      .map(({ names, undone, until }) => ({ names, undone, againMs: until - now }));
  }

  /** Whether one of these was repaired of late. */
  repairedLately(names: readonly string[]): boolean {
    return [...this.#repairs.values()].some((repair) => repair.names.some((name) => names.includes(name)));
  }

  forget(): void {
    this.#repairs.clear();
  }

  #undo(repair: Repair, now: number, waitMs: number): void {
    repair.undone += 1;
    repair.state = "undone";
    if (repair.undone < PATIENCE) return;
    repair.until = now + waitMs * Math.min(LONGEST, 2 ** (repair.undone - PATIENCE));
  }
}

/** What Open vSwitch has taken was there; of the rest a refusal of the kernel's looks the same, until it was seen done. */
function isUndone(step: Step, { state }: Repair): boolean {
  return state === "seen" || (state === "done" && isOvsStep(step));
}
