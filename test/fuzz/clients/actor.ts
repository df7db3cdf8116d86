import assert from "node:assert/strict";
import {
  type Client,
  createClient,
  defineDatabase,
  integer,
  type Json,
  type Lock,
  OvsdbError,
  type Replica,
  string,
} from "node-ovsdb";
import { CLIENTS, REPLICAS, type Wanted } from "./steps.ts";

const database = defineDatabase("D", { T: { name: string(), n: integer() } }, { indexes: { T: [["name"]] } });
export const LOCK = "agent";
/** Fewer than a client may have registrations and requests at once. */
export const MAX_PENDING = 3;

export interface Followed {
  readonly replica: Replica<typeof database>;
  /** What somebody has who knows only the changes. */
  readonly shadow: Map<string, unknown>;
}

const conditions = { all: "all", none: "none", a: [["name", "==", "a"]], b: [["name", "==", "b"]] } as const;

/** A client, what it was asked to do, and what is known of how that ended. */
export class Actor {
  readonly client: Client;
  readonly errors: unknown[] = [];
  /** Everything that was asked for, each with how it ended. */
  readonly outcomes: Promise<unknown>[] = [];
  readonly replicas: (Followed | "asked" | undefined)[] = Array.from({ length: REPLICAS }, () => undefined);
  lock: Lock | undefined;
  #giveUp: AbortController | undefined;
  readonly #onOwned: () => void;

  constructor(path: string, onOwned: () => void) {
    this.#onOwned = onOwned;
    this.client = createClient({
      address: { path },
      reconnect: { minMs: 1, maxMs: 2 },
      inactivityMs: 0,
      requestTimeoutMs: Infinity,
      maxPending: MAX_PENDING,
      databaseChangeAware: true,
      onError: (error) => this.errors.push(error),
    });
  }

  /** @param fragile the replica is closed as soon as it is out of step, by a listener of its own */
  monitor(index: number, fragile: boolean): void {
    if (this.replicas[index] !== undefined) return;
    this.replicas[index] = "asked";
    const asked = this.client.monitor(database).then(
      (replica) => {
        const shadow = new Map<string, unknown>(replica.rows("T"));
        replica.subscribe((changes) => {
          for (const { uuid, before, after } of changes) {
            assert.deepEqual(shadow.get(uuid), before);
            if (after === undefined) shadow.delete(uuid);
            else shadow.set(uuid, after);
          }
        });
        this.replicas[index] = { replica, shadow };
        if (fragile) replica.onSynced((synced) => (synced ? undefined : this.close(index)));
      },
      (error: unknown) => {
        this.replicas[index] = undefined;
        throw error;
      },
    );
    this.#expect(asked, ["rpc", "overloaded"]);
  }

  close(index: number): void {
    const followed = this.replicas[index];
    if (followed === undefined || followed === "asked") return;
    this.replicas[index] = undefined;
    followed.replica.close();
  }

  where(index: number, wanted: Wanted): void {
    const followed = this.replicas[index];
    if (followed === undefined || followed === "asked") return;
    this.#expect(followed.replica.changeWhere({ T: conditions[wanted] }), ["rpc", "closed"]);
  }

  /** Asks for the lock, unless it has asked already. */
  acquire(steal: boolean): void {
    if (this.#giveUp !== undefined) return;
    const giveUp = new AbortController();
    this.#giveUp = giveUp;
    const asked = this.client.lock(LOCK, giveUp.signal, { steal, wait: false }).then(
      (lock) => {
        this.lock = lock;
        lock.onChange(this.#onOwned);
        this.#onOwned();
      },
      (error: unknown) => {
        this.#giveUp = undefined;
        if (error !== giveUp.signal.reason) throw error;
      },
    );
    this.#expect(asked, ["overloaded"]);
  }

  /** Gives the lock back, or leaves the queue. */
  release(): void {
    const { lock } = this;
    if (lock === undefined) {
      this.#giveUp?.abort(new Error("enough"));
      return;
    }
    this.lock = undefined;
    this.#giveUp = undefined;
    this.#expect(lock.release(), []);
  }

  garble(): void {
    const number: unknown = 1n;
    this.#expect(this.client.request("echo", [number as Json]), ["usage", "disconnected", "overloaded"]);
  }

  #expect(asked: Promise<unknown>, kinds: readonly string[]): void {
    const outcome = asked.catch((error: unknown) => {
      assert(error instanceof OvsdbError, String(error));
      assert(kinds.includes(error.kind), `${error.kind}: ${error.message}`);
    });
    // Looked at in the end; until then it is no rejection that nobody handles.
    outcome.catch(() => undefined);
    this.outcomes.push(outcome);
  }
}

export async function actors(folder: string, onOwned: () => void): Promise<readonly Actor[]> {
  const all = Array.from({ length: CLIENTS }, (_, index) => new Actor(`${folder}/${index}.sock`, onOwned));
  await Promise.all(all.map(({ client }) => client.connect()));
  return all;
}
