import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Client,
  type Column,
  createClient,
  defineDatabase,
  integer,
  map,
  type OvsdbError,
  optional,
  type Replica,
  set,
  string,
  Transaction,
  uuid,
} from "node-ovsdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Random } from "../../fault/random.ts";
import { Follower } from "../../lab/follower.ts";
import { quick } from "./helpers.ts";
import { TestOvs } from "./server.ts";

const vswitch = defineDatabase("Open_vSwitch", {
  Open_vSwitch: { next_cfg: integer(), bridges: set(uuid()), external_ids: map() },
  Bridge: {
    name: string(),
    ports: set(uuid()),
    fail_mode: optional(string()),
    flood_vlans: set(integer()),
    other_config: map(),
  },
  Port: {
    name: string(),
    interfaces: set(uuid()),
    tag: optional(integer()),
    trunks: set(integer()),
    qos: optional(uuid()),
  },
  Interface: { name: string(), type: string(), options: map(), external_ids: map() },
  QoS: { type: string(), queues: map(integer(), uuid()), other_config: map() },
  Queue: { dscp: optional(integer()), other_config: map() },
});
type Vswitch = typeof vswitch;

const tables: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(vswitch.tables).map(([table, columns]) => [table, Object.keys(columns)]),
);

let ovs: TestOvs;
let client: Client;

beforeEach(async () => {
  ovs = await TestOvs.create();
  await ovs.start();
  client = createClient({ address: { path: ovs.socket }, ...quick });
  await client.connect();
});

afterEach(async () => {
  client.close();
  await ovs.dispose();
});

describe("the replica and Open vSwitch's own IDL for Python", () => {
  it("hold the same after any stream of transactions, also over a server that was killed", async () => {
    const schema = join(ovs.folder, "schema.json");
    await writeFile(schema, JSON.stringify(await client.request("get_schema", ["Open_vSwitch"])));
    using idl = await Follower.python(`unix:${ovs.socket}`, schema, tables);
    await idl.first;
    const replica = await client.monitor(vswitch);
    const random = new Random(4, "idl");
    let marker = 0;
    let committed = 0;
    const compare = async (): Promise<void> => {
      marker += 1;
      const tx = new Transaction(vswitch);
      tx.setKeys("Open_vSwitch", "all", "external_ids", { marker: String(marker) });
      await client.transact(tx);
      await idl.ask(`marker ${marker}`);
      expectSame(replica, await idl.ask("content"));
    };
    for (const restart of [false, false, true, false]) {
      if (restart) {
        await ovs.end("SIGKILL");
        await ovs.start();
        await replica.until((now) => now.synced);
      }
      for (let count = 0; count < 60; count += 1) {
        // Some break the rules of the schema, such as deleting what is referred to; the server refuses these as a whole.
        const refused = await client.transact(randomTransaction(replica, random)).then(
          () => undefined,
          (error: OvsdbError) => error.kind,
        );
        if (refused === undefined) committed += 1;
        else expect(refused).toBe("rejected");
      }
      await compare();
    }
    expect(committed).toBeGreaterThan(150);
    expect(replica.rows("Bridge").size).toBeGreaterThan(0);
    expect(replica.rows("Queue").size).toBeGreaterThan(0);
  });
});

/** Each column decoded and compared as the library does it: it must see no difference to what Python has. */
function expectSame(replica: Replica<Vswitch>, content: unknown): void {
  const theirs = content as Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;
  for (const table of Object.keys(vswitch.tables) as (keyof Vswitch["tables"])[]) {
    const rows: ReadonlyMap<string, Readonly<Record<string, unknown>>> = replica.rows(table);
    expect([...rows.keys()].toSorted()).toEqual(Object.keys(theirs[table] ?? {}).toSorted());
    const columns: Readonly<Record<string, Column<unknown>>> = vswitch.tables[table];
    for (const [id, row] of rows) {
      for (const [name, column] of Object.entries(columns)) {
        const wire = theirs[table]?.[id]?.[name];
        const same = column.equals(column.decode(wire), row[name]);
        assert(same, `${table} ${id} ${name}: ${String(row[name])} is not ${JSON.stringify(wire)}`);
      }
    }
  }
}

/** Something that a switch's database could see: rows that come, change in each kind of column, and go. */
function randomTransaction(replica: Replica<Vswitch>, random: Random): Transaction<Vswitch> {
  const tx = new Transaction(vswitch);
  const some = <T>(items: readonly T[]): T[] => items.filter(() => random.chance(0.5));
  const maybe = <T>(items: readonly T[]): T | undefined => (random.chance(0.5) ? some(items)[0] : undefined);
  const keys = () => Object.fromEntries(some(["a", "b", "é😀"]).map((key) => [key, String(random.between(0, 2))]));
  const queues = [...replica.rows("Queue").keys()];
  const all = [...replica.rows("QoS").keys()];
  const bridges = [...replica.rows("Bridge").keys()];
  const ports = [...replica.rows("Port").keys()];
  const acts: (() => void)[] = [
    () => tx.insert("Queue", { dscp: maybe([random.between(0, 63)]), other_config: keys() }),
    () =>
      tx.insert("QoS", {
        type: "linux-htb",
        queues: new Map(
          some(queues)
            .slice(0, 4)
            .map((id, index) => [index, id]),
        ),
      }),
    () => addBridge(tx, `br${random.between(0, 999_999)}`, random.between(0, 3)),
    ...(queues.length < 4
      ? []
      : [
          () => tx.update("Queue", random.pick(queues), { dscp: maybe([7]), other_config: keys() }),
          () =>
            tx.mergeKeys("Queue", random.pick(queues), "other_config", { a: random.chance(0.5) ? null : "z", c: "1" }),
        ]),
    ...(all.length < 4
      ? []
      : [
          () =>
            tx.update("QoS", random.pick(all), {
              queues: new Map(
                some(queues)
                  .slice(0, 3)
                  .map((id, index) => [2 * index, id]),
              ),
            }),
          () => tx.delete("QoS", random.pick(all)),
        ]),
    ...(bridges.length < 4
      ? []
      : [
          () =>
            tx.update("Bridge", random.pick(bridges), {
              flood_vlans: some([1, 2, 3, 4095]),
              fail_mode: maybe(["secure", "standalone"]),
            }),
          () => tx.removeFromSet("Open_vSwitch", "all", "bridges", [random.pick(bridges)]),
          () => tx.update("Port", random.pick(ports), { trunks: some([5, 6, 7, 8]), tag: maybe([1, 2]) }),
          () => tx.update("Port", random.pick(ports), { qos: maybe(all) }),
        ]),
  ];
  for (let count = random.between(1, 3); count > 0; count -= 1) random.pick(acts)();
  tx.increment("Open_vSwitch", "all", "next_cfg");
  return tx;
}

function addBridge(tx: Transaction<Vswitch>, name: string, count: number): void {
  const ports = Array.from({ length: count + 1 }, (_, index) => {
    const face = tx.insert("Interface", { name: `${name}p${index}`, type: "internal", options: { n: String(index) } });
    return tx.insert("Port", { name: `${name}p${index}`, interfaces: [face], trunks: [index] });
  });
  const bridge = tx.insert("Bridge", { name, ports, other_config: { made: "here" } });
  tx.addToSet("Open_vSwitch", "all", "bridges", [bridge]);
}
