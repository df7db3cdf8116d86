import { moments } from "../moment.ts";
import { ask, type NetworkFault } from "./fault.ts";

const jumps: Readonly<Record<string, number>> = {
  "an hour forward": 3_600_000,
  "an hour back": -3_600_000,
  "a century forward": 3_155_760_000_000,
  "to before 1970": -1_900_000_000_000,
};

/** The wall clock of the agent and its dead-man jumps in the middle of a change, as after a first contact with NTP. */
export const clockJump: NetworkFault = {
  name: "clock jump in a change",
  kind: "clock",
  asks: "change",
  share: 8,
  aim: (random) => ({ form: random.pick(Object.keys(jumps)), moment: random.pick(moments), delayMs: 0 }),
  play: async (subject, wanted, { form = "", moment = "pending" }) => {
    await subject.restartWithClock();
    const came = subject.moment(moment);
    await ask(subject, wanted);
    await came;
    await subject.jump(jumps[form] ?? 0);
  },
  without: ask,
};
