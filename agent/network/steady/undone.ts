import type { NetworkPorts } from "../ports.ts";
import type { Undone } from "../state.ts";

/** Which repair cut the host off last. It outlives the process, as the reason for it does, and no reboot. */
export class LastUndone {
  readonly #ports: NetworkPorts;
  /** Where there was no room to write it. */
  #here: Undone | undefined;

  constructor(ports: NetworkPorts) {
    this.#ports = ports;
  }

  async read(): Promise<Undone | undefined> {
    // Another process may have taken the repair back: the dead-man, or one before this.
    const written = await this.#ports.state.read("undone");
    return written?.bootId === this.#ports.bootId ? written : this.#here;
  }

  set(undone: Undone): void {
    this.#here = undone;
  }

  async forget(): Promise<void> {
    this.#here = undefined;
    if ((await this.#ports.state.read("undone")) !== undefined) await this.#ports.state.remove("undone");
  }
}
