import { UID_BYTES } from "./values.ts";

/** A UUIDv7 (RFC 9562, section 5.7): 48 bits of time, then chance. `random` must have 16 bytes. */
export function uuidV7(nowMs: number, random: Uint8Array): Uint8Array {
  const uid = Uint8Array.from(random.subarray(0, UID_BYTES));
  const view = new DataView(uid.buffer);
  view.setUint16(0, Math.floor(nowMs / 2 ** 32) & 0xffff);
  view.setUint32(2, nowMs % 2 ** 32);
  view.setUint8(6, 0x70 | (view.getUint8(6) & 0x0f));
  view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f));
  return uid;
}

/** `0192d0c4-...`: the form for people. */
export function formatUid(uid: Uint8Array): string {
  const hex = toHex(uid);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/[0-9a-f]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16));
}
