import { type ChildProcess, spawn } from "node:child_process";

/** One Ethernet frame from the wire. */
export interface Frame {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly destination: string;
  readonly source: string;
  /** The 802.1Q VLAN id, absent on an untagged frame. */
  readonly vlan?: number;
  /** After the tag, e.g. 0x0800 (IPv4), 0x0806 (ARP). */
  readonly etherType: number;
  readonly payload: Uint8Array;
}

export interface CaptureOptions {
  /** Seen from the host; default `out`. */
  readonly direction?: "in" | "out" | "inout";
  /** A tcpdump filter expression. */
  readonly filter?: string;
}

/** A running tcpdump whose frames are parsed as they come. */
export class Capture {
  readonly frames: Frame[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  readonly #watchers = new Set<() => void>();
  #rest: Buffer = Buffer.alloc(0);
  #headerSeen = false;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#closed = new Promise((resolve) => child.on("close", () => resolve()));
    child.stdout?.on("data", (chunk: Buffer) => this.#take(chunk));
  }

  static async start(
    enter: readonly string[],
    nic: string,
    env: NodeJS.ProcessEnv,
    options: CaptureOptions,
  ): Promise<Capture> {
    // -Z root: Debian's tcpdump would become a user that an unpacked package has not made.
    const flags = [
      "-i",
      nic,
      "-Q",
      options.direction ?? "out",
      "-Z",
      "root",
      "--immediate-mode",
      "-U",
      "-s",
      "0",
      "-w",
      "-",
    ];
    const [command = "", ...args] = [...enter, "tcpdump", ...flags, ...(options.filter ? [options.filter] : [])];
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    const capture = new Capture(child);
    let said = "";
    await new Promise<void>((resolve, reject) => {
      child.stderr.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes("listening on")) resolve();
      });
      child.on("error", reject);
      child.on("exit", () => reject(new Error(`tcpdump on ${nic} ended: ${said}`)));
    });
    return capture;
  }

  /** The first frame that fits, of those that came already or are to come; throws after `timeoutMs` (default 10 s). */
  async waitFor(fits: (frame: Frame) => boolean, timeoutMs = 10_000): Promise<Frame> {
    let next = 0;
    return await new Promise((resolve, reject) => {
      const look = (): void => {
        for (; next < this.frames.length; next++) {
          const frame = this.frames[next];
          if (frame === undefined || !fits(frame)) continue;
          clearTimeout(timer);
          this.#watchers.delete(look);
          resolve(frame);
          return;
        }
      };
      const timer = setTimeout(() => {
        this.#watchers.delete(look);
        reject(new Error(`No such frame within ${timeoutMs} ms; ${this.frames.length} others`));
      }, timeoutMs);
      this.#watchers.add(look);
      look();
    });
  }

  /** Ends the capture and returns all frames. */
  async stop(): Promise<readonly Frame[]> {
    this.#child.kill("SIGINT");
    await this.#closed;
    return this.frames;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** pcap as tcpdump writes it here: 24 bytes of header, then records of 16 bytes plus the frame, little endian, µs. */
  #take(chunk: Buffer): void {
    let data = Buffer.concat([this.#rest, chunk]);
    if (!this.#headerSeen) {
      if (data.length < 24) {
        this.#rest = data;
        return;
      }
      this.#headerSeen = true;
      data = data.subarray(24);
    }
    while (data.length >= 16) {
      const length = data.readUInt32LE(8);
      if (data.length < 16 + length) break;
      const time = data.readUInt32LE(0) * 1000 + data.readUInt32LE(4) / 1000;
      const frame = parseFrame(time, data.subarray(16, 16 + length));
      if (frame !== undefined) this.frames.push(frame);
      data = data.subarray(16 + length);
    }
    this.#rest = data;
    for (const watcher of [...this.#watchers]) watcher();
  }
}

function parseFrame(time: number, bytes: Buffer): Frame | undefined {
  if (bytes.length < 14) return undefined;
  const address = (at: number): string =>
    bytes
      .subarray(at, at + 6)
      .toString("hex")
      .replace(/..(?!$)/g, "$&:");
  const common = { time, destination: address(0), source: address(6) };
  const first = bytes.readUInt16BE(12);
  if (first !== 0x8100 || bytes.length < 18) return { ...common, etherType: first, payload: bytes.subarray(14) };
  // The tag's upper four bits are priority and drop eligibility: IEEE 802.1Q, 9.6.
  const vlan = bytes.readUInt16BE(14) & 0x0fff;
  return { ...common, vlan, etherType: bytes.readUInt16BE(16), payload: bytes.subarray(18) };
}
