import { setTimeout as delay } from "node:timers/promises";
import type { Subject } from "../subject.ts";
import type { Wanted } from "../wanted.ts";
import { ask, type NetworkFault } from "./fault.ts";

/** A person takes a change back, and the agent is killed while it does so. */
export const duringRollback: NetworkFault = {
  name: "kill in a rollback",
  kind: "kill",
  asks: "change",
  share: 10,
  aim: (random) => ({ delayMs: random.chance(0.5) ? 0 : random.between(1, 20) }),
  adapt: (wanted) => ({ ...wanted, confirmBy: "operator" }),
  play: async (subject, wanted, { delayMs }) => {
    const came = subject.rollingBack();
    const said = takeBack(subject, wanted);
    await came;
    if (delayMs > 0) await delay(delayMs);
    await subject.kill();
    await said;
    await subject.restart();
  },
  without: async (subject, wanted) => void (await takeBack(subject, wanted)),
};

/** The daemon may be killed while it answers, so that the command's exit code says nothing here. */
async function takeBack(subject: Subject, wanted: Wanted): Promise<void> {
  const applied = subject.moment("verified");
  await ask(subject, wanted);
  await applied;
  await subject.host.cli("network", "rollback");
}
