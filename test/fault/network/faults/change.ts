import { setTimeout as delay } from "node:timers/promises";
import { moments } from "../moment.ts";
import { ask, type NetworkFault, pause } from "./fault.ts";

/** The agent is killed once, in the middle of a change. */
export const duringChange: NetworkFault = {
  name: "kill in a change",
  kind: "kill",
  asks: "change",
  share: 56,
  aim: (random) => {
    const moment = random.pick(moments);
    // Of the last moment only an instant is left.
    return { moment, delayMs: moment === "confirming" ? 0 : pause(random, 60) };
  },
  play: async (subject, wanted, { moment = "pending", delayMs }) => {
    const came = subject.moment(moment);
    await ask(subject, wanted);
    await came;
    if (delayMs > 0) await delay(delayMs);
    await subject.kill();
    await subject.restart();
  },
  without: ask,
};
