import { isIPv6 } from "node:net";
import type { IpLink } from "./ip-link.ts";
import { run } from "./run.ts";
import { writeSysctl } from "./sysctl.ts";

const TIMEOUT_MS = 3_000;

/** How others are told where an address of this host is. Nobody has to answer; an address that is gone by now needs no announcement. */
export interface Announcing {
  /** It may have another MAC address than before: neighbours that remember the old one learn the new one. */
  announce(device: string, address: string): void;
  /** It has the MAC address that it had, on another way: the switches have to learn, and any frame will do for that. */
  greet(device: string, address: string): void;
}

/** `ipv6`: the folder with the kernel's switches, by device. */
export function openAnnouncing(ipv6: string): Announcing {
  return {
    announce(device, address) {
      const told = isIPv6(address) ? advertise(ipv6, device) : gratuitousArp(device, address);
      void told.catch(() => undefined);
    },
    greet(device, address) {
      const sent = isIPv6(address) ? echoToAll(device) : gratuitousArp(device, address);
      void sent.catch(() => undefined);
    },
  };
}

/**
 * Unsolicited neighbour advertisements (RFC 4861 section 7.2.6), which iputils cannot send: the kernel does, for every address of a device
 * whose MAC address is set, also to what it was. `ndisc_notify` alone is not enough: an address that is added with `nodad` is
 * announced by nobody. The kernel forgets the device's neighbours with it, which nobody misses where the address has just come.
 */
async function advertise(ipv6: string, device: string): Promise<void> {
  await writeSysctl(`${ipv6}/${device}/ndisc_notify`, 1);
  const { stdout } = await ip("-json", "-details", "link", "show", "dev", device);
  const [link] = JSON.parse(stdout) as readonly IpLink[];
  // Drivers of hardware may take the link down for it.
  const made = link?.linkinfo?.info_kind !== undefined && link.address !== undefined;
  if (made) await ip("link", "set", "dev", device, "address", link.address);
  else await echoToAll(device);
}

async function gratuitousArp(device: string, address: string): Promise<void> {
  await ended("arping", ["-U", "-c", "1", "-w", "1", "-I", device, address]);
}

/** An echo request to all nodes: a frame from the device's MAC address, and no more. */
async function echoToAll(device: string): Promise<void> {
  await ended("ping", ["-6", "-n", "-c", "1", "-w", "1", "-I", device, "ff02::1"]);
}

function ip(...args: readonly string[]) {
  return ended("ip", args);
}

function ended(command: string, args: readonly string[]) {
  return run(command, args, { signal: AbortSignal.timeout(TIMEOUT_MS), timeoutMs: TIMEOUT_MS });
}
