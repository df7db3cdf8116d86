import { FrameReader } from "node-ovsdb";
import type { Bench, Series } from "./figure.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** What a switch port sends, which is most of what a host's database says: short texts, small maps, empty sets. */
const SIZES: readonly { readonly name: string; readonly bytes: number; readonly chunks: readonly number[] }[] = [
  { name: "64 KiB", bytes: 64 * KIB, chunks: [1, 64, 1500, 64 * KIB] },
  { name: "1 MiB", bytes: MIB, chunks: [1, 64, 1500, 64 * KIB] },
  { name: "16 MiB", bytes: 16 * MIB, chunks: [1, 64, 1500, 64 * KIB] },
  { name: "64 MiB", bytes: 64 * MIB, chunks: [64, 1500, 64 * KIB] },
];

const limits = { maxFrameBytes: 128 * MIB, maxDepth: 64 };

/** One message of a monitor, cut into chunks as a socket would: how much slower than JSON.parse of the whole of it. */
export const framing: Bench = {
  name: "framing",
  about: "bytes a second from chunks to messages, against a bare JSON.parse of the whole message",
  rounds: 9,
  async run(rounds, tick) {
    const all: Series[] = [];
    for (const { name, bytes, chunks } of SIZES) {
      const message = snapshot(bytes);
      for (const size of chunks) {
        const pieces = cut(message, size);
        // One for all, as a connection has one.
        const reader = new FrameReader(limits);
        // Short ones are repeated, so that each measurement is long against the clock and the collector of garbage.
        const times = Math.max(1, Math.round((4 * MIB) / message.length));
        const ours: number[] = [];
        const theirs: number[] = [];
        for (let round = 0; round < rounds; round += 1) {
          ours.push(speed(message.length, times, () => read(reader, pieces)));
          theirs.push(speed(message.length, times, () => JSON.parse(message.toString("utf8"))));
          tick();
        }
        const goal = size === 1500 ? { goal: 0.8, atLeast: true } : {};
        all.push({ figure: `${name} in chunks of ${size}`, unit: "MB/s", peer: "JSON.parse", ...goal, ours, theirs });
      }
    }
    return all;
  },
};

function speed(bytes: number, times: number, work: () => unknown): number {
  const started = performance.now();
  for (let count = 0; count < times; count += 1) work();
  return (bytes * times) / (performance.now() - started) / 1000;
}

function read(reader: FrameReader, pieces: readonly Buffer[]): unknown {
  let frame: unknown;
  for (const piece of pieces) reader.push(piece, (one) => (frame = one));
  return frame;
}

function cut(message: Buffer, size: number): readonly Buffer[] {
  const pieces: Buffer[] = [];
  for (let from = 0; from < message.length; from += size) pieces.push(message.subarray(from, from + size));
  return pieces;
}

/** The answer to a monitor of the table Interface, of about so many bytes. */
function snapshot(bytes: number): Buffer {
  const rows: string[] = [];
  for (let length = 0; length < bytes; length += rows.at(-1)?.length ?? 0) rows.push(row(rows.length));
  return Buffer.from(`{"id":1,"result":{"Interface":{${rows.join(",")}}},"error":null}`);
}

function row(number: number): string {
  const id = `3f2c8a4e-0a51-4c52-9a37-${number.toString(16).padStart(12, "0")}`;
  const columns = {
    name: `tap${number}`,
    type: "",
    ofport: number,
    error: ["set", []],
    mac_in_use: "fe:16:3e:4c:8f:11",
    external_ids: [
      "map",
      [
        ["attached-mac", "fa:16:3e:4c:8f:11"],
        ["iface-id", id],
        ["iface-status", "active"],
      ],
    ],
    options: ["map", []],
    admin_state: "up",
    link_state: "up",
  };
  return `"${id}":${JSON.stringify({ new: columns })}`;
}
