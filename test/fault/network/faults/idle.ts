import { setTimeout as delay } from "node:timers/promises";
import type { NetworkFault } from "./fault.ts";

/** Killed while nothing is to be done. */
export const idle: NetworkFault = {
  name: "kill while idle",
  kind: "kill",
  asks: "nothing",
  share: 6,
  aim: (random) => ({ delayMs: random.between(0, 500) }),
  play: async (subject, _, { delayMs }) => {
    await delay(delayMs);
    await subject.kill();
    await subject.restart();
  },
  without: async () => undefined,
};
