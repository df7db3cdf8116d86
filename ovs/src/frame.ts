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
 * Every byte is looked at once, whatever the chunking, and copied only if its frame spans chunks. Only whole characters are
 * decoded, so those that are split between chunks arrive intact.
 */
export class FrameReader {
  readonly #limits: FrameLimits;
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** The beginning of a frame whose end has not come yet: full blocks as text, then bytes. */
  #text: string[] = [];
  #textBytes = 0;
  #held = Buffer.alloc(0);
  #heldBytes = 0;
  #scanned = 0;
  #copied = 0;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** Bytes looked at and bytes copied since the beginning: both stay linear in the bytes received. */
  get work(): { readonly scanned: number; readonly copied: number } {
    return { scanned: this.#scanned, copied: this.#copied };
  }

  /** Takes the next bytes and hands out every frame that they complete. Throws `protocol`; the reader is then of no use. */
  push(chunk: Buffer, onFrame: (frame: unknown) => void): void {
    let from = 0;
    while (from < chunk.length) {
      if (this.#depth === 0) {
        from = this.#skipSpace(chunk, from);
        if (from === chunk.length) return;
      }
      const end = this.#scan(chunk, from);
      this.#scanned += (end === -1 ? chunk.length : end) - from;
      if (end === -1) {
        this.#hold(chunk, from, chunk.length);
        return;
      }
      onFrame(this.#take(chunk, from, end));
      from = end;
    }
  }

  #skipSpace(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length && isSpace(chunk[at])) at++;
    this.#scanned += at - from;
    if (at < chunk.length && chunk[at] !== OPEN_BRACE) {
      const seen = chunk.subarray(at, at + 20).toString("latin1");
      throw new OvsdbError(
        "protocol",
        `the peer does not speak OVSDB: expected a JSON object, got ${JSON.stringify(seen)}`,
      );
    }
    return at;
  }

  /** Index after the frame's last byte, or -1 if the chunk ends before. */
  #scan(chunk: Buffer, from: number): number {
    const { maxDepth } = this.#limits;
    let at = this.#inString ? this.#leaveString(chunk, this.#escaped ? from + 1 : from) : from;
    let depth = this.#depth;
    while (at < chunk.length) {
      const byte = chunk[at++] ?? 0;
      if (byte === QUOTE) at = this.#leaveString(chunk, at);
      // Commas, colons, digits and spaces, which are most of what is between strings, are below all brackets.
      else if (byte < OPEN_BRACKET) continue;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (++depth > maxDepth) throw tooDeep(maxDepth);
      } else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) {
        this.#depth = 0;
        return at;
      }
    }
    this.#depth = depth;
    return -1;
  }

  /** From inside a string to behind its closing quote, or to the chunk's end. */
  #leaveString(chunk: Buffer, from: number): number {
    const end = endOfString(chunk, from);
    this.#inString = end < 0;
    // The chunk's last byte was a backslash: the first one of the next chunk is taken as it is.
    this.#escaped = -end > chunk.length;
    return end < 0 ? chunk.length : end;
  }

  #hold(chunk: Buffer, from: number, to: number): void {
    this.#checkSize(this.#textBytes + this.#heldBytes + to - from);
    let at = from;
    while (at < to) {
      if (this.#heldBytes === BLOCK_BYTES) this.#spill();
      const end = Math.min(to, at + BLOCK_BYTES - this.#heldBytes);
      this.#reserve(this.#heldBytes + end - at);
      this.#copy(chunk, at, end, this.#held, this.#heldBytes);
      this.#heldBytes += end - at;
      at = end;
    }
  }

  /** Makes room for so many bytes, at most a block. */
  #reserve(bytes: number): void {
    if (bytes <= this.#held.length) return;
    // Doubling keeps the bytes copied linear even if the frame comes one byte at a time.
    const larger = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, Math.max(bytes, this.#held.length * 2, 4096)));
    this.#copy(this.#held, 0, this.#heldBytes, larger, 0);
    this.#held = larger;
  }

  /** Turns the block into text, but for the beginning of a character whose end has not come yet. */
  #spill(): void {
    const cut = wholeCharacters(this.#held);
    this.#text.push(decode(this.#held.subarray(0, cut)));
    this.#textBytes += cut;
    this.#copy(this.#held, cut, this.#heldBytes, this.#held, 0);
    this.#heldBytes -= cut;
  }

  #copy(source: Buffer, from: number, to: number, target: Buffer, at: number): void {
    source.copy(target, at, from, to);
    this.#copied += to - from;
  }

  #take(chunk: Buffer, from: number, to: number): unknown {
    if (this.#heldBytes === 0) {
      this.#checkSize(to - from);
      return parse(decode(chunk.subarray(from, to)));
    }
    this.#hold(chunk, from, to);
    const rest = decode(this.#held.subarray(0, this.#heldBytes));
    this.#text.push(rest);
    // In one piece, which JSON.parse would make of it anyway.
    const text = this.#text.join("");
    this.#text = [];
    this.#textBytes = 0;
    this.#heldBytes = 0;
    return parse(text);
  }

  #checkSize(bytes: number): void {
    if (bytes <= this.#limits.maxFrameBytes) return;
    throw new OvsdbError("protocol", `a message is longer than ${this.#limits.maxFrameBytes} bytes`);
  }
}

/** Index after the closing quote; if there is none, how far the string was read, as a negative number. */
function endOfString(chunk: Buffer, from: number): number {
  let at = from;
  while (at < chunk.length) {
    const byte = chunk[at++];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at++;
  }
  return -at;
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
