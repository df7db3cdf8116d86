import { isUtf8 } from "node:buffer";
import { OvsdbError } from "./errors.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;

/** A buffer larger than this is given back after its frame, so that one big snapshot does not stay in memory. */
const KEEP_BYTES = 256 * 1024;

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
 * Every byte is looked at once, whatever the chunking, and copied only if its frame spans chunks. A frame is decoded as a
 * whole, so characters split between chunks arrive intact.
 */
export class FrameReader {
  readonly #limits: FrameLimits;
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** The beginning of a frame whose end has not come yet. */
  #held = Buffer.alloc(0);
  #heldLength = 0;
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
    let at = from;
    while (at < chunk.length) {
      if (this.#inString) at = this.#passString(chunk, at);
      else {
        at = this.#passStructure(chunk, at);
        if (this.#depth === 0) return at;
      }
    }
    return -1;
  }

  /** From inside a string to behind its closing quote, or to the chunk's end. */
  #passString(chunk: Buffer, from: number): number {
    const { length } = chunk;
    // The backslash was the last byte of the chunk before: this one is taken as it is.
    let at = this.#escaped ? from + 1 : from;
    this.#escaped = false;
    while (at < length) {
      const byte = chunk[at++];
      if (byte === QUOTE) {
        this.#inString = false;
        return at;
      }
      if (byte === BACKSLASH) at++;
    }
    this.#escaped = at > length;
    return length;
  }

  /** From outside a string to behind the next opening quote, the frame's last bracket, or the chunk's end. */
  #passStructure(chunk: Buffer, from: number): number {
    const { length } = chunk;
    let depth = this.#depth;
    let at = from;
    while (at < length) {
      const byte = chunk[at++];
      if (byte === QUOTE) {
        this.#inString = true;
        break;
      }
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (++depth > this.#limits.maxDepth) throw tooDeep(this.#limits.maxDepth);
      } else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) break;
    }
    this.#depth = depth;
    return at;
  }

  #hold(chunk: Buffer, from: number, to: number): void {
    const length = this.#heldLength + to - from;
    this.#checkSize(length);
    if (length > this.#held.length) {
      // Doubling keeps the bytes copied linear even if the frame comes one byte at a time.
      const larger = Buffer.allocUnsafe(Math.max(length, this.#held.length * 2, 4096));
      this.#held.copy(larger, 0, 0, this.#heldLength);
      this.#copied += this.#heldLength;
      this.#held = larger;
    }
    chunk.copy(this.#held, this.#heldLength, from, to);
    this.#copied += to - from;
    this.#heldLength = length;
  }

  #take(chunk: Buffer, from: number, to: number): unknown {
    let frame = chunk.subarray(from, to);
    if (this.#heldLength > 0) {
      this.#hold(chunk, from, to);
      frame = this.#held.subarray(0, this.#heldLength);
      this.#heldLength = 0;
      if (this.#held.length > KEEP_BYTES) this.#held = Buffer.alloc(0);
    }
    this.#checkSize(frame.length);
    return parse(frame);
  }

  #checkSize(bytes: number): void {
    if (bytes <= this.#limits.maxFrameBytes) return;
    throw new OvsdbError("protocol", `a message is longer than ${this.#limits.maxFrameBytes} bytes`);
  }
}

function tooDeep(limit: number): OvsdbError {
  return new OvsdbError("protocol", `a message is nested deeper than ${limit}`);
}

function notJson(cause: unknown): OvsdbError {
  return new OvsdbError("protocol", "a message is not JSON", { cause });
}

function parse(frame: Buffer): unknown {
  if (!isUtf8(frame)) throw new OvsdbError("protocol", "a message is not UTF-8");
  try {
    return JSON.parse(frame.toString("utf8"));
  } catch (thrown) {
    throw notJson(thrown);
  }
}
