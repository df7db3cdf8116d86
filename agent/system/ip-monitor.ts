import { spawn } from "node:child_process";
import { backoffMs } from "../core/backoff.ts";
import { systemClock } from "./clock.ts";

/** Calls back whenever the kernel says that a link, an address or a route changed. Keeps one `ip monitor` running until aborted. */
export async function followKernel(onChange: () => void, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const started = systemClock.monotonic();
    await new Promise<void>((resolve) => {
      const child = spawn("ip", ["monitor", "link", "address", "route"], {
        stdio: ["ignore", "pipe", "ignore"],
        signal,
      });
      child.stdout.on("data", onChange);
      child.once("error", () => resolve());
      child.once("close", () => resolve());
    });
    if (systemClock.monotonic() - started > 60_000) attempt = 0;
    await systemClock
      .sleep(backoffMs(attempt, { minMs: 1_000, maxMs: 60_000 }, Math.random), signal)
      .catch(() => undefined);
  }
}
