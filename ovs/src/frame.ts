import { isUtf8 } from "node:buffer";
import { OvsdbError } from "./errors.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;

/** What is held of a frame is turned into text by blocks of this size: one buffer serves a snapshot of any size. */
const BLOCK_BYTES = 64 * 1024;

/** Quotes behind the last byte of a block. They end any string there, also one that ends with a backslash. */
const SENTINELS = 2;

/** Bounds on what a peer may make us hold or nest. */
export interface FrameLimits {
  /** Bytes of one message. */
  readonly maxFrameBytes: number;
  /** Nested arrays and objects in one message. */
  readonly maxDepth: number;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/**
 * Cuts a byte stream into JSON objects, which OVSDB sends one after another with nothing in between (RFC 7047 section 4).
 *
 * Every byte is copied into a block of our own and looked at once, whatever the chunking. Only whole characters are decoded, so
 * those that are split between chunks arrive intact.
 */
export class FrameReader {
  readonly #limits: FrameLimits;
  /** The open frame: full blocks as text, then the bytes of the block between `#from` and `#to`. */
  #text: string[] = [];
  #textBytes = 0;
  #block = Buffer.alloc(0);
  #from = 0;
  #to = 0;
  /** Where looking goes on. */
  #at = 0;
  #inString = false;
  #escaped = false;
  #depth = 0;
  #scanned = 0;
  #copied = 0;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** Bytes looked at and bytes copied since the beginning: both stay linear in the bytes received. */
  get work(): { readonly scanned: number; readonly copied: number } {
    return { scanned: this.#scanned, copied: this.#copied };
  }

  /** Bytes that are here of a message whose end is still to come. */
  get openBytes(): number {
    return this.#depth > 0 ? this.#textBytes + this.#to - this.#from : 0;
  }

  /** Takes the next bytes and hands out every frame that they complete. Throws `protocol`; the reader is then of no use. */
  push(chunk: Buffer, onFrame: (frame: unknown) => void): void {
    let taken = 0;
    while (taken < chunk.length) {
      taken = this.#append(chunk, taken);
      while (this.#begins() && this.#ends()) onFrame(this.#take());
    }
  }

  /** Copies as much of the chunk as the block has room for. Returns where the rest of the chunk begins. */
  #append(chunk: Buffer, from: number): number {
    if (this.#to === BLOCK_BYTES) this.#makeRoom();
    const end = Math.min(chunk.length, from + BLOCK_BYTES - this.#to);
    this.#reserve(this.#to + end - from);
    this.#copy(chunk, from, end, this.#block, this.#to);
    this.#to += end - from;
    this.#block[this.#to] = QUOTE;
    this.#block[this.#to + 1] = QUOTE;
    return end;
  }

  /** Makes the block so many bytes long, at least. */
  #reserve(bytes: number): void {
    const room = this.#block.length - SENTINELS;
    if (bytes <= room) return;
    // Doubling keeps the bytes copied linear even if the frame comes one byte at a time.
    const larger = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, Math.max(bytes, room * 2, 4096)) + SENTINELS);
    this.#copy(this.#block, 0, this.#to, larger, 0);
    this.#block = larger;
  }

  /** Drops the frames of a full block that are done. If there are none, all of it becomes text, but for a character cut in two. */
  #makeRoom(): void {
    let gone = this.#from;
    if (gone === 0) {
      gone = wholeCharacters(this.#block.subarray(0, this.#to));
      this.#text.push(decode(this.#block.subarray(0, gone)));
      this.#textBytes += gone;
    }
    this.#copy(this.#block, gone, this.#to, this.#block, 0);
    this.#from = 0;
    this.#to -= gone;
    this.#at -= gone;
  }

  #copy(source: Buffer, from: number, to: number, target: Buffer, at: number): void {
    source.copy(target, at, from, to);
    this.#copied += to - from;
  }

  /** Whether a frame is open. Skips spaces before the next one; a block that holds nothing else is empty again. */
  #begins(): boolean {
    if (this.#depth > 0) return true;
    const started = this.#at;
    while (this.#at < this.#to && isSpace(this.#block[this.#at])) this.#at++;
    this.#scanned += this.#at - started;
    this.#from = this.#at;
    if (this.#at === this.#to) {
      this.#from = this.#to = this.#at = 0;
      return false;
    }
    if (this.#block[this.#at] === OPEN_BRACE) return true;
    const seen = this.#block.subarray(this.#at, Math.min(this.#to, this.#at + 20)).toString("latin1");
    throw new OvsdbError(
      "protocol",
      `the peer does not speak OVSDB: expected a JSON object, got ${JSON.stringify(seen)}`,
    );
  }

  /** Looks for the end of the open frame in the block. */
  #ends(): boolean {
    const block = this.#block;
    const to = this.#to;
    const { maxDepth } = this.#limits;
    let depth = this.#depth;
    let at = this.#at;
    if (this.#inString) at = endOfString(block, this.#escaped ? at + 1 : at);
    while (at < to) {
      const byte = block[at++] as number;
      if (byte === QUOTE) at = endOfString(block, at);
      // Commas, colons, digits and spaces, which are most of what is between strings, are below all brackets.
      else if (byte < OPEN_BRACKET) continue;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (++depth > maxDepth) throw tooDeep(maxDepth);
      } else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) break;
    }
    // A sentinel ended the string: its own end is still to come. Behind a backslash it was the second one.
    this.#inString = at > to;
    this.#escaped = at > to + 1;
    at = Math.min(at, to);
    this.#scanned += at - this.#at;
    this.#at = at;
    this.#depth = depth;
    this.#checkSize();
    return depth === 0;
  }

  #take(): unknown {
    const rest = decode(this.#block.subarray(this.#from, this.#at));
    this.#from = this.#at;
    if (this.#text.length === 0) return parse(rest);
    this.#text.push(rest);
    // In one piece, which JSON.parse would make of it anyway.
    const text = this.#text.join("");
    this.#text = [];
    this.#textBytes = 0;
    return parse(text);
  }

  #checkSize(): void {
    const { maxFrameBytes } = this.#limits;
    if (this.#textBytes + this.#at - this.#from <= maxFrameBytes) return;
    throw new OvsdbError("protocol", `a message is longer than ${maxFrameBytes} bytes (maxFrameBytes)`);
  }
}

/** Index behind the next quote that is not escaped. There must be one, or two if the last byte may be a backslash. */
function endOfString(block: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const byte = block[at++];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at++;
  }
}

function tooDeep(limit: number): OvsdbError {
  return new OvsdbError("protocol", `a message is nested deeper than ${limit}`);
}

function notJson(cause: unknown): OvsdbError {
  return new OvsdbError("protocol", "a message is not JSON", { cause });
}

/** How many of these bytes are whole characters, if they are UTF-8 at all: the last one may be cut off. */
function wholeCharacters(bytes: Buffer): number {
  let lead = bytes.length - 1;
  while (lead > bytes.length - 4 && ((bytes[lead] ?? 0) & 0xc0) === 0x80) lead--;
  return (bytes[lead] ?? 0) < 0x80 ? bytes.length : lead;
}

function decode(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new OvsdbError("protocol", "a message is not UTF-8");
  return bytes.toString("utf8");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw notJson(thrown);
  }
}
