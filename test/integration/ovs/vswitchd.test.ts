import { type Client, createClient, type Replica, Transaction } from "node-ovsdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { vswitch } from "../../unit/ovs/tables.ts";
import { addBridge, brief, quick, rejection, type Vswitch } from "./helpers.ts";
import { TestOvs } from "./server.ts";

let ovs: TestOvs;
let client: Client;
let replica: Replica<Vswitch>;

/** Asks for a new configuration and returns its number, which vswitchd copies to cur_cfg when it has applied it. */
async function bump(build: (tx: Transaction<Vswitch>) => void): Promise<number> {
  const tx = new Transaction(vswitch);
  build(tx);
  tx.increment("Open_vSwitch", "all", "next_cfg", 1, { expect: 1 });
  const ref = tx.select("Open_vSwitch", "all", ["next_cfg"]);
  const [row] = (await client.transact(tx)).rows(ref);
  if (row === undefined) throw new Error("there is no Open_vSwitch row");
  return row.next_cfg;
}

function applied(next: number, timeoutMs?: number): Promise<void> {
  const isApplied = (now: Replica<Vswitch>): boolean =>
    [...now.rows("Open_vSwitch").values()].some(({ cur_cfg }) => cur_cfg >= next);
  return replica.until(isApplied, undefined, timeoutMs);
}

beforeEach(async () => {
  ovs = await TestOvs.create();
  await ovs.start();
  await ovs.startVswitchd();
  client = createClient({ address: { path: ovs.socket }, ...quick });
  await client.connect();
  replica = await client.monitor(vswitch);
});

afterEach(async () => {
  client.close();
  await ovs.dispose();
});

describe("with ovs-vswitchd", () => {
  it("a bridge is applied when cur_cfg has caught up, and only then has its port a number", async () => {
    await applied(await bump((tx) => addBridge(tx, "br0")));
    expect(replica.find("Interface", { name: "br0" })).toMatchObject({ ofport: 65534, error: undefined });
  });

  it("a device that cannot be opened says so in its row", async () => {
    await applied(await bump((tx) => addBridge(tx, "br0")));
    const next = await bump((tx) => {
      const face = tx.insert("Interface", { name: "bad0", type: "no-such-type" });
      const port = tx.insert("Port", { name: "bad0", interfaces: [face] });
      tx.addToSet("Bridge", { name: "br0" }, "ports", [port], { expect: 1 });
    });
    await applied(next);
    const row = replica.find("Interface", { name: "bad0" });
    expect(row?.ofport).toBe(-1);
    expect(row?.error).toMatch(/could not open network device bad0/);
  });

  it("a hung vswitchd leaves the transaction committed and cur_cfg behind, until it goes on", async () => {
    await applied(await bump(() => undefined));
    ovs.pause("vswitchd");
    const next = await bump((tx) => addBridge(tx, "br0"));
    expect(await rejection(applied(next, 100))).toMatchObject({ kind: "timeout" });
    expect(replica.find("Bridge", { name: "br0" })).toBeDefined();
    expect(replica.find("Interface", { name: "br0" })?.ofport).toBeUndefined();
    ovs.resume("vswitchd");
    await applied(next);
    expect(replica.find("Interface", { name: "br0" })?.ofport).toBe(65534);
  });

  it("the same configuration again changes next_cfg and cur_cfg and nothing else", async () => {
    await applied(await bump((tx) => addBridge(tx, "br0")));
    const batches: string[][] = [];
    const bridges = new Map(replica.rows("Bridge"));
    const ports = new Map(replica.rows("Port"));
    replica.subscribe((changes) => batches.push(brief(changes)));
    await applied(
      await bump((tx) => {
        tx.update("Bridge", { name: "br0" }, { datapath_type: "dummy" }, { expect: 1 });
        tx.setKeys("Bridge", { name: "br0" }, "external_ids", {});
      }),
    );
    expect(batches).toEqual([["~Open_vSwitch"], ["~Open_vSwitch"]]);
    expect(new Map(replica.rows("Bridge"))).toEqual(bridges);
    expect(new Map(replica.rows("Port"))).toEqual(ports);
  });

  it("a port's number survives a restart of the database server", async () => {
    await applied(await bump((tx) => addBridge(tx, "br0")));
    await ovs.end("SIGKILL");
    await ovs.start();
    await client.connected();
    await replica.until(() => true);
    await applied(await bump(() => undefined));
    expect(replica.find("Interface", { name: "br0" })?.ofport).toBe(65534);
  });
});
