import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

/** How a proxy treats whoever asks it for a tunnel; a number is the status that it refuses with. */
export type ProxyManner = "well" | "hanging" | "closing" | "garbage" | "slow" | number;

const SLOW_MS = 20;

/** An HTTP proxy that knows CONNECT and nothing else: a test tool. */
export class ConnectProxy {
  manner: ProxyManner = "well";
  /** What was asked for, with the headers. */
  readonly asked: { readonly target: string; readonly headers: IncomingMessage["headers"] }[] = [];
  readonly #server = createServer();
  readonly #sockets = new Set<Duplex>();

  private constructor() {
    this.#server.on("connection", (socket) => this.#hold(socket));
    this.#server.on("connect", (request, socket) => {
      this.asked.push({ target: request.url ?? "", headers: request.headers });
      void this.#answer(request.url ?? "", socket);
    });
  }

  static async start(host = "127.0.0.1"): Promise<ConnectProxy> {
    const proxy = new ConnectProxy();
    proxy.#server.listen(0, host);
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Every tunnel that stands ends. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  async #answer(target: string, socket: Duplex): Promise<void> {
    const { manner } = this;
    if (manner === "hanging") return;
    if (manner === "closing") return void socket.destroy();
    if (manner === "garbage") return void socket.end("SSH-2.0-OpenSSH_9.2\r\n");
    if (typeof manner === "number") {
      const challenge = 'Proxy-Authenticate: Basic realm="lab"';
      return void socket.end(`HTTP/1.1 ${manner} No\r\n${challenge}\r\nContent-Length: 0\r\n\r\n`);
    }
    const colon = target.lastIndexOf(":");
    const upstream = connect(Number(target.slice(colon + 1)), target.slice(0, colon).replace(/^\[|\]$/g, ""));
    this.#hold(upstream);
    await once(upstream, "connect");
    const head = "HTTP/1.1 200 Connection established\r\n\r\n";
    if (manner === "well") socket.write(head);
    else for (const letter of head) await sleep(SLOW_MS).then(() => socket.write(letter));
    socket.pipe(upstream).pipe(socket);
    socket.once("close", () => upstream.destroy());
    upstream.once("close", () => socket.destroy());
  }
}
