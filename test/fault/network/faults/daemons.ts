import { setTimeout as delay } from "node:timers/promises";
import { ask, lasting, type NetworkFault } from "./fault.ts";

/** ovsdb-server dies between the agent's transaction and its reply, or soon after, and is started again. */
export const killedDatabase: NetworkFault = {
  name: "ovsdb-server killed in a change",
  kind: "daemon",
  asks: "change",
  share: 8,
  aim: (random) => ({
    moment: random.pick(["transaction", "transaction", "committed", "applied", "verified", "probe"] as const),
    delayMs: 0,
    lasts: random.between(1, 30) / 100,
  }),
  silences: lasting,
  play: async (subject, wanted, aim) => {
    const came = subject.moment(aim.moment ?? "transaction");
    await ask(subject, wanted);
    await came;
    await subject.host.killOvs("ovsdb");
    await delay(lasting(subject.pace, aim));
    await subject.host.ovs.startDaemon("ovsdb");
  },
  without: ask,
};

/** ovs-vswitchd dies, and with it the datapath and every port of it, and is started again. */
export const killedSwitch: NetworkFault = {
  name: "ovs-vswitchd killed in a change",
  kind: "daemon",
  asks: "change",
  share: 8,
  aim: (random) => ({
    moment: random.pick(["pending", "transaction", "committed", "applied", "verified", "probe"] as const),
    delayMs: 0,
    lasts: random.between(1, 30) / 100,
  }),
  silences: lasting,
  breaks: true,
  play: async (subject, wanted, aim) => {
    const came = subject.moment(aim.moment ?? "committed");
    await ask(subject, wanted);
    await came;
    await subject.host.killOvs("vswitchd");
    await delay(lasting(subject.pace, aim));
    await subject.host.ovs.startDaemon("vswitchd");
  },
  without: ask,
};
