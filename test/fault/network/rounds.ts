import { Random } from "../random.ts";
import type { Aim, NetworkFault } from "./faults/fault.ts";
import { changeOf, start, type Wanted } from "./wanted.ts";

export interface Round {
  readonly number: number;
  readonly fault: NetworkFault;
  readonly aim: Aim;
  /** What changes, for people. */
  readonly change: string;
  /** What the round asks for; absent where it asks for nothing. */
  readonly wanted?: Wanted;
}

/**
 * The rounds of a seed: pure, and the same on every machine. Each fault gets its share, in an order by chance. Every round
 * asks for what the one before asked for, changed in one more place, whatever became of that.
 */
export function roundsOf(seed: number, count: number, faults: readonly NetworkFault[], first = 1): readonly Round[] {
  const order = new Random(seed, "order").shuffle(shares(count, faults));
  let wanted: Wanted = start;
  return order.map((fault, index): Round => {
    const number = first + index;
    const random = new Random(seed, `round ${number}`);
    const aim = fault.aim(random);
    if (fault.asks === "nothing") return { number, fault, aim, change: "none" };
    // What cuts the host off is taken back in any case, and nothing of it remains.
    if (fault.asks === "cut-off")
      return { number, fault, aim, change: "management VLAN", wanted: adapted(fault, { ...wanted, round: number }) };
    const next = changeOf(wanted, number, random);
    wanted = next.wanted;
    return { number, fault, aim, change: next.change, wanted: adapted(fault, wanted) };
  });
}

function adapted(fault: NetworkFault, wanted: Wanted): Wanted {
  return fault.adapt?.(wanted) ?? wanted;
}

/** As many of each fault as its share says, the largest gap first; so a short run has the most important ones. */
function shares(count: number, faults: readonly NetworkFault[]): readonly NetworkFault[] {
  const total = faults.reduce((sum, { share }) => sum + share, 0);
  const given = new Map<NetworkFault, number>();
  return Array.from({ length: count }, (_, index) => {
    const gap = (fault: NetworkFault): number => (fault.share / total) * (index + 1) - (given.get(fault) ?? 0);
    const chosen = faults.reduce((best, fault) => (gap(fault) > gap(best) ? fault : best));
    given.set(chosen, (given.get(chosen) ?? 0) + 1);
    return chosen;
  });
}
