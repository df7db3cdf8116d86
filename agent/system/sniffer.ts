import { spawn } from "node:child_process";
import { AgentError } from "../core/errors.ts";
import type { SnifferPort, Tag } from "../network/legs/ports.ts";

/** Destination, source, EtherType and tag. */
const SNAPLEN = 18;
/** Frames to group addresses, without those of the link itself: IEEE's 01:80:c2 (LLDP, spanning tree) and Cisco's 01:00:0c. */
const FILTER = "ether[0] & 1 != 0 and ether[0:4] & 0xffffff00 != 0x0180c200 and ether[0:4] & 0xffffff00 != 0x01000c00";
const FILE_HEADER = 24;
const RECORD_HEADER = 16;

/** One tcpdump a device. It parses nothing (`-w -`), which is the part of it that has had holes. */
export const sniffer: SnifferPort = {
  listen(device, begun, heard, signal) {
    // -Z: the user that a distribution's tcpdump becomes need not be there; libpcap puts tags back that the NIC took off.
    const args = [
      "-i",
      device,
      "-Q",
      "in",
      "-Z",
      "root",
      "--immediate-mode",
      "-p",
      "-U",
      "-s",
      String(SNAPLEN),
      "-w",
      "-",
    ];
    return new Promise((resolve, reject) => {
      if (signal.aborted) return resolve();
      const child = spawn("tcpdump", [...args, FILTER], { stdio: ["ignore", "pipe", "pipe"] });
      const end = (): void => void child.kill("SIGKILL");
      signal.addEventListener("abort", end, { once: true });
      let said = "";
      child.stderr.on("data", (chunk: Buffer) => {
        const before = said;
        said = `${said}${chunk.toString()}`.slice(-4096);
        if (said.includes("listening on") && !before.includes("listening on")) begun();
      });
      const take = pcapReader(heard);
      child.stdout.on("data", take);
      child.once("error", (error: NodeJS.ErrnoException) => reject(noTcpdump(error)));
      child.once("close", () => {
        signal.removeEventListener("abort", end);
        if (signal.aborted) resolve();
        else reject(new AgentError({ code: "E_SNIFF_ENDED", message: `tcpdump on ${device} ended: ${said.trim()}` }));
      });
    });
  },
};

function noTcpdump(error: NodeJS.ErrnoException): AgentError {
  const missing = error.code === "ENOENT";
  const problem = missing
    ? { code: "E_TOOL_MISSING", message: "tcpdump is not installed", hint: "dnf install tcpdump" }
    : { code: "E_TOOL_FAILED", message: `tcpdump could not be run: ${error.message}` };
  return new AgentError(problem, { cause: error });
}

/** Reads a classic pcap file, as it comes in pieces, and tells the tag of each frame. */
export function pcapReader(heard: (tag: Tag) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let order: "LE" | "BE" | undefined;
  return (chunk) => {
    let data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (order === undefined && data.length >= FILE_HEADER) {
      // The byte order is that of the machine: the magic number tells.
      order = [0xa1b2c3d4, 0xa1b23c4d].includes(data.readUInt32LE(0)) ? "LE" : "BE";
      data = data.subarray(FILE_HEADER);
    }
    while (order !== undefined && data.length >= RECORD_HEADER) {
      const length = order === "LE" ? data.readUInt32LE(8) : data.readUInt32BE(8);
      if (data.length < RECORD_HEADER + length) break;
      heard(tagOf(data.subarray(RECORD_HEADER, RECORD_HEADER + length)));
      data = data.subarray(RECORD_HEADER + length);
    }
    rest = data;
  };
}

/** IEEE 802.1Q, 9.6: the lower 12 bits are the VLAN; 0 is a priority without a VLAN. */
function tagOf(frame: Buffer): Tag {
  if (frame.length < SNAPLEN || frame.readUInt16BE(12) !== 0x8100) return "untagged";
  const vlan = frame.readUInt16BE(14) & 0x0fff;
  return vlan === 0 ? "untagged" : vlan;
}
