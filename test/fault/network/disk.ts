import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { must } from "../../lab/command.ts";
import type { Host } from "../../lab/host.ts";

const STATE = "var/lib/devcloud-agent";
/** Room for what the agent keeps, and for what a thousand kills leave half-written. */
const SIZE = "24m";

/** A small disk of its own for a host's state. It ends with the host's mount namespace. */
export class Disk {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  /** The host's root folder as its own mount namespace has it, for whoever is outside. */
  get root(): string {
    const words = this.#host.enter();
    const pid = words[words.indexOf("--target") + 1];
    return `/proc/${pid}/root${this.#host.root}`;
  }

  async mount(): Promise<void> {
    const folder = join(this.#host.root, STATE);
    mkdirSync(folder, { recursive: true });
    const command = ["busybox", "mount", "-t", "tmpfs", "-o", `size=${SIZE},mode=0700`, "tmpfs", folder];
    await must([...this.#host.enter(), ...command], { env: this.#host.env });
  }

  get #filler(): string {
    return join(this.root, STATE, "filler");
  }

  /** Until not a byte more can be written. */
  async fill(): Promise<void> {
    await this.free();
    const file = openSync(this.#filler, "w");
    const chunk = Buffer.alloc(1 << 20);
    try {
      for (let size = chunk.length; size >= 1; size = writes(file, chunk, size) ? size : size >> 1);
    } finally {
      closeSync(file);
    }
  }

  async free(): Promise<void> {
    await rm(this.#filler, { force: true });
  }
}

/** Whether a write had room. */
function writes(file: number, chunk: Buffer, size: number): boolean {
  try {
    writeSync(file, chunk, 0, size);
    return true;
  } catch {
    return false;
  }
}
