import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { type Client, OvsdbError } from "node-ovsdb";
import { type Actor, actors, type Followed, LOCK, MAX_PENDING } from "./actor.ts";
import { chosen, ModelServer } from "./server.ts";
import { CLIENTS, type Step, steps } from "./steps.ts";

/**
 * Whatever happens to connections, server and database while clients follow, lock and release: no two of them have a lock, in the
 * end each replica has what the server has, nothing waits for ever, and nothing is thrown but through a promise.
 */
export const clientProperty = fc.asyncProperty(steps, run);

async function run(script: readonly Step[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "dcl-clients-"));
  const server = new ModelServer();
  const thrown: unknown[] = [];
  const note = (error: unknown): void => void thrown.push(error);
  process.on("uncaughtException", note);
  process.on("unhandledRejection", note);
  let all: readonly Actor[] = [];
  const onOwned = (): void => {
    const owners = all.filter(({ lock }, client) => lock?.owned === true && server.isConnected(client));
    if (!server.stolen && owners.length > 1) note(new Error("two clients have the lock"));
  };
  try {
    for (let client = 0; client < CLIENTS; client += 1) await server.listen(join(folder, `${client}.sock`), client);
    all = await actors(folder, onOwned);
    for (const step of script) await take(step, server, all);
    await inTime("the end", settle(server, all));
    for (const { client, errors } of all) {
      client.close();
      for (const error of errors) assert(error instanceof OvsdbError && error.kind === "rpc", String(error));
    }
    // What is thrown outside of a promise may come a little later.
    for (let times = 0; times < 3; times += 1) await turn();
    assert.deepEqual([...server.violations, ...thrown.map(String)], []);
  } finally {
    for (const { client } of all) client.close();
    server.close();
    process.off("uncaughtException", note);
    process.off("unhandledRejection", note);
    await rm(folder, { recursive: true, force: true });
  }
}

async function take(step: Step, server: ModelServer, all: readonly Actor[]): Promise<void> {
  const actor = "client" in step ? all[step.client] : undefined;
  if (step.act === "write") server.write(step.id, step.row);
  else if (step.act === "stall") server.stall();
  else if (step.act === "resume") server.resume();
  else if (step.act === "leave") server.setAway(true);
  else if (step.act === "return") server.setAway(false);
  else if (step.act === "forget") server.forget();
  else if (step.act === "refuse") server.refusals += 1;
  else if (step.act === "cut") server.cut(step.client);
  else if (step.act === "turn") for (let times = step.times; times > 0; times -= 1) await turn();
  else if (step.act === "monitor" || step.act === "fragile") actor?.monitor(step.replica, step.act === "fragile");
  else if (step.act === "close") actor?.close(step.replica);
  else if (step.act === "where") actor?.where(step.replica, step.wanted);
  else if (step.act === "release") actor?.release();
  else if (step.act === "garble") actor?.garble();
  else actor?.acquire(step.act === "steal");
}

/** All is well again with the server: what was asked for ends, and everybody has what the server has. */
async function settle(server: ModelServer, all: readonly Actor[]): Promise<void> {
  server.setAway(false);
  server.refusals = 0;
  server.resume();
  for (const { client, outcomes } of all) {
    await client.connected();
    await Promise.all(outcomes);
  }
  for (const [index, { client, replicas }] of all.entries()) {
    for (const [place, followed] of replicas.entries()) {
      if (followed === undefined || followed === "asked") continue;
      const { replica } = followed;
      const same = replica.changeWhere({ T: [["name", "==", "a"]] }).then(() => compare(followed, server));
      // It may have closed itself meanwhile.
      await same.catch((error: unknown) => assert(replicas[place] !== followed, error as Error));
    }
    await caughtUp(client);
    // Nothing is followed that nobody asked for, or that has been closed.
    assert.equal(server.monitorsOf(index), replicas.filter((followed) => followed !== undefined).length);
    // As many as may wait: an entry that was left behind would make the last one too many.
    await Promise.all(Array.from({ length: MAX_PENDING }, () => client.request("echo", [])));
  }
  const owners = all.flatMap(({ lock }, client) => (lock?.owned === true ? [client] : []));
  const owner = server.ownerOf(LOCK);
  assert.deepEqual(owners, owner === undefined ? [] : [owner]);
}

function compare({ replica, shadow }: Followed, server: ModelServer): void {
  const truth = chosen(server.rows, [["name", "==", "a"]]);
  const plain = [...replica.rows("T")].map(([id, { name, n }]) => [id, { name, n }] as const);
  assert(replica.synced);
  assert.deepEqual(new Map(plain), new Map(truth));
  assert.equal(replica.findAll("T", { name: "a" }).length, truth.size);
  assert.deepEqual(shadow, new Map(replica.rows("T")));
}

/** What the client has asked by itself has been answered. */
async function caughtUp(client: Client): Promise<void> {
  for (;;) {
    const answered = await client.request("echo", []).then(
      () => true,
      (error: OvsdbError) => assert(error.kind === "overloaded" || error.kind === "disconnected", error),
    );
    if (answered === true) return;
    await turn();
  }
}

async function inTime(what: string, work: Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} does not come`)), 10_000);
  await Promise.race([work, promise]).finally(() => clearTimeout(timer));
}
