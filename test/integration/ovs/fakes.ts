import { connect, createServer, type Server, type Socket } from "node:net";
import { FrameReader } from "node-ovsdb";

type Message = Readonly<Record<string, unknown>>;

const limits = { maxFrameBytes: 128 * 1024 * 1024, maxDepth: 100 };

async function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(path, resolve);
  return promise;
}

/** Calls back for each message in a stream of bytes. */
function messages(onMessage: (message: Message) => void): (chunk: Buffer) => void {
  const reader = new FrameReader(limits);
  return (chunk) => reader.push(chunk, (frame) => onMessage(frame as Message));
}

/** Lets a test wait for a condition on something that changes now and then. */
class Watch {
  readonly #checks = new Set<() => void>();

  changed(): void {
    for (const check of this.#checks) check();
  }

  async until(condition: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = (): void => {
      if (condition()) resolve();
    };
    this.#checks.add(check);
    check();
    return promise.finally(() => this.#checks.delete(check));
  }
}

/** A wire between a client and a real server that writes down what goes over it. */
export class Tap {
  readonly path: string;
  readonly toServer: Message[] = [];
  readonly toClient: Message[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #watch = new Watch();

  constructor(path: string, serverPath: string) {
    this.path = path;
    this.#server = createServer((client) => this.#join(client, connect(serverPath)));
  }

  static async open(path: string, serverPath: string): Promise<Tap> {
    const tap = new Tap(path, serverPath);
    await listen(tap.#server, path);
    return tap;
  }

  /** Waits until what was written down fulfils the condition. */
  until(condition: (tap: this) => boolean): Promise<void> {
    return this.#watch.until(() => condition(this));
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #join(client: Socket, server: Socket): void {
    this.#forward(client, server, this.toServer);
    this.#forward(server, client, this.toClient);
  }

  #forward(from: Socket, to: Socket, seen: Message[]): void {
    this.#sockets.add(from);
    const note = messages((message) => {
      seen.push(message);
      this.#watch.changed();
    });
    from.on("data", (chunk: Buffer) => {
      note(chunk);
      to.write(chunk);
    });
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }
}

/** What a fake server can do with a connection. */
export interface Peer {
  /** Sends a message, or bytes as they are. */
  send(message: Message | Buffer | string): void;
  hangUp(): void;
}

/**
 * A server that says what no real one does. `onMessage` is called for each message of a client; `onConnect` before that.
 */
export class FakeServer {
  readonly path: string;
  readonly received: Message[] = [];
  connections = 0;
  readonly #watch = new Watch();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(path: string, onMessage: (peer: Peer, message: Message) => void, onConnect: (peer: Peer) => void) {
    this.path = path;
    this.#server = createServer((socket) => {
      this.connections++;
      this.#sockets.add(socket);
      const peer: Peer = {
        send: (message) => {
          const raw = typeof message === "string" || Buffer.isBuffer(message);
          socket.write(raw ? message : JSON.stringify(message));
        },
        hangUp: () => socket.destroy(),
      };
      socket.on("error", () => undefined);
      socket.on(
        "data",
        messages((message) => {
          this.received.push(message);
          this.#watch.changed();
          onMessage(peer, message);
        }),
      );
      onConnect(peer);
    });
  }

  static async open(
    path: string,
    onMessage: (peer: Peer, message: Message) => void = () => undefined,
    onConnect: (peer: Peer) => void = () => undefined,
  ): Promise<FakeServer> {
    const fake = new FakeServer(path, onMessage, onConnect);
    await listen(fake.#server, path);
    return fake;
  }

  /** Waits until that many messages have come. */
  receives(count: number): Promise<void> {
    return this.#watch.until(() => this.received.length >= count);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
