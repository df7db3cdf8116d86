import { setTimeout as delay } from "node:timers/promises";
import { prunedVlan } from "../wanted.ts";
import { ask, type NetworkFault, pause } from "./fault.ts";

/**
 * The management address moves to a VLAN that the fabrics prune, and the agent is killed in that change. Either it is
 * started again as usual, or it stays down until the dead-man alone has healed the host.
 */
function cutOff(name: string, healedBy: "agent" | "dead-man"): NetworkFault {
  return {
    name,
    kind: "kill",
    asks: "cut-off",
    share: 4,
    silences: ({ confirmDeadlineMs }) => confirmDeadlineMs,
    aim: (random) => ({
      moment: random.pick(["committed", "applied", "verified", "probe"] as const),
      delayMs: pause(random, 100),
    }),
    adapt: (wanted) => ({ ...wanted, management: prunedVlan }),
    play: async (subject, wanted, { moment = "applied", delayMs }) => {
      const came = subject.moment(moment);
      await ask(subject, wanted);
      await came;
      if (delayMs > 0) await delay(delayMs);
      await subject.kill();
      if (healedBy === "dead-man") await subject.healed();
      await subject.restart();
    },
    without: ask,
  };
}

export const cutOffAgent = cutOff("cut off, kill, agent started again", "agent");
export const cutOffDeadMan = cutOff("cut off, kill, the dead-man alone", "dead-man");
