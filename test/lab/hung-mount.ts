import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, constants, openSync, read, writeSync } from "node:fs";
import { promisify } from "node:util";

/** Of linux/fuse.h: a request begins with its length, what it asks for, and a number that its answer repeats. */
const INIT = 26;
const HEAD = 16;
const INIT_OUT = 64;

/** A FUSE file system whose program takes every request and answers none, so that who asks waits in the kernel, deaf to SIGKILL. */
export class HungMount implements AsyncDisposable {
  readonly #folder: string;
  readonly #device = openSync("/dev/fuse", constants.O_RDWR);
  readonly #serving: Promise<void>;
  #open = true;

  constructor(folder: string) {
    this.#folder = folder;
    const options = "fd=3,rootmode=40000,user_id=0,group_id=0";
    execFileSync("mount", ["-i", "-t", "fuse", "-o", options, "hung", folder], {
      stdio: ["ignore", "ignore", "inherit", this.#device],
    });
    this.#serving = this.#serve();
  }

  async #serve(): Promise<void> {
    const buffer = Buffer.alloc(1024 * 1024);
    const readDevice = promisify(read);
    while (this.#open) {
      // Of a mount that is gone: ENODEV.
      const count = await readDevice(this.#device, buffer, 0, buffer.length, null).catch(() => undefined);
      if (count === undefined) return;
      if (buffer.readUInt32LE(4) !== INIT) continue;
      const answer = Buffer.alloc(HEAD + INIT_OUT);
      answer.writeUInt32LE(answer.length, 0);
      buffer.copy(answer, 8, 8, 16);
      answer.writeUInt32LE(7, HEAD);
      answer.writeUInt32LE(31, HEAD + 4);
      answer.writeUInt32LE(4096, HEAD + 20);
      writeSync(this.#device, answer);
    }
  }

  /** Whoever waits gets an error. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#open = false;
    spawnSync("umount", ["-f", "-l", this.#folder]);
    await this.#serving;
    closeSync(this.#device);
  }
}
