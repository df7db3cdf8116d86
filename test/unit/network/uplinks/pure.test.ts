import { describe, expect, it, test } from "vitest";
import { type Avoided, holding, preferred } from "../../../../agent/network/uplinks/avoid.ts";
import { Flaps } from "../../../../agent/network/uplinks/flaps.ts";
import { judge, nextMember, type Round } from "../../../../agent/network/uplinks/verdict.ts";
import { toAsk } from "../../../../agent/network/uplinks/witnesses.ts";
import { networkSettings } from "../../../fakes/settings.ts";

const { bond } = networkSettings();

test.each<[string, string | undefined, readonly string[], string | undefined]>([
  ["nothing speaks against the primary", "em1", [], "em1"],
  ["there is no primary", undefined, [], undefined],
  ["the primary is drained", "em1", ["em1"], "em2"],
  ["the other one is drained", "em1", ["em2"], "em1"],
  ["one is drained, and there is no primary", undefined, ["em1"], "em2"],
  ["all are drained", "em1", ["em1", "em2"], "em1"],
])("which member the bond prefers when %s", (_, primary, avoid, expected) => {
  const { primary: _none, ...rest } = bond;
  expect(preferred(primary === undefined ? rest : { ...rest, primary }, avoid)).toBe(expected);
});

test("what keeps the bond off a NIC ends with its time, or with the boot that it belongs to", () => {
  const entries: Avoided[] = [
    { nic: "a", why: "drained", since: 0, until: 100 },
    { nic: "b", why: "drained", since: 0, until: 99 },
    { nic: "c", why: "deaf", since: 0, bootId: "this" },
    { nic: "d", why: "deaf", since: 0, bootId: "another" },
  ];
  expect(holding(entries, 99, "this").map(({ nic }) => nic)).toEqual(["a", "c"]);
});

describe("what a silent gateway means", () => {
  const round = (gateway: boolean, ...oks: boolean[]): Round => ({
    gateway,
    others: oks.map((ok, at) => ({ name: `n${at}`, ok, witness: true })),
  });
  it.each<[string, Round[], object]>([
    ["it answers in the second round", [round(false, false), round(true, false)], { kind: "alive" }],
    ["nobody else is known", [round(false), round(false)], { kind: "alone" }],
    [
      "one of two others answers once",
      [round(false, false, false), round(false, false, true)],
      { kind: "gateway-silent", heard: ["n1"] },
    ],
    ["nobody answers at all", [round(false, false, false), round(false, false, false)], { kind: "deaf", asked: 3 }],
  ])("%s", (_, rounds, expected) => expect(judge(rounds)).toEqual(expected));

  test("the silence of somebody who may need the gateway says nothing, and an answer clears the uplink", () => {
    const far = (ok: boolean): Round => ({ gateway: false, others: [{ name: "far", ok, witness: false }] });
    expect(judge([far(false), far(false)])).toEqual({ kind: "alone" });
    expect(judge([far(false), far(true)])).toEqual({ kind: "gateway-silent", heard: ["far"] });
  });
});

describe("who is asked whether he could be a witness", () => {
  const known = ["10.1.0.1", "10.1.0.50", "10.1.0.51", "fe80::50", "fe80::1"].map((address) => ({
    address,
    mac: `02:00:00:00:00:${address.split(/[.:]/).at(-1)?.padStart(2, "0")}`,
  }));
  const nobody = { gateway: "10.1.0.1", mac: undefined, named: [], found: [], asked: new Map() };

  test("each machine once, and the gateway by none of its addresses", () => {
    expect(toAsk(known, nobody)).toEqual(["10.1.0.50", "10.1.0.51"]);
  });

  test("nobody while it is not known which machine the gateway is", () => {
    expect(toAsk(known.slice(1), nobody)).toEqual([]);
    expect(toAsk(known.slice(1), { ...nobody, mac: "02:00:00:00:00:01" })).toEqual(["10.1.0.50", "10.1.0.51"]);
  });

  test("of many, those first that the configuration names, then who answered before, then who was not asked for long", () => {
    const many = Array.from({ length: 40 }, (_, at) => ({ address: `10.1.0.${at + 50}`, mac: `m${at}` }));
    const asked = new Map(many.slice(0, 30).map(({ address }, at) => [address, 30 - at]));
    const from = { ...nobody, mac: "gw", named: ["10.1.0.60"], found: ["10.1.0.70"], asked };
    expect(toAsk(many, from)).toEqual([
      "10.1.0.60",
      "10.1.0.70",
      ...["10.1.0.80", "10.1.0.81", "10.1.0.82", "10.1.0.83"],
    ]);
  });

  test("once there are enough, only those", () => {
    const many = Array.from({ length: 9 }, (_, at) => ({ address: `10.1.0.${at + 50}`, mac: `m${at}` }));
    const found = ["10.1.0.51", "10.1.0.53", "10.1.0.55"];
    expect(toAsk(many, { ...nobody, mac: "gw", found })).toEqual(found);
  });
});

describe("where the bond goes when its member is deaf", () => {
  const policy = { mode: "switch", sinceMoveMs: 60_000, everyMs: 60_000 } as const;
  it.each<[string, readonly string[], Parameters<typeof nextMember>[1], object]>([
    ["to the one that is fit", ["em2"], policy, { move: "em2" }],
    ["nowhere by default", ["em2"], { ...policy, mode: "alert" }, { stay: "alert" }],
    ["nowhere if no other is fit", [], policy, { stay: "no-standby" }],
    ["nowhere within a minute of the last move", ["em2"], { ...policy, sinceMoveMs: 59_999 }, { stay: "too-soon" }],
  ])("%s", (_, fit, how, expected) => expect(nextMember(fit, how)).toEqual(expected));
});

test("four losses of carrier in half a minute are flapping, and their moves are told together", () => {
  const flaps = new Flaps();
  for (const at of [10_000, 15_000, 20_000]) flaps.lost("em1", at);
  expect(flaps.flaps("em1", 20_000)).toBe(false);
  flaps.lost("em1", 30_000);
  expect([flaps.flaps("em1", 30_000), flaps.flaps("em2", 30_000), flaps.flaps("em1", 50_000)]).toEqual([
    true,
    false,
    false,
  ]);
  expect([
    flaps.moved(false, 30_000),
    flaps.moved(true, 31_000),
    flaps.moved(true, 32_000),
    flaps.moved(true, 40_000),
  ]).toEqual([1, 0, 0, 3]);
  expect([flaps.moved(true, 41_000), flaps.restIn(41_000), flaps.rest(50_000), flaps.rest(51_000)]).toEqual([
    0, 9_000, 1, 0,
  ]);
});
