import { createServer, type Server, type Socket } from "node:net";
import { FrameReader } from "node-ovsdb";

export interface Row {
  readonly name: string;
  readonly n: number;
}
type Rows = ReadonlyMap<string, Row>;
type Message = Readonly<Record<string, unknown>>;

const NOTHING = "00000000-0000-0000-0000-000000000000";
const schema = {
  name: "D",
  tables: { T: { columns: { name: { type: "string" }, n: { type: "integer" } } } },
};

/** What the server has of one connection. */
interface Session {
  readonly client: number;
  readonly socket: Socket;
  /** The conditions of each monitor. */
  readonly monitors: Map<string, readonly unknown[]>;
  readonly waiting: Message[];
}

/**
 * A server in a few lines that behaves as ovsdb-server does, and can be told to do at any moment what the real one does only now and
 * then. It answers in order; each client has a socket of its own, so that the server knows whom it cuts off.
 */
export class ModelServer {
  rows: Rows = new Map();
  /** Changes of conditions that it will refuse. */
  refusals = 0;
  /** Somebody has stolen a lock: for a moment two clients may hold it true that they have it. */
  stolen = false;
  /** What a client must never do. */
  readonly violations: string[] = [];
  readonly #servers: Server[] = [];
  readonly #sessions = new Map<number, Session>();
  readonly #locks = new Map<string, Session[]>();
  readonly #history = new Map<string, Rows>();
  #transaction = NOTHING;
  #count = 0;
  #stalled = false;
  #away = false;

  async listen(path: string, client: number): Promise<void> {
    const server = createServer((socket) => this.#accept(socket, client));
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(path, resolve));
  }

  isConnected(client: number): boolean {
    return this.#sessions.has(client);
  }

  /** How many monitors it has of a client. */
  monitorsOf(client: number): number | undefined {
    return this.#sessions.get(client)?.monitors.size;
  }

  /** The client that has the lock. */
  ownerOf(lock: string): number | undefined {
    return this.#locks.get(lock)?.[0]?.client;
  }

  write(id: string, row: Row | undefined): void {
    const before = this.rows;
    const after = new Map(before);
    if (row === undefined) after.delete(id);
    else after.set(id, row);
    this.rows = after;
    this.#transaction = `00000000-0000-4000-8000-${String(++this.#count).padStart(12, "0")}`;
    this.#history.set(this.#transaction, after);
    for (const session of this.#sessions.values()) {
      for (const [monitor, where] of session.monitors) {
        this.#update(session, monitor, difference(chosen(before, where), chosen(after, where)));
      }
    }
  }

  forget(): void {
    this.#history.clear();
  }

  cut(client: number): void {
    const session = this.#sessions.get(client);
    if (session !== undefined) this.#end(session);
  }

  /** It reads nothing until it is told to go on. */
  stall(): void {
    this.#stalled = true;
  }

  resume(): void {
    this.#stalled = false;
    for (const session of [...this.#sessions.values()]) {
      for (const message of session.waiting.splice(0)) this.#take(session, message);
    }
  }

  /** The database is removed, or is there again. */
  setAway(away: boolean): void {
    this.#away = away;
    for (const session of away ? this.#sessions.values() : []) {
      for (const monitor of session.monitors.keys()) send(session, null, "monitor_canceled", [monitor]);
      session.monitors.clear();
    }
  }

  close(): void {
    for (const session of [...this.#sessions.values()]) this.#end(session);
    for (const server of this.#servers) server.close();
  }

  #accept(socket: Socket, client: number): void {
    this.cut(client);
    const session: Session = { client, socket, monitors: new Map(), waiting: [] };
    const frames = new FrameReader({ maxFrameBytes: 1e6, maxDepth: 50 });
    this.#sessions.set(client, session);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#end(session));
    socket.on("data", (chunk: Buffer) => frames.push(chunk, (frame) => this.#take(session, frame as Message)));
  }

  #end(session: Session): void {
    session.socket.destroy();
    if (this.#sessions.get(session.client) !== session) return;
    this.#sessions.delete(session.client);
    for (const lock of this.#locks.keys()) this.#leave(session, lock);
  }

  #take(session: Session, message: Message): void {
    if (this.#sessions.get(session.client) !== session) return;
    if (this.#stalled) {
      session.waiting.push(message);
      return;
    }
    const { id, method, params } = message;
    const outcome = this.#carryOut(session, String(method), Array.isArray(params) ? params : []);
    const error = typeof outcome === "string" ? { error: outcome, details: String(method) } : null;
    session.socket.write(JSON.stringify({ id, result: error === null ? outcome : null, error }));
  }

  /** The result, or the name of an error. */
  #carryOut(session: Session, method: string, params: readonly unknown[]): object | string {
    const [first, second, third, fourth] = params;
    const name = String(first);
    if (method === "get_schema") return this.#away ? "unknown database" : schema;
    if (method === "monitor_cond_since") return this.#monitor(session, String(second), third, String(fourth));
    if (method === "monitor_cond_change") return this.#change(session, name, third);
    if (method === "monitor_cancel") return session.monitors.delete(name) ? {} : "unknown monitor";
    if (method === "lock" || method === "steal") return this.#lock(session, name, method === "steal");
    if (method !== "unlock") return [];
    if (!this.#leave(session, name)) this.violations.push(`unlock of ${name}, which was not asked for`);
    return {};
  }

  #monitor(session: Session, monitor: string, requests: unknown, since: string): object | string {
    if (this.#away) return "unknown database";
    if (session.monitors.has(monitor)) this.violations.push(`a second monitor ${monitor}`);
    const where = whereIn(requests);
    const old = this.#history.get(since);
    session.monitors.set(monitor, where);
    const now = chosen(this.rows, where);
    if (old !== undefined) return [true, this.#transaction, { T: difference(chosen(old, where), now) }];
    const initial = [...now].map(([id, row]) => [id, { initial: row }] as const);
    return [false, this.#transaction, { T: Object.fromEntries(initial) }];
  }

  #change(session: Session, monitor: string, requests: unknown): object | string {
    const old = session.monitors.get(monitor);
    if (old === undefined) return "unknown monitor";
    if (this.refusals > 0) {
      this.refusals -= 1;
      return "syntax error";
    }
    const where = whereIn(requests);
    session.monitors.set(monitor, where);
    this.#update(session, monitor, difference(chosen(this.rows, old), chosen(this.rows, where)));
    return {};
  }

  #update(session: Session, monitor: string, updates: object): void {
    if (Object.keys(updates).length === 0) return;
    send(session, null, "update3", [monitor, this.#transaction, { T: updates }]);
  }

  #lock(session: Session, lock: string, steal: boolean): object {
    const queue = this.#locks.get(lock) ?? [];
    this.#locks.set(lock, queue);
    if (queue.includes(session)) this.violations.push(`${lock} is asked for twice`);
    const [owner] = queue;
    if (steal) queue.unshift(session);
    else queue.push(session);
    if (steal && owner !== undefined) {
      this.stolen = true;
      send(owner, null, "stolen", [lock]);
    }
    return { locked: queue[0] === session };
  }

  #leave(session: Session, lock: string): boolean {
    const queue = this.#locks.get(lock) ?? [];
    const place = queue.indexOf(session);
    if (place < 0) return false;
    queue.splice(place, 1);
    const [next] = queue;
    if (place === 0 && next !== undefined) send(next, null, "locked", [lock]);
    return true;
  }
}

function send({ socket }: Session, id: null, method: string, params: readonly unknown[]): void {
  socket.write(JSON.stringify({ id, method, params }));
}

function whereIn(requests: unknown): readonly unknown[] {
  const { T } = requests as { readonly T: readonly [{ readonly where?: readonly unknown[] }] };
  return T[0].where ?? [true];
}

/** The rows that fulfil any of the conditions, which are all on the name. */
export function chosen(rows: Rows, where: readonly unknown[]): Rows {
  const holds = ({ name }: Row): boolean =>
    where.some((condition) => condition === true || (Array.isArray(condition) && condition[2] === name));
  return new Map([...rows].filter(([, row]) => holds(row)));
}

function difference(before: Rows, after: Rows): Readonly<Record<string, object>> {
  const changes: Record<string, object> = {};
  for (const [id, row] of after) {
    const old = before.get(id);
    const modify = Object.entries(row).filter(([column, value]) => old?.[column as keyof Row] !== value);
    if (old === undefined) changes[id] = { insert: row };
    else if (modify.length > 0) changes[id] = { modify: Object.fromEntries(modify) };
  }
  for (const id of before.keys()) if (!after.has(id)) changes[id] = { delete: null };
  return changes;
}
