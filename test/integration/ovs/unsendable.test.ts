import { type Client, createClient, defineDatabase, string } from "node-ovsdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { quick, rejection, synced } from "./helpers.ts";
import { TestOvs } from "./server.ts";

/** A column of somebody's own that checks nothing. */
const anything = { ...string(), encode: (value: string) => value };
const unchecked = defineDatabase("Open_vSwitch", { Port: { name: anything } });
const where = { Port: [["name", "==", "a\0b"] as const] };

let ovs: TestOvs;
let client: Client;
const losses: unknown[] = [];

beforeEach(async () => {
  ovs = await TestOvs.create();
  await ovs.start();
  losses.length = 0;
  client = createClient({ address: { path: ovs.socket }, ...quick, onError: (error) => losses.push(error) });
  await client.connect();
  client.onState((state) => losses.push(state));
});

afterEach(async () => {
  expect(losses).toEqual([]);
  client.close();
  await ovs.dispose();
});

describe("text that the server's parser does not take", () => {
  it.each([["a\0b"], ["half \ud83d"], ["other half \ude00"], ["\\\0"], ["\\\\\ud800"]])(
    "is refused: %j",
    async (text) => {
      const values = [text, { [text]: 1 }];
      for (const value of values) {
        const error = await rejection(client.request("echo", [value]));
        expect(error).toMatchObject({ kind: "bad-value", sent: false });
        expect(error.message).toMatch(/^echo: not sent: .*NUL/);
      }
    },
  );

  it.each([["\\u0000"], ["\\\\ud83d"], ["C:\\udp"], ["😀"], ["\u0001"]])("is not %j", async (text) => {
    expect(await client.request("echo", [text, { [text]: 1 }])).toEqual([text, { [text]: 1 }]);
  });

  it("is no lock's name", async () => {
    expect(await rejection(client.lock("a\0b"))).toMatchObject({ kind: "bad-value" });
    await (await client.lock("ab")).release();
  });

  it.each(["monitor_cond_since", "monitor_cond"] as const)("selects no rows of %s", async (method) => {
    expect(await rejection(client.monitor(unchecked, undefined, { method, where }))).toMatchObject({
      kind: "bad-value",
    });
    const replica = await client.monitor(unchecked, undefined, { method });
    expect(await rejection(replica.changeWhere(where))).toMatchObject({ kind: "bad-value" });
    await replica.changeWhere({ Port: "none" });
    expect(replica.synced).toBe(true);
  });
});

it("wanted while there is no connection, it is refused with the next one, which goes on with what was agreed", async () => {
  const replica = await client.monitor(unchecked);
  const lost = synced(replica, false);
  await ovs.end();
  await lost;
  const refused = rejection(replica.changeWhere(where));
  await ovs.start();
  expect(await refused).toMatchObject({ kind: "bad-value" });
  await replica.until(() => true);
  expect(losses.splice(0)).toContainEqual(expect.objectContaining({ kind: "bad-value" }));
});
