import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { judgeArrivals, type MemberArrivals } from "../../../agent/network/legs/arrivals.ts";
import { legProblems, legsOf } from "../../../agent/network/legs/legs.ts";
import { type Neighbor, parseNeighbors } from "../../../agent/network/legs/neighbors.ts";
import type { Tag } from "../../../agent/network/legs/ports.ts";
import { pcapReader } from "../../../agent/system/sniffer.ts";
import { exampleNetwork } from "./example.ts";

const answer = readFileSync(join(import.meta.dirname, "../../cases/lldp/switch-with-vlans.json"), "utf8");

describe("what lldpd prints", () => {
  test("is read: switch, port, VLANs and the largest frame", () => {
    expect(parseNeighbors(answer)).toEqual([
      {
        device: "em1",
        chassis: "02:00:00:00:00:01",
        name: "leaf-a1.dc1",
        port: "Ethernet1/7",
        portText: "to cmp07 em1",
        vlans: [
          { id: 1, name: "default", native: true },
          { id: 100, name: "management", native: false },
          { id: 110, name: "developers", native: false },
        ],
        frame: 9216,
      },
    ]);
  });

  test("may be that nobody was heard", () => {
    expect(parseNeighbors('{"lldp":[{}]}')).toEqual([]);
    expect(parseNeighbors("{}")).toEqual([]);
  });

  test("that is no JSON is told as such", () => {
    expect(() => parseNeighbors("lldpcli: oops")).toThrow(expect.objectContaining({ code: "E_LLDP_ANSWER" }));
  });

  test("is what strangers say: controls are taken out, texts cut, and their number bounded", () => {
    const name = `\u001b[31mevil\n\u202e${"x".repeat(500)}`;
    const entry = {
      name: "em1",
      chassis: [{ id: [{ value: "c" }], name: [{ value: name }] }],
      port: [{ id: [{ value: "p" }] }],
    };
    const read = parseNeighbors(JSON.stringify({ lldp: [{ interface: Array.from({ length: 1000 }, () => entry) }] }));
    expect(read).toHaveLength(64);
    expect(read[0]?.name).toBe(`[31mevil ${"x".repeat(111)}`);
  });

  test.each([[null], [[]], [{ lldp: 1 }], [{ lldp: [{ interface: [null, 1, { name: "em1" }, { chassis: [] }] }] }]])(
    "of another form has no neighbour in it: %j",
    (document) => expect(parseNeighbors(JSON.stringify(document))).toEqual([]),
  );
});

describe("the legs", () => {
  const network = exampleNetwork();
  const heard = (device: string, name: string, chassis = name): Neighbor => ({
    device,
    name,
    chassis,
    port: "1",
    vlans: [],
  });
  const problemsOf = (...neighbors: readonly Neighbor[]) =>
    legProblems(
      network,
      legsOf(network.bond.members, (nic) => nic, { state: "told", neighbors }),
    );

  test("on a switch of each fabric are sound, whatever the switches are called", () => {
    expect(problemsOf(heard("em1", "leaf-a1"), heard("em2", "leaf-b1"))).toEqual([]);
    expect(problemsOf(heard("em1", "tor17"), heard("em2", "tor18"))).toEqual([]);
    expect(problemsOf(heard("em1", "row-b-leaf-a"), heard("em2", "row-b-leaf-b"))).toEqual([]);
    expect(problemsOf()).toEqual([]);
  });

  test("on one switch are told, by the chassis and not by a name that two may share", () => {
    expect(problemsOf(heard("em1", "tor17"), heard("em2", "tor17"))).toMatchObject([{ code: "E_LEGS_ONE_SWITCH" }]);
    expect(problemsOf(heard("em1", "switch", "02:01"), heard("em2", "switch", "02:02"))).toEqual([]);
  });

  test("that are swapped are told for each of them", () => {
    expect(problemsOf(heard("em1", "leaf-b1"), heard("em2", "leaf-a1"))).toMatchObject([
      { code: "E_LEGS_CROSSED", path: "network.nics.em1.fabric" },
      { code: "E_LEGS_CROSSED", path: "network.nics.em2.fabric" },
    ]);
  });

  test("of one fabric by the configuration's own word are told without any switch", () => {
    const one = { ...network, nics: { em1: { fabric: "A" }, em2: { fabric: "A" } } };
    expect(legProblems(one, { state: "unknown", why: "lldpd is not installed" })).toMatchObject([
      { code: "E_LEGS_ONE_FABRIC" },
    ]);
  });
});

describe("the VLANs that arrive", () => {
  const member = (nic: string, active: boolean, frames: readonly (readonly [Tag, number])[]): MemberArrivals => ({
    nic,
    active,
    carrier: true,
    frames: new Map(frames),
  });
  const judge = (
    em1: readonly (readonly [Tag, number])[],
    em2: readonly (readonly [Tag, number])[],
    answered: number[] = [],
  ) =>
    judgeArrivals(
      { v: 110 },
      { listened: 5, members: [member("em1", true, em1), member("em2", false, em2)], answered: new Set(answered) },
    );
  const codes = (verdict: ReturnType<typeof judge>) => verdict.problems.map(({ code }) => code);

  test.each([
    ["on both", [[110, 5]], [[110, 5]], [], "yes", "yes", []],
    ["on neither: not known", [], [], [], "quiet", "quiet", []],
    ["on the active one alone", [[110, 5]], [], [], "yes", "no", ["E_LEGS_VLAN_MISSING"]],
    ["once on the active one: it may have been under way at the end", [[110, 1]], [], [], "yes", "quiet", []],
    ["on the standby alone: they may be this host's own", [], [[110, 5]], [], "quiet", "yes", []],
    ["as an answer over the active one alone", [], [], [110], "yes", "no", ["E_LEGS_VLAN_MISSING"]],
  ] as const)("%s", (_, em1, em2, answered, active, standby, expected) => {
    const verdict = judge(em1, em2, [...answered]);
    expect(verdict.vlans).toEqual([{ name: "v", vlan: 110, arrives: { em1: active, em2: standby } }]);
    expect(codes(verdict)).toEqual(expected);
  });

  test("untagged on both are the business of the switches, and on one a difference", () => {
    expect(codes(judge([["untagged", 2]], [["untagged", 9]]))).toEqual([]);
    expect(codes(judge([["untagged", 2]], []))).toEqual(["E_LEGS_NATIVE_VLAN"]);
  });

  test("that nobody configured are named", () => {
    expect(
      judge(
        [
          [7, 1],
          [300, 1],
        ],
        [],
      ).others,
    ).toEqual([7, 300]);
  });
});

test("tcpdump's frames are read in whatever pieces they come, in both byte orders", () => {
  for (const order of ["LE", "BE"] as const) {
    const file = pcap(order, ["8100 0064", "8100 2078", "8100 0000", "0806 0001", "8100 0064"]);
    for (const size of [1, 7, 24, 1000]) {
      const tags: Tag[] = [];
      const take = pcapReader((tag) => tags.push(tag));
      for (let at = 0; at < file.length; at += size) take(file.subarray(at, at + size));
      expect(tags).toEqual([100, 120, "untagged", "untagged", 100]);
    }
  }
});

function pcap(order: "LE" | "BE", types: readonly string[]): Buffer {
  const words = (...values: readonly number[]): Buffer => {
    const buffer = Buffer.alloc(4 * values.length);
    for (const [at, value] of values.entries()) buffer[`writeUInt32${order}`](value, 4 * at);
    return buffer;
  };
  const frames = types.map((type) =>
    Buffer.from(`ffffffffffff020000000001${type.replace(" ", "")}0000`.slice(0, 36), "hex"),
  );
  return Buffer.concat([
    words(0xa1b2c3d4, 0, 0, 0, 18, 1),
    ...frames.flatMap((frame) => [words(1, 2, frame.length, 60), frame]),
  ]);
}
