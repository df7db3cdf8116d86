import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../../random.ts";
import { type Aim, ask, type NetworkFault, nothing } from "./fault.ts";

const files = ["last-good", "ledger", "failed", "history", "avoid"] as const;
const forms: Readonly<Record<string, (text: string) => string>> = {
  empty: () => "",
  truncated: (text) => text.slice(0, text.length / 2),
  garbage: () => "\u0000\u00ff{[".repeat(200),
  "of another version": () => '{"version":4711,"data":{}}',
  "another shape": () => '{"version":1,"data":[null,{"config":7}]}',
};

function aim(random: Random): Aim {
  return { form: `${random.pick(files)} ${random.pick(Object.keys(forms))}`, delayMs: random.between(0, 400) };
}

/** Which file, and what becomes of its text. */
function spoiled(form: string): readonly [string, (text: string) => string] {
  const [file = "", ...words] = form.split(" ");
  return [file, forms[words.join(" ")] ?? (() => "")];
}

/** A state file is spoiled while no agent runs; the one that starts goes on from what is left and from its configuration. */
export const stateWhileDead: NetworkFault = {
  name: "state file spoiled while the agent is dead",
  kind: "state",
  asks: "nothing",
  share: 8,
  aim,
  breaks: true,
  play: async (subject, _, { form = "" }) => {
    await subject.kill();
    await subject.spoil(...spoiled(form));
    await subject.restart();
  },
  without: nothing,
};

/** A state file is spoiled under the running agent, which is then asked for a change. */
export const stateWhileRunning: NetworkFault = {
  name: "state file spoiled under the agent",
  kind: "state",
  asks: "change",
  share: 8,
  aim,
  breaks: true,
  play: async (subject, wanted, { form = "", delayMs }) => {
    await subject.spoil(...spoiled(form));
    await delay(delayMs);
    await ask(subject, wanted);
  },
  without: ask,
};
