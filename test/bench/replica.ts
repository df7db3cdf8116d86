import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Client, createClient, Transaction, type Uuid } from "node-ovsdb";
import { TestOvs } from "../integration/ovs/server.ts";
import { Follower } from "../lab/follower.ts";
import type { Bench } from "./figure.ts";
import { queues } from "./queues.ts";

const ROWS = 10_000;
const UPDATES = 10_000;

/** What it costs to hold a copy of a database: both follow one ovsdb-server, each alone, in turns. */
export const replica: Bench = {
  name: "replica",
  about: `processor time for the content of ${ROWS} rows and then ${UPDATES} updates, against python3-openvswitch`,
  rounds: 5,
  async run(rounds, tick) {
    const ovs = await TestOvs.create();
    const client = createClient({ address: { path: ovs.socket }, requestTimeoutMs: 60_000, inactivityMs: 0 });
    try {
      await ovs.start();
      await client.connect();
      const rows = await fill(client);
      const schema = join(ovs.folder, "schema.json");
      await writeFile(schema, JSON.stringify(await client.request("get_schema", ["Open_vSwitch"])));
      const start = { ours: () => followOurs(ovs.socket), theirs: () => followTheirs(ovs.socket, schema) };
      const content = pair();
      const tens = pair();
      const singles = pair();
      for (let round = 0; round < rounds; round += 1) {
        for (const side of ["ours", "theirs"] as const) {
          using follower = await start[side]();
          const first = cpuOf(await follower.first);
          const second = await followed(follower, client, rows, { perTransaction: 10, marker: `${side}${round}/10` });
          const third = await followed(follower, client, rows, { perTransaction: 1, marker: `${side}${round}/1` });
          content[side].push(first);
          tens[side].push(second - first);
          singles[side].push(third - second);
        }
        tick();
      }
      const common = { unit: "ms", peer: "python3-openvswitch", goal: 0.2 } as const;
      return [
        { figure: `content of ${ROWS} rows`, ...common, ...content },
        { figure: `${UPDATES} updates, ten rows a transaction`, ...common, ...tens },
        { figure: `${UPDATES} updates, one row a transaction`, ...common, ...singles },
      ];
    } finally {
      client.close();
      await ovs.dispose();
    }
  },
};

const pair = (): { readonly ours: number[]; readonly theirs: number[] } => ({ ours: [], theirs: [] });

async function followOurs(socket: string): Promise<Follower> {
  return new Follower([process.execPath, fileURLToPath(import.meta.resolve("./follow.ts")), socket]);
}

async function followTheirs(socket: string, schema: string): Promise<Follower> {
  const tables: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
    Object.entries(queues.tables).map(([table, columns]) => [table, Object.keys(columns)]),
  );
  return await Follower.python(`unix:${socket}`, schema, tables);
}

function cpuOf(answer: unknown): number {
  return (answer as { readonly cpuMs: number }).cpuMs;
}

async function fill(client: Client): Promise<readonly Uuid[]> {
  const rows: Uuid[] = [];
  while (rows.length < ROWS) {
    const tx = new Transaction(queues);
    const named = Array.from({ length: 1000 }, (_, index) => tx.insert("Queue", values(rows.length + index, "0")));
    const result = await client.transact(tx);
    rows.push(...named.map((name) => result.uuidOf(name)));
  }
  return rows;
}

/** A row with about as much in it as one of the table Interface. */
function values(number: number, version: string) {
  const id = `3f2c8a4e-0a51-4c52-9a37-${number.toString(16).padStart(12, "0")}`;
  return {
    dscp: number % 64,
    external_ids: { "attached-mac": "fa:16:3e:4c:8f:11", "iface-id": id, "iface-status": "active", version },
    other_config: { "min-rate": "100000", "max-rate": "10000000" },
  };
}

/**
 * Changes one row after the other, and the marker with the last. One transaction at a time: to who falls behind, the server
 * tells several at once, and that would be less work. Resolves with the processor time that the follower has taken since its start.
 */
async function followed(
  follower: Follower,
  client: Client,
  rows: readonly Uuid[],
  { perTransaction, marker }: { readonly perTransaction: number; readonly marker: string },
): Promise<number> {
  const done = follower.ask(`marker ${marker}`);
  for (let from = 0; from < UPDATES; from += perTransaction) {
    const tx = new Transaction(queues);
    rows.slice(from, from + perTransaction).forEach((row, index) => {
      tx.update("Queue", row, values(from + index, marker));
    });
    if (from + perTransaction >= UPDATES) tx.setKeys("Open_vSwitch", "all", "external_ids", { marker });
    await client.transact(tx);
  }
  return cpuOf(await done);
}
