import type { Socket } from "node:net";
import { firstOfTheMost } from "../core/crowd.ts";

interface Guest {
  readonly address: string;
  readonly socket: Socket;
}

/** The connections of all listeners. Over the limit one of them goes, so that connections held open shut nobody out. */
export class Connections {
  readonly #limit: number;
  readonly #guests = new Set<Guest>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  admit(socket: Socket): void {
    const guest = { address: socket.remoteAddress ?? "", socket };
    this.#guests.add(guest);
    socket.once("close", () => this.#guests.delete(guest));
    if (this.#guests.size <= this.#limit) return;
    const leaves = firstOfTheMost(this.#guests);
    if (leaves === undefined) return;
    // Not only once it is closed: until then another one would come in its place.
    this.#guests.delete(leaves);
    leaves.socket.destroy();
  }
}
