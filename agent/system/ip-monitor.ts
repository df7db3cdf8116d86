import { spawn } from "node:child_process";
import { backoffMs } from "../core/backoff.ts";
import { systemClock } from "./clock.ts";
import { killGroup, letGo } from "./group.ts";

/** Calls back whenever the kernel says that a link, an address or a route changed. Keeps one `ip monitor` running until aborted. */
export async function followKernel(onChange: () => void, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const started = systemClock.monotonic();
    await new Promise<void>((resolve) => {
      const stdio = ["ignore", "pipe", "ignore"] as const;
      const child = spawn("ip", ["monitor", "link", "address", "route"], { stdio: [...stdio], detached: true });
      const end = (): void => {
        signal.removeEventListener("abort", end);
        killGroup(child);
        letGo(child);
        resolve();
      };
      signal.addEventListener("abort", end, { once: true });
      child.stdout.on("data", onChange);
      child.once("error", end);
      child.once("exit", end);
    });
    if (systemClock.monotonic() - started > 60_000) attempt = 0;
    await systemClock
      .sleep(backoffMs(attempt, { minMs: 1_000, maxMs: 60_000 }, Math.random), signal)
      .catch(() => undefined);
  }
}
