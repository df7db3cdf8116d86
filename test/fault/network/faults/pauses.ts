import { setTimeout as delay } from "node:timers/promises";
import { moments } from "../moment.ts";
import { ask, duration, lasting, type NetworkFault } from "./fault.ts";

/** Who is stopped and goes on later as if nothing had been: a machine that swaps, a debugger, a snapshot of a VM. */
function paused(name: string, who: "agent" | "vswitchd" | "ovsdb"): NetworkFault {
  return {
    name,
    kind: "pause",
    asks: "change",
    share: 8,
    aim: (random) => ({ moment: random.pick(moments), delayMs: 0, lasts: duration(random) }),
    silences: lasting,
    play: async (subject, wanted, aim) => {
      const came = subject.moment(aim.moment ?? "pending");
      await ask(subject, wanted);
      await came;
      subject.stop(who);
      try {
        await delay(lasting(subject.pace, aim));
      } finally {
        subject.goOn(who);
      }
    },
    without: ask,
  };
}

export const pausedAgent = paused("agent stopped (SIGSTOP) in a change", "agent");
export const pausedSwitch = paused("ovs-vswitchd stopped (SIGSTOP) in a change", "vswitchd");
export const pausedDatabase = paused("ovsdb-server stopped (SIGSTOP) in a change", "ovsdb");
