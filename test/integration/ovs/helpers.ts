import type { Client, ClientState, OvsdbError, Replica, RowChange } from "node-ovsdb";
import { createClient, Transaction, type TransactResult } from "node-ovsdb";
import { vswitch } from "../../unit/ovs/tables.ts";

export type Vswitch = typeof vswitch;

/** Short waits, so that the tests are quick; every one of them is a setting. */
export const quick = { requestTimeoutMs: 10_000, inactivityMs: 0, reconnect: { minMs: 5, maxMs: 20 } };

/** What a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<OvsdbError> {
  const outcome = await promise.then(
    () => undefined,
    (error: OvsdbError) => error,
  );
  if (outcome === undefined) throw new Error("it was not rejected");
  return outcome;
}

/** Waits until the client is in a state. */
export async function reached(client: Client, state: ClientState["state"]): Promise<ClientState> {
  const { promise, resolve } = Promise.withResolvers<ClientState>();
  const remove = client.onState((now) => {
    if (now.state === state) resolve(now);
  });
  if (client.state.state === state) resolve(client.state);
  return promise.finally(remove);
}

/** Waits until a replica is in sync, or out of it. */
export async function synced(replica: Pick<Replica<Vswitch>, "synced" | "onSynced">, value: boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const remove = replica.onSynced((now) => {
    if (now === value) resolve();
  });
  if (replica.synced === value) resolve();
  return promise.finally(remove);
}

/** Builds and carries out a transaction. */
export function write(client: Client, build: (tx: Transaction<Vswitch>) => void): Promise<TransactResult> {
  const tx = new Transaction(vswitch);
  build(tx);
  return client.transact(tx);
}

/** Adds a bridge with its local port, as ovs-vsctl would. */
export function addBridge(tx: Transaction<Vswitch>, name: string): void {
  const face = tx.insert("Interface", { name, type: "internal" });
  const port = tx.insert("Port", { name, interfaces: [face] });
  const bridge = tx.insert("Bridge", { name, ports: [port], datapath_type: "dummy" });
  tx.addToSet("Open_vSwitch", "all", "bridges", [bridge], { expect: 1 });
}

/** Takes a bridge out; its ports vanish with it. */
export function removeBridge(tx: Transaction<Vswitch>, replica: Replica<Vswitch>, name: string): void {
  const bridge = replica.find("Bridge", { name });
  if (bridge === undefined) throw new Error(`there is no bridge ${name}`);
  tx.removeFromSet("Open_vSwitch", "all", "bridges", [bridge._uuid], { expect: 1 });
}

/** `+Bridge br0`, `-Bridge br0`, `~Bridge br0`, sorted. */
export function brief(changes: readonly RowChange<Vswitch>[]): string[] {
  return changes
    .map((change) => {
      const sign = change.before === undefined ? "+" : change.after === undefined ? "-" : "~";
      const row = change.after ?? change.before;
      return `${sign}${change.table}${row !== undefined && "name" in row ? ` ${row.name}` : ""}`;
    })
    .toSorted();
}

/** A client like another process: it comes, does something through `path`, and goes. */
export async function elsewhere(
  path: string,
  act: (other: Client, replica: Replica<Vswitch>) => Promise<void>,
): Promise<void> {
  const other = createClient({ address: { path }, ...quick });
  try {
    await other.connect();
    await act(other, await other.monitor(vswitch));
  } finally {
    other.close();
  }
}

/** Collects each batch of changes, as the subscriber gets it. */
export function record(replica: Replica<Vswitch>): string[][] {
  const batches: string[][] = [];
  replica.subscribe((changes) => batches.push(brief(changes)));
  return batches;
}
