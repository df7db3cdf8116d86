import { rename } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { FrameReader } from "node-ovsdb";
import type { Host } from "./host.ts";

export type Operation = Readonly<Record<string, unknown>>;

/** What is done to one transaction on its way, and to its results on their way back. */
export interface Meddling {
  readonly meets: (operations: readonly Operation[]) => boolean;
  readonly ask: (operations: readonly Operation[]) => readonly Operation[];
  readonly answer: (results: readonly unknown[]) => readonly unknown[];
}

/**
 * How the bytes of the server arrive: in which pieces, and what is said before them to the first that connects. `silent`: `first`
 * is all that anybody gets.
 */
export interface Manner {
  readonly pieces?: number;
  readonly first?: string | Buffer;
  readonly silent?: true;
}

interface Message {
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly result?: unknown;
}

const limits = { maxFrameBytes: 128 * 1024 * 1024, maxDepth: 100 };

/**
 * Stands on a host's `db.sock` between the agent and the real ovsdb-server. ovs-vswitchd, which was connected before, stays so:
 * what the agent is told is nothing to the switch.
 */
export class Meddler implements AsyncDisposable {
  readonly #place: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #manner: Manner = {};
  #meddling: { readonly with: Meddling; readonly met: () => void } | undefined;

  private constructor(run: string) {
    this.#place = join(run, "db.sock");
    this.#server = createServer((client) => this.#serve(client));
  }

  /** Takes the place of the socket; who is connected to it stays connected. */
  static async on(host: Host): Promise<Meddler> {
    const meddler = new Meddler(host.env.OVS_RUNDIR ?? "");
    await rename(meddler.#place, meddler.#real);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    meddler.#server.once("error", reject);
    meddler.#server.listen(meddler.#place, resolve);
    await promise;
    return meddler;
  }

  get #real(): string {
    return `${this.#place}.real`;
  }

  /** From now on; who is connected by way of here has to connect again. */
  speak(manner: Manner): void {
    this.#manner = manner;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Resolves when a transaction that it meets was meddled with; it is done once. */
  async meddle(meddling: Meddling): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#meddling = { with: meddling, met: resolve };
    await promise;
  }

  /** Gives the socket its place back. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const socket of this.#sockets) socket.destroy();
    await promise;
    // Absent where the host was powered off meanwhile.
    await rename(this.#real, this.#place).catch(() => undefined);
  }

  #serve(client: Socket): void {
    const { first, silent } = this.#manner;
    if (!silent) this.#manner = { ...this.#manner, first: "" };
    this.#keep(client);
    if (first) client.write(first);
    if (silent) {
      client.resume();
      return;
    }
    const server = connect(this.#real);
    this.#keep(server);
    const answers = new Map<unknown, Meddling>();
    pipe(client, server, (message) => this.#asked(message, answers), Number.POSITIVE_INFINITY);
    pipe(server, client, (message) => answered(message, answers), this.#manner.pieces ?? Number.POSITIVE_INFINITY);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
  }

  #asked(message: Message, answers: Map<unknown, Meddling>): Message {
    const { method, params, id } = message;
    if (method !== "transact" || !Array.isArray(params) || this.#meddling === undefined) return message;
    const [database, ...operations] = params as [string, ...Operation[]];
    const { with: meddling, met } = this.#meddling;
    if (!meddling.meets(operations)) return message;
    this.#meddling = undefined;
    answers.set(id, meddling);
    met();
    return { ...message, params: [database, ...meddling.ask(operations)] };
  }
}

function answered(message: Message, answers: Map<unknown, Meddling>): Message {
  const meddling = answers.get(message.id);
  if (meddling === undefined || !Array.isArray(message.result)) return message;
  answers.delete(message.id);
  return { ...message, result: meddling.answer(message.result) };
}

/** Hands on each message, changed, in pieces of so many bytes. */
function pipe(from: Socket, to: Socket, change: (message: Message) => Message, pieces: number): void {
  const reader = new FrameReader(limits);
  const hand = (frame: unknown): void => {
    const bytes = Buffer.from(JSON.stringify(change(frame as Message)));
    for (let at = 0; at < bytes.length; at += pieces) to.write(bytes.subarray(at, at + pieces));
  };
  from.on("data", (chunk: Buffer) => reader.push(chunk, hand));
  from.on("close", () => to.destroy());
}
