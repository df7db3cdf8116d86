import { backoffMs } from "../core/backoff.ts";
import type { Containers } from "./containers.ts";
import type { ContainersPorts } from "./ports.ts";

/** Docker starts after us, and restarts when it likes: an attempt costs next to nothing, and starts no Docker. */
const pause = { minMs: 250, maxMs: 3_000 };

/** Follows Docker's events until aborted; whenever the stream begins or ends, everything is looked at again. Never rejects. */
export async function follow(
  { clock, random, docker }: ContainersPorts,
  containers: Containers,
  wake: () => void,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    let opened = false;
    const onOpen = (): void => {
      opened = true;
      attempt = 0;
      wake();
    };
    // Why it failed is told by the pass, which meets the same Docker.
    await docker.events(onOpen, (event) => containers.noticed(event), signal).catch(() => undefined);
    if (opened) containers.lostEvents();
    await clock.sleep(backoffMs(attempt, pause, random), signal).catch(() => undefined);
  }
}
