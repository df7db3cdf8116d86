import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseFragments } from "../../../../agent/config/load.ts";
import { faults } from "../../../fault/network/faults/index.ts";
import { paceAt } from "../../../fault/network/pace.ts";
import { roundsOf } from "../../../fault/network/rounds.ts";
import { overrides, prunedVlan } from "../../../fault/network/wanted.ts";
import { hostConfig } from "../../../lab/config.ts";

const seeds = fc.nat();
const counts = fc.integer({ min: 1, max: 80 });

/** Rounds as plain data. */
function drawn(seed: number, count: number): string {
  return JSON.stringify(roundsOf(seed, count, faults));
}

describe("the rounds of a seed", () => {
  test("are the same ones again", () => {
    fc.assert(
      fc.property(seeds, counts, (seed, count) => {
        expect(drawn(seed, count)).toBe(drawn(seed, count));
      }),
    );
  });

  test("are others than those of another seed", () => {
    expect(drawn(1, 20)).not.toBe(drawn(2, 20));
  });

  test("are numbered from the first on", () => {
    const numbers = roundsOf(1, 3, faults, 51).map(({ number }) => number);
    expect(numbers).toEqual([51, 52, 53]);
  });

  test("give each fault its share, and leave no kind out of two hundred rounds", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const rounds = roundsOf(seed, 200, faults);
        const total = faults.reduce((sum, { share }) => sum + share, 0);
        for (const fault of faults) {
          const given = rounds.filter((round) => round.fault === fault).length;
          expect(Math.abs(given - (200 * fault.share) / total)).toBeLessThan(1.5);
          expect(given).toBeGreaterThan(0);
        }
      }),
      { numRuns: 10 },
    );
  });

  test("aim more than half of the kills at the middle of a change", () => {
    const kills = faults.filter(({ kind }) => kind === "kill");
    fc.assert(
      fc.property(seeds, counts, (seed, count) => {
        const aimed = roundsOf(seed, count, kills).filter(({ aim }) => aim.moment !== undefined);
        expect(aimed.length * 2).toBeGreaterThanOrEqual(count);
      }),
    );
  });

  test("are not kills alone: at least as many have another fault", () => {
    const share = (kill: boolean): number =>
      faults.filter(({ kind }) => (kind === "kill") === kill).reduce((sum, fault) => sum + fault.share, 0);
    expect(share(false) / share(true)).toBeGreaterThan(1);
  });

  test("never ask for the same configuration twice, because one that failed is not tried again", () => {
    fc.assert(
      fc.property(seeds, counts, (seed, count) => {
        const asked = roundsOf(seed, count, faults).flatMap(({ wanted }) => (wanted ? [JSON.stringify(wanted)] : []));
        expect(new Set(asked).size).toBe(asked.length);
      }),
    );
  });

  test("leave the management VLAN alone, except where the host is to be cut off", () => {
    fc.assert(
      fc.property(seeds, counts, (seed, count) => {
        for (const { fault, wanted } of roundsOf(seed, count, faults)) {
          if (wanted === undefined) expect(fault.asks).toBe("nothing");
          else expect(wanted.management === prunedVlan).toBe(fault.asks === "cut-off");
        }
      }),
    );
  });

  test("ask only for configurations that the agent accepts", () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom(1, 20, 60), (seed, speed) => {
        for (const { wanted } of roundsOf(seed, 12, faults)) {
          if (wanted === undefined) continue;
          const text = JSON.stringify(hostConfig(1, overrides(wanted, 1, paceAt(speed))));
          const result = parseFragments([{ file: "50-host.yaml", rank: 2, text }]);
          expect(result.ok ? [] : result.problems).toEqual([]);
        }
      }),
      { numRuns: 10 },
    );
  });
});
