import { describe, expect, test } from "vitest";
import { judge, type Played, type Side, tables } from "../../../fault/network/outcome.ts";
import { paceAt } from "../../../fault/network/pace.ts";

const pace = paceAt(20);
const side: Side = { state: "new", tookMs: 300, sent: 100, lost: 0, maxGapMs: 12, pingedMs: 900 };

function round(fields: Partial<Played> = {}): Played {
  return {
    round: 1,
    fault: "kill in a change",
    cutsOff: false,
    change: "updelay",
    aim: { delayMs: 0 },
    speed: 20,
    kills: [{ after: "applied", inChange: true }],
    killed: side,
    control: side,
    ...fields,
  };
}

describe("a run of chaos", () => {
  test("passes when no ping was lost and every host is in a known state", () => {
    expect(judge([round(), round({ killed: { ...side, state: "old" } })], pace)).toEqual([]);
  });

  test("fails for a lost ping, and says how many the control lost", () => {
    expect(judge([round({ killed: { ...side, lost: 2 } })], pace)).toEqual([
      expect.stringContaining("2 pings lost (control: 0)"),
    ]);
  });

  test("fails for a host that is in no known state", () => {
    const { state: _, ...lost } = side;
    expect(judge([round({ killed: { ...lost, error: "neither old nor new" } })], pace)).toHaveLength(1);
    expect(judge([round({ control: { ...lost, error: "neither old nor new" } })], pace)).toHaveLength(1);
  });

  test("fails when fewer than half of the kills came in a change", () => {
    const idle = { after: "idle", inChange: false };
    const applied = { after: "applied", inChange: true };
    expect(judge([round({ kills: [idle, applied] })], pace)).toEqual([]);
    expect(judge([round({ kills: [idle, applied, idle] })], pace)).toEqual([
      expect.stringContaining("only 1 of 3 kills"),
    ]);
  });

  test("does not count pings that the configuration itself cost, but wants the host back in time", () => {
    const cut = { cutsOff: true, killed: { ...side, state: "old", lost: 600, maxGapMs: 7000 } } as const;
    expect(judge([round(cut)], pace)).toEqual([]);
    expect(judge([round({ ...cut, killed: { ...cut.killed, maxGapMs: 60_000 } })], pace)).toHaveLength(1);
    expect(judge([round({ ...cut, killed: { ...cut.killed, state: "new" } })], pace)).toEqual([
      expect.stringContaining("was kept"),
    ]);
  });
});

test("the tables name the step after which each kill came, and keep rounds that cut the host off apart", () => {
  const text = tables([round(), round({ round: 2, cutsOff: true, killed: { ...side, state: "old", lost: 600 } })]).join(
    "\n",
  );
  expect(text).toMatch(/applied +2 +2 +1 +1/);
  expect(text).toContain("pings lost: 0 of 100");
  expect(text).toContain("cuts the host off");
});
