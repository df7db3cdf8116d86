import { expect, test } from "vitest";
import { Fights } from "../../../agent/network/steady/fights.ts";
import type { Step } from "../../../agent/network/steps.ts";

const WAIT = 1_000;

function step(field: string, desired = "wanted"): Step {
  const drift = [{ object: "port p", field, current: "theirs", desired, owner: "ours" }] as const;
  return { kind: "update-port", name: "p", columns: {}, drift, why: "differs", risk: "blip" };
}

/** Somebody undoes it at once, and we put it back: when that is admitted. */
function undoneAt(fights: Fights, times: readonly number[], fought = step("tag")): boolean[] {
  return times.map((now) => {
    const admitted = fights.admit([fought], now, WAIT);
    fights.repaired(admitted, now);
    return admitted.length === 1;
  });
}

test("what is undone three times is put back at growing distances, to a limit", () => {
  const fights = new Fights();
  expect(undoneAt(fights, [0, 10, 20, 30, 500])).toEqual([true, true, true, false, false]);
  expect(fights.fights(500)).toEqual([{ names: ["port p tag"], undone: 3, againMs: 530 }]);
  expect(undoneAt(fights, [1_030, 1_040, 3_000, 3_040])).toEqual([true, false, false, true]);
  let now = 3_040;
  const waits: number[] = [];
  for (let time = 0; time < 4; time += 1) {
    undoneAt(fights, [now]);
    const [{ againMs = 0 } = {}] = fights.fights(now);
    waits.push(againMs);
    now += againMs;
    undoneAt(fights, [now]);
  }
  expect(waits).toEqual([4_000, 8_000, 10_000, 10_000]);
});

test("a fight over one column holds nothing else back", () => {
  const fights = new Fights();
  undoneAt(fights, [0, 10, 20, 30]);
  expect(fights.admit([step("tag"), step("trunks")], 40, WAIT)).toEqual([step("trunks")]);
  // The same column with another value is another wish, such as the way back of the bond.
  expect(fights.admit([step("tag", "other")], 40, WAIT)).toHaveLength(1);
});

test("what disrupts nothing is put back at once however often it goes, and told", () => {
  const fights = new Fights();
  const harmless: Step = { ...step("tag"), risk: "none" };
  expect(undoneAt(fights, [0, 10, 20, 30, 40], harmless)).toEqual([true, true, true, true, true]);
  expect(fights.fights(40)).toMatchObject([{ names: ["port p tag"], undone: 4 }]);
});

test("an address and a route of the last good network are put back at once, whatever they may cut off elsewhere", () => {
  const lost: readonly Step[] = [
    { kind: "add-address", device: "mgmt0", address: "10.1.0.17/24", why: "missing", risk: "management-path" },
    { kind: "add-route", device: "mgmt0", to: "default", via: "10.1.0.1", why: "missing", risk: "management-path" },
  ];
  for (const step of lost) {
    const fights = new Fights();
    for (const now of [0, 20, 40, 60, 80]) {
      expect(fights.admit([step], now, WAIT)).toEqual([step]);
      fights.repaired([step], now);
      fights.admit([], now + 10, WAIT);
    }
  }
});

test("what stays repaired long enough is forgotten", () => {
  const fights = new Fights();
  undoneAt(fights, [0, 10, 20]);
  expect(fights.repairedLately(["port p tag"])).toBe(true);
  fights.admit([], 21_000, WAIT);
  expect(fights.repairedLately(["port p tag"])).toBe(false);
  expect(undoneAt(fights, [21_010, 21_020, 21_030])).toEqual([true, true, true]);
});

test("what the kernel refuses is no fight: it never was as it has to be", () => {
  const fights = new Fights();
  const refused: Step = { kind: "link-up", device: "em1", why: "down", risk: "none" };
  expect(undoneAt(fights, [0, 10, 20, 30, 40], refused)).toEqual([true, true, true, true, true]);
});
