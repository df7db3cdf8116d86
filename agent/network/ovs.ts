import { type Client, OvsdbError, type Replica } from "node-ovsdb";
import { AgentError, type Problem } from "../core/errors.ts";
import type { OvsObserved } from "./observed.ts";
import type { OvsPort } from "./ports.ts";
import { type OpenVswitchRow, type Vswitch, vswitch } from "./schema.ts";
import type { OvsStep } from "./steps.ts";
import { compile } from "./transaction.ts";

/**
 * The OVSDB lock of whoever writes this host's network: one daemon, one `network apply`, or a rollback that steals it. A lock's
 * name is an <id> (RFC 7047 section 3.1), which has no dashes.
 */
const LOCK = "devcloud_agent";

export interface OvsOptions {
  /** Where the database listens, for people. */
  readonly socket: string;
  /** How long ovs-vswitchd may take to apply a transaction, in milliseconds; asked at each one. */
  readonly applyTimeoutMs: () => number;
  /** How long the first look may take, with the connection that it needs, in milliseconds. */
  readonly openTimeoutMs: () => number;
  /** Looks for a second Open vSwitch on this host: a quick look before every write, a thorough one in between. */
  readonly second?: (thorough: boolean) => Promise<Problem | undefined>;
  /** Take the lock away from whoever has it: for rollbacks only. */
  readonly steal?: boolean;
}

/** Open vSwitch through its database: a replica to observe, guarded transactions to change it. */
export class Ovs implements OvsPort {
  readonly #client: Client;
  readonly #options: OvsOptions;
  #replica: Promise<Replica<Vswitch>> | undefined;
  #askedForLock = false;
  readonly #listeners = new Set<(ovs: OvsObserved) => void>();

  constructor(client: Client, options: OvsOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Connects meanwhile. Why it failed is told to whoever looks. */
  open(): void {
    this.#opened().catch(() => undefined);
  }

  /** Calls back after every change of a row that the replica follows. */
  onChange(listener: (ovs: OvsObserved) => void): void {
    this.#listeners.add(listener);
  }

  async observe(signal: AbortSignal): Promise<OvsObserved> {
    const replica = await this.#open(signal);
    if (!replica.synced)
      throw unreachable(`the connection to Open vSwitch's database on ${this.#options.socket} is lost`);
    return observed(replica);
  }

  async commit(
    steps: readonly OvsStep[],
    ovs: OvsObserved,
    signal: AbortSignal,
    onCommitted: () => void = () => undefined,
  ): Promise<void> {
    const replica = await this.#open(signal);
    const second = await this.#options.second?.(false);
    if (second !== undefined) throw new AgentError(second);
    // Not waited for: the server answers in turn, and the transaction itself asserts that the lock is ours.
    this.#askForLock();
    const applyTimeoutMs = this.#options.applyTimeoutMs();
    const tx = compile(steps, ovs, LOCK);
    tx.increment("Open_vSwitch", ovs.root._uuid, "next_cfg");
    const select = tx.select("Open_vSwitch", ovs.root._uuid, ["next_cfg"]);
    const result = await this.#client.transact(tx, { signal }).catch((error: unknown) => {
      signal.throwIfAborted();
      throw refused(error);
    });
    onCommitted();
    const wanted = result.rows(select)[0]?.next_cfg ?? ovs.root.next_cfg + 1;
    // vswitchd copies next_cfg to cur_cfg only after applying; the commit alone proves nothing.
    await replica
      .until(() => rootOf(replica).cur_cfg >= wanted, signal, applyTimeoutMs)
      .catch((error: unknown) => {
        signal.throwIfAborted();
        throw new AgentError(
          {
            code: "E_OVS_NOT_APPLIED",
            message: `ovs-vswitchd did not apply the configuration within ${applyTimeoutMs} ms`,
            hint: "Is it running, and not stopped? ovs-appctl version; its log says more.",
          },
          { cause: error },
        );
      });
  }

  async second(thorough: boolean): Promise<Problem | undefined> {
    return this.#options.second?.(thorough);
  }

  close(): void {
    this.#client.close();
  }

  async #open(signal: AbortSignal): Promise<Replica<Vswitch>> {
    // Shared by all who ask at the same time: one that gives up must not end it for the others.
    return orAborted(this.#opened(), signal);
  }

  #opened(): Promise<Replica<Vswitch>> {
    this.#replica ??= this.#connect().catch((error: unknown) => {
      this.#replica = undefined;
      throw error;
    });
    return this.#replica;
  }

  async #connect(): Promise<Replica<Vswitch>> {
    try {
      const within = AbortSignal.timeout(this.#options.openTimeoutMs());
      if (this.#client.state.state !== "connected") await this.#client.connect(within);
      // A server that accepts and says nothing would be tried for ever.
      // A standalone database has no history to go on from, so RFC 7047's monitor tells as much, in one request.
      const replica = await this.#client.monitor(vswitch, undefined, { signal: within, method: "monitor" });
      const tell = (): void => {
        if (!replica.synced) return;
        const now = observed(replica);
        for (const listener of this.#listeners) listener(now);
      };
      replica.subscribe(tell);
      replica.onSynced(tell);
      return replica;
    } catch (error) {
      const why = error instanceof OvsdbError ? ` (${error.errno ?? error.message})` : "";
      throw unreachable(`Open vSwitch's database does not answer on ${this.#options.socket}${why}`, error);
    }
  }

  /** Asked for at the first write: whoever only looks takes no lock. */
  #askForLock(): void {
    if (this.#askedForLock) return;
    this.#askedForLock = true;
    this.#client.lock(LOCK, undefined, { wait: false, steal: this.#options.steal ?? false }).catch(() => {
      this.#askedForLock = false;
    });
  }
}

/** What `work` comes to, or the signal's reason as soon as it is aborted. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener("abort", onAbort));
}

function observed(replica: Replica<Vswitch>): OvsObserved {
  return {
    root: rootOf(replica),
    bridges: [...replica.rows("Bridge").values()],
    ports: [...replica.rows("Port").values()],
    interfaces: [...replica.rows("Interface").values()],
    managers: [...replica.rows("Manager").values()],
  };
}

function rootOf(replica: Replica<Vswitch>): OpenVswitchRow {
  for (const row of replica.rows("Open_vSwitch").values()) return row;
  throw new AgentError({
    code: "E_OVSDB_EMPTY",
    message: "Open vSwitch's database is not initialised: its table Open_vSwitch has no row",
    hint: "ovs-vsctl --no-wait init, which the openvswitch service does at its start",
  });
}

function unreachable(message: string, cause?: unknown): AgentError {
  const hint =
    cause instanceof OvsdbError && cause.errno === "EACCES"
      ? "Be root: the socket is not open to others."
      : "Does ovsdb-server run? systemctl status openvswitch openvswitch-switch";
  return new AgentError({ code: "E_OVSDB_UNREACHABLE", message, hint }, { cause });
}

/** What the server, or the way to it, had against a request; of a transaction nothing was written. */
export function refused(error: unknown): unknown {
  if (!(error instanceof OvsdbError)) return error;
  switch (error.kind) {
    case "guard":
    case "count":
      return new AgentError(
        {
          code: "E_OVSDB_CHANGED",
          message: "Open vSwitch's database changed while the plan was made",
          hint: "It is planned again by itself. If this repeats, something else configures this network.",
        },
        { cause: error },
      );
    case "not-owner":
      return locked();
    case "rejected":
    case "rpc":
    case "bad-value":
    case "usage":
      return new AgentError(
        { code: "E_OVSDB_REFUSED", message: `Open vSwitch's database refused: ${error.message}` },
        { cause: error },
      );
    default:
      return unreachable(`Open vSwitch's database did not answer: ${error.message}`, error);
  }
}

function locked(): AgentError {
  return new AgentError({
    code: "E_OVSDB_LOCKED",
    message: "another devcloud-agent writes this host's network",
    hint: "Wait for it to end: a rollback takes seconds. Never run two daemons on one host.",
  });
}
