import { spawn } from "node:child_process";
import { isIPv6 } from "node:net";
import { createInterface } from "node:readline";
import { backoffMs } from "../core/backoff.ts";
import type { Neighbour, Neighbourhood } from "../network/ports.ts";
import { systemClock } from "./clock.ts";
import { run } from "./run.ts";

const TIMEOUT_MS = 2_000;

/** What arping, ping and the kernel's neighbour table know of a network. */
export const neighbourhood: Neighbourhood = {
  async listen({ device, address }, heard, signal) {
    // One process that stays: starting one a second costs more than all the rest of the agent.
    const [command, args] = isIPv6(address)
      ? ["ping", ["-6", "-n", "-I", device, address]]
      : ["arping", ["-I", device, address]];
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const answered = await listenOnce(command, args, heard, signal);
      if (answered) attempt = 0;
      const wait = backoffMs(attempt, { minMs: 500, maxMs: 5_000 }, Math.random);
      await systemClock.sleep(wait, signal).catch(() => undefined);
    }
  },

  async known(device, signal) {
    const args = ["-json", "neighbour", "show", "dev", device];
    const { code, stdout } = await run("ip", args, { signal, timeoutMs: TIMEOUT_MS });
    const entries: unknown = code === 0 ? JSON.parse(stdout || "[]") : [];
    return Array.isArray(entries) ? entries.flatMap(neighbourOf) : [];
  },
};

/** Runs the command until it ends; whether anybody answered meanwhile. */
function listenOnce(
  command: string,
  args: readonly string[],
  heard: (mac?: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    let answered = false;
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"], signal, killSignal: "SIGKILL" });
    createInterface(child.stdout).on("line", (line) => {
      if (!/\b(reply|bytes) from\b/.test(line)) return;
      answered = true;
      // arping writes it as [02:00:5E:AA:BB:01].
      heard(/\[([0-9a-f:]{17})\]/i.exec(line)?.[1]?.toLowerCase());
    });
    child.once("error", () => resolve(answered));
    child.once("close", () => resolve(answered));
  });
}

/** Of an entry of `ip neighbour` with a MAC address, in whatever state: whether it answers now is for the asking. */
function neighbourOf(entry: unknown): readonly Neighbour[] {
  if (typeof entry !== "object" || entry === null || !("dst" in entry) || !("lladdr" in entry)) return [];
  const { dst, lladdr } = entry;
  return typeof dst === "string" && typeof lladdr === "string" ? [{ address: dst, mac: lladdr.toLowerCase() }] : [];
}
