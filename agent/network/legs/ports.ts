import type { Neighbors } from "./neighbors.ts";

/** Who is at the other end of each cable, as the switches tell it. */
export interface LldpPort {
  /** Rejects with E_LLDP_ANSWER where the answer is not understood; a host without lldpd is an answer. */
  ask(signal: AbortSignal): Promise<Neighbors>;
}

/** What arrives on a device at the level of Ethernet. */
export interface SnifferPort {
  /**
   * Calls `begun` once it listens, then `heard` for each frame to a group address, with the 802.1Q tag that it came with, until aborted.
   * Frames of the link itself (LLDP, spanning tree) are left out. Rejects with E_TOOL_MISSING and E_SNIFF_ENDED.
   */
  listen(device: string, begun: () => void, heard: (tag: Tag) => void, signal: AbortSignal): Promise<void>;
}

/** A VLAN id, or the lack of one: untagged, or tagged with 0 for its priority alone. */
export type Tag = number | "untagged";
