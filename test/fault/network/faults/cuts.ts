import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../../random.ts";
import { moments } from "../moment.ts";
import type { Subject } from "../subject.ts";
import { type Aim, ask, duration, lasting, type NetworkFault, nothing, pause } from "./fault.ts";

const legs = ["em1", "em2", "both"] as const;
const kinds = ["carrier", "silent"] as const;

function form(random: Random): string {
  return `${random.pick(legs)} ${random.pick(kinds)}`;
}

/** The fabrics die one after the other, the first one whole again before: each time the other leg carries. */
export const cutInTurn: NetworkFault = {
  name: "fabrics dead in turn",
  kind: "cut",
  asks: "nothing",
  share: 6,
  aim: (random) => ({ form: random.pick(["em1 silent", "em2 silent"]), delayMs: 0, lasts: 1.25 }),
  silences: lasting,
  play: async (subject, _, aim) => {
    await subject.meetNeighbours();
    await cutFor(subject, aim);
    const other = aim.form === "em1 silent" ? "em2 silent" : "em1 silent";
    await cutFor(subject, { ...aim, form: other });
  },
  without: nothing,
};

/** Cuts, waits, and mends in any case: a round ends with both legs whole. */
async function cutFor(subject: Subject, aim: Aim): Promise<void> {
  const [leg = "em1", kind] = (aim.form ?? "").split(" ");
  const nics = leg === "both" ? ["em1", "em2"] : [leg];
  try {
    for (const nic of nics) await subject.lab.cut(subject.host, nic, { loseCarrier: kind === "carrier" });
    await delay(lasting(subject.pace, aim));
  } finally {
    for (const nic of nics) await subject.lab.mend(subject.host, nic);
  }
}

/** One leg or both are cut, with or without loss of carrier, while nothing is to be done. */
export const cutIdle: NetworkFault = {
  name: "legs cut while idle",
  kind: "cut",
  asks: "nothing",
  share: 10,
  aim: (random) => ({ form: form(random), delayMs: pause(random, 200), lasts: duration(random) }),
  silences: lasting,
  play: async (subject, _, aim) => {
    await subject.meetNeighbours();
    await delay(aim.delayMs);
    await cutFor(subject, aim);
  },
  without: nothing,
};

/** The same in the middle of a change. */
export const cutInChange: NetworkFault = {
  name: "legs cut in a change",
  kind: "cut",
  asks: "change",
  share: 14,
  aim: (random) => ({
    form: form(random),
    moment: random.pick(moments),
    delayMs: pause(random, 60),
    lasts: duration(random),
  }),
  silences: lasting,
  play: async (subject, wanted, aim) => {
    await subject.meetNeighbours();
    const came = subject.moment(aim.moment ?? "pending");
    await ask(subject, wanted);
    await came;
    await delay(aim.delayMs);
    await cutFor(subject, aim);
  },
  without: ask,
};
