import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => Number(process.hrtime.bigint() / 1_000_000n),
  async sleep(ms, signal) {
    await sleep(ms, undefined, { signal });
  },
};
