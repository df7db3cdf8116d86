import { createServer as createHttp, type Server } from "node:http";
import { createServer as createHttps, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { TLSSocket } from "node:tls";
import { type WebSocket, WebSocketServer } from "ws";
import type { Fleet, FleetHost } from "./fleet.ts";
import { readReport, writeAnswer } from "./schema.ts";

/** How a reference controller treats its agents; all but `well` are for tests. */
export type Manner =
  | "well"
  /** Takes the connection and says nothing any more, not even a pong. */
  | "silent"
  /** Takes the connection and closes it. */
  | "closing"
  /** Answers with bytes that are no message. */
  | "garbage"
  /** Answers with messages without end. */
  | "flooding"
  /** Answers 503 and asks for a pause. */
  | "busy";

export interface OpampOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Absent: without TLS. */
  readonly tls?: ServerOptions;
}

const MAX_BUFFERED = 1024 * 1024;

/** Bits of ServerToAgent.capabilities: accepts status, offers configurations, accepts the effective one. */
const CAPABILITIES = 0x1 | 0x2 | 0x4;
const REPORT_FULL_STATE = 1;

/** The OpAMP side of the reference controller: a test tool, and no controller for a data centre. */
export class OpampServer {
  manner: Manner = "well";
  /** How many connections were asked for, also those that were refused. */
  attempts = 0;
  /** Common names of the client certificates that were shown and accepted, in their order. */
  readonly clients: string[] = [];
  readonly #fleet: Fleet;
  readonly #server: Server;
  readonly #sockets = new Map<WebSocket, string>();

  private constructor(fleet: Fleet, server: Server) {
    this.#fleet = fleet;
    this.#server = server;
    // No pongs by itself: `silent` has to be silent.
    const upgrades = new WebSocketServer({ noServer: true, perMessageDeflate: false, autoPong: false });
    server.on("upgrade", (request, socket, head) => {
      this.attempts += 1;
      if (request.socket instanceof TLSSocket) {
        const name = request.socket.getPeerCertificate().subject?.CN;
        if (typeof name === "string") this.clients.push(name);
      }
      if (this.manner === "busy") {
        socket.end(
          "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
        return;
      }
      upgrades.handleUpgrade(request, socket, head, (webSocket) => this.#accept(webSocket));
    });
  }

  static async start(fleet: Fleet, { host, port, tls }: OpampOptions): Promise<OpampServer> {
    const server = tls === undefined ? createHttp() : createHttps(tls);
    const opamp = new OpampServer(fleet, server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
    return opamp;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on; connections that stand are treated so as well. */
  behave(manner: Manner): void {
    this.manner = manner;
    if (manner === "closing" || manner === "busy") for (const socket of this.#sockets.keys()) socket.close();
  }

  /** Offers a host what it is to have, without waiting for its next report. */
  offer(host: FleetHost): void {
    for (const [socket, uid] of this.#sockets) if (uid === host.uid) socket.send(answerFor(host, false));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.keys()) socket.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: WebSocket): void {
    if (this.manner === "closing") {
      socket.close();
      return;
    }
    this.#sockets.set(socket, "");
    socket.on("ping", (data) => this.manner !== "silent" && socket.pong(data));
    socket.on("message", (data) => this.#message(socket, data));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      const uid = this.#sockets.get(socket);
      this.#sockets.delete(socket);
      const another = [...this.#sockets.values()].includes(uid ?? "");
      if (uid && !another) this.#fleet.gone(uid, "connection lost");
    });
  }

  /** As fast as the other side takes it, and for as long. */
  async #flood(socket: WebSocket, uid: string): Promise<void> {
    const message = writeAnswer({ instanceUid: Buffer.from(uid, "base64") });
    while (socket.readyState === socket.OPEN && this.manner === "flooding") {
      for (let count = 0; count < 500 && socket.bufferedAmount < MAX_BUFFERED; count += 1) {
        socket.send(message);
        socket.ping();
      }
      await new Promise(setImmediate);
    }
  }

  #message(socket: WebSocket, data: WebSocket.RawData): void {
    if (this.manner === "silent") return;
    if (this.manner === "garbage") {
      socket.send(Uint8Array.of(0, 0x0a, 0xff, 0x01));
      return;
    }
    const { host, gap } = this.#fleet.take(readReport(new Uint8Array(Buffer.from(data as Buffer))));
    this.#sockets.set(socket, host.uid);
    if (this.manner === "flooding") return void this.#flood(socket, host.uid);
    socket.send(answerFor(host, gap));
  }
}

function answerFor({ uid, desired, remote }: FleetHost, gap: boolean): Uint8Array {
  const wanted = desired !== undefined && desired.hash !== remote?.hash ? desired : undefined;
  const file = { body: Buffer.from(wanted?.text ?? ""), contentType: "text/yaml" };
  const configMap = wanted?.text === "" ? {} : { "50-controller.yaml": file };
  return writeAnswer({
    instanceUid: Buffer.from(uid, "base64"),
    capabilities: CAPABILITIES,
    ...(gap ? { flags: REPORT_FULL_STATE } : {}),
    ...(wanted === undefined
      ? {}
      : { remoteConfig: { configHash: Buffer.from(wanted.hash, "hex"), config: { configMap } } }),
  });
}
