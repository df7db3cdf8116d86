import { isUuid, type Where } from "node-ovsdb";
import { describe, expect, it } from "vitest";
import { encodeWhere } from "../../../ovs/src/condition.ts";
import { vswitch } from "./tables.ts";

const selection = { Bridge: ["name"], Port: ["name"] };
const id = "00000000-0000-4000-8000-000000000001";

describe("conditions", () => {
  it("are written as the protocol has them", () => {
    if (!isUuid(id)) throw new Error("not a UUID");
    const where: Where<typeof vswitch> = {
      Bridge: [
        ["name", "==", "br0"],
        ["fail_mode", "!=", undefined],
        ["external_ids", "includes", { owner: "me" }],
        ["ports", "excludes", [id]],
        ["_uuid", "==", id],
      ],
      Port: [["tag", "<=", 5]],
    };
    expect(encodeWhere(vswitch, selection, where)).toEqual({
      Bridge: [
        ["name", "==", "br0"],
        ["fail_mode", "!=", ["set", []]],
        ["external_ids", "includes", ["map", [["owner", "me"]]]],
        ["ports", "excludes", ["set", [["uuid", id]]]],
        ["_uuid", "==", ["uuid", id]],
      ],
      Port: [["tag", "<=", 5]],
    });
    expect(encodeWhere(vswitch, selection, { Bridge: "all", Port: "none" })).toEqual({ Bridge: [true], Port: [false] });
  });

  it("are typed by their columns", () => {
    // @ts-expect-error: a name is text
    const number: Where<typeof vswitch> = { Bridge: [["name", "==", 5]] };
    // @ts-expect-error: text has no order
    const order: Where<typeof vswitch> = { Bridge: [["name", "<", "br0"]] };
    // @ts-expect-error: there is no such column
    const column: Where<typeof vswitch> = { Bridge: [["nope", "==", "br0"]] };
    expect(() => encodeWhere(vswitch, selection, number)).toThrow(expect.objectContaining({ kind: "bad-value" }));
    expect(() => encodeWhere(vswitch, selection, column)).toThrow(expect.objectContaining({ kind: "usage" }));
    expect(order).toBeDefined();
  });

  it.each<[string, object]>([
    ["a table that is not monitored", { Interface: "all" }],
    ["no condition at all, which could mean every row or none", { Bridge: [] }],
    ["a word that is neither", { Bridge: "some" }],
    ["a function that is none", { Bridge: [["name", "=", "br0"]] }],
    ["half a condition", { Bridge: [["name", "=="]] }],
  ])("are refused for %s", (_, where) => {
    expect(() => encodeWhere(vswitch, selection, where)).toThrow(expect.objectContaining({ kind: "usage" }));
  });
});
