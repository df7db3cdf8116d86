import { Socket } from "node:net";
import { OvsdbError } from "node-ovsdb";
import { describe, expect, it } from "vitest";
import { Connection } from "../../../ovs/src/connection.ts";

const limits = {
  requestTimeoutMs: Infinity,
  inactivityMs: 0,
  maxFrameBytes: 1000,
  maxDepth: 10,
  maxPending: 10,
  maxOutboundBytes: 1000,
};

describe("a connection that ends", () => {
  it("tells its owner, even if somebody who waits for an answer throws", () => {
    const ends: OvsdbError[] = [];
    const wire = { socket: new Socket(), listen: () => undefined };
    const handlers = { onNotification: () => undefined, onHeard: () => undefined };
    const connection = new Connection(wire, { path: "/nowhere" }, limits, {
      ...handlers,
      onEnd: (error) => ends.push(error),
    });
    connection.call("list_dbs", [], undefined, () => {
      throw new Error("mine");
    });
    const cause = new OvsdbError("disconnected", "gone");
    expect(() => connection.end(cause)).toThrow("mine");
    expect(ends).toEqual([cause]);
  });
});
