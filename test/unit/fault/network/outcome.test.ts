import { describe, expect, test } from "vitest";
import { judge, type Played, type Side, tables } from "../../../fault/network/outcome.ts";

const side: Side = { state: "new", tookMs: 300, sent: 100, lost: 0, maxGapMs: 12, pingedMs: 900, lockedOut: false };

function round(fields: Partial<Played> = {}): Played {
  return {
    round: 1,
    fault: "kill in a change",
    kind: "kill",
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
    expect(judge([round(), round({ killed: { ...side, state: "old" } })])).toEqual([]);
  });

  test("fails for a lost ping, and says how many the control lost", () => {
    expect(judge([round({ killed: { ...side, lost: 2 } })])).toEqual([
      expect.stringContaining("2 pings lost (control: 0)"),
    ]);
  });

  test("fails for a host that is in no known state", () => {
    const { state: _, ...lost } = side;
    expect(judge([round({ killed: { ...lost, error: "neither old nor new" } })])).toHaveLength(1);
    expect(judge([round({ control: { ...lost, error: "neither old nor new" } })])).toHaveLength(1);
  });

  test("fails when fewer than half of the kills came in a change", () => {
    const idle = { after: "idle", inChange: false };
    const applied = { after: "applied", inChange: true };
    expect(judge([round({ kills: [idle, applied] })])).toEqual([]);
    expect(judge([round({ kills: [idle, applied, idle] })])).toEqual([expect.stringContaining("only 1 of 3 kills")]);
  });

  test("does not count pings that the fault itself cost, but wants the host back and its configuration not kept", () => {
    const cut = {
      cutsOff: true,
      silences: 6000,
      killed: { ...side, state: "old", lost: 600, maxGapMs: 7000 },
    } as const;
    expect(judge([round(cut)])).toEqual([]);
    expect(judge([round({ ...cut, killed: { ...cut.killed, lockedOut: true } })])).toEqual([
      expect.stringContaining("locked out, silent for 7000 ms"),
    ]);
    expect(judge([round({ ...cut, killed: { ...cut.killed, state: "new" } })])).toEqual([
      expect.stringContaining("was kept"),
    ]);
  });

  test("counts no kills but those that are the fault itself", () => {
    expect(judge([round({ kind: "state", kills: [{ after: "idle", inChange: false }] })])).toEqual([]);
  });
});

test("the tables begin with the number of lock-outs and what one is", () => {
  const text = tables([round(), round({ round: 2, control: { ...side, lockedOut: true } })]);
  expect(text.slice(0, 3).join("\n")).toContain("Lock-outs: 1 in 2 rounds\nA lock-out: the gateway does not reach");
});

test("the tables name the step after which each kill came, and keep faults that cut the host off apart", () => {
  const cut = round({ round: 2, cutsOff: true, silences: 6000, killed: { ...side, state: "old", lost: 600 } });
  const text = tables([round(), cut]).join("\n");
  expect(text).toMatch(/applied +2 +2 +1 +1/);
  expect(text).toContain("pings lost: 0 of 100");
  expect(text).toContain("themselves cut the host off");
});
