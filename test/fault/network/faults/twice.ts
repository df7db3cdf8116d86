import { setTimeout as delay } from "node:timers/promises";
import { moments } from "../moment.ts";
import { ask, type NetworkFault } from "./fault.ts";

/** Killed in the middle of a change, and again while it looks at what it left. */
export const twice: NetworkFault = {
  name: "kill in a change, then in its resumption",
  kind: "kill",
  asks: "change",
  share: 12,
  aim: (random) => ({ moment: random.pick(moments), delayMs: 0, againMs: random.between(0, 900) }),
  play: async (subject, wanted, { moment = "pending", againMs = 0 }) => {
    const came = subject.moment(moment);
    await ask(subject, wanted);
    await came;
    await subject.kill();
    await subject.restart();
    await delay(againMs);
    await subject.kill();
    await subject.restart();
  },
  without: ask,
};
