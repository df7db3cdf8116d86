import { createConnection, type Socket } from "node:net";
import { createInterface } from "node:readline";

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** QEMU's control connection: JSON lines, answers in the order of the commands, events in between. */
export class Qmp {
  readonly #socket: Socket;
  readonly #waiting: Waiter[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    createInterface({ input: socket }).on("line", (line) => this.#take(line));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error("QEMU has closed its control socket"));
    });
  }

  static async connect(path: string): Promise<Qmp> {
    const qmp = new Qmp(await connected(path));
    await qmp.command("qmp_capabilities");
    return qmp;
  }

  async command(name: string, values: Readonly<Record<string, string | boolean>> = {}): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`${JSON.stringify({ execute: name, arguments: values })}\n`);
    });
  }

  #take(line: string): void {
    const said: unknown = JSON.parse(line);
    if (typeof said !== "object" || said === null) return;
    if ("return" in said) this.#waiting.shift()?.resolve();
    else if ("error" in said) this.#waiting.shift()?.reject(new Error(`QEMU: ${JSON.stringify(said.error)}`));
  }
}

/** Connects to a unix socket that another program listens on. */
export async function connected(path: string): Promise<Socket> {
  const socket = createConnection(path);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return socket;
}
