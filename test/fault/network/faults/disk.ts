import { setTimeout as delay } from "node:timers/promises";
import { moments } from "../moment.ts";
import { ask, duration, lasting, type NetworkFault } from "./fault.ts";

/** The disk of the agent's state is full from some moment of a change on, and has room again later. */
export const diskFull: NetworkFault = {
  name: "disk full in a change",
  kind: "disk",
  asks: "change",
  share: 8,
  aim: (random) => ({ moment: random.pick(moments), delayMs: 0, lasts: duration(random) }),
  silences: lasting,
  play: async (subject, wanted, aim) => {
    const came = subject.moment(aim.moment ?? "pending");
    await ask(subject, wanted);
    await came;
    await subject.fillDisk();
    await delay(lasting(subject.pace, aim));
    await subject.freeDisk();
  },
  without: ask,
};

/** The disk is full before the change is asked for, and has room again later. */
export const diskFullBefore: NetworkFault = {
  name: "disk full before a change",
  kind: "disk",
  asks: "change",
  share: 4,
  aim: (random) => ({ delayMs: 0, lasts: random.between(2, 40) / 100 }),
  silences: lasting,
  play: async (subject, wanted, aim) => {
    await subject.fillDisk();
    await ask(subject, wanted);
    await delay(lasting(subject.pace, aim));
    await subject.freeDisk();
  },
  without: ask,
};
