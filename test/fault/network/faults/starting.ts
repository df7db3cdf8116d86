import { setTimeout as delay } from "node:timers/promises";
import { ask, type NetworkFault } from "./fault.ts";

/** The configuration changes while no agent runs, and the one that starts is killed on its way. */
export const starting: NetworkFault = {
  name: "kill while starting",
  kind: "kill",
  asks: "change",
  share: 8,
  aim: (random) => ({ delayMs: random.between(20, 900) }),
  play: async (subject, wanted, { delayMs }) => {
    await subject.kill();
    await subject.write(wanted);
    await subject.restart();
    await delay(delayMs);
    await subject.kill();
    await subject.restart();
  },
  without: ask,
};
