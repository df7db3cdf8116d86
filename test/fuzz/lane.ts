import { setImmediate as breathe } from "node:timers/promises";
import type { SystemLane } from "../system/lane.ts";
import { ClientRuns } from "./clients/runs.ts";
import { corpusOf, keep } from "./corpus.ts";
import { Fuzzer } from "./fuzzer.ts";
import { targets } from "./targets.ts";

const say = (line: string) => process.stdout.write(`${line}\n`);

/** Inputs by chance into whatever of node-ovsdb takes something from outside. */
export const fuzzLane: SystemLane = {
  name: "fuzz",
  shows:
    "node-ovsdb by chance: frames, values, streams of updates, clients and what befalls them (--seconds, --seed, --from)",
  lacks: async () => undefined,
  mustRun: async () => false,
  async run({ signal, seconds, seed, from }) {
    const fuzzers = await Promise.all(targets.map(async (target) => new Fuzzer(target, seed, await corpusOf(target))));
    const clients = new ClientRuns(seed);
    say(`fuzz: ${seconds} s, seed ${seed}, from round ${from}`);
    const until = performance.now() + seconds * 1000;
    let round = from;
    for (; performance.now() < until; round += 1) {
      for (const fuzzer of fuzzers) fuzzer.round(round);
      await clients.round(round);
      await breathe();
      signal.throwIfAborted();
    }
    const failed: string[] = [];
    say("target     runs        inputs/s   new corpus   failures");
    for (const { target, runs, ms, fresh, failures } of fuzzers) {
      for (const input of fresh) await keep(target, input);
      for (const { message, input } of failures) {
        failed.push(`${target.name}: ${message}: ${await keep(target, input, true)}`);
      }
      const cells = [
        String(runs).padEnd(11),
        String(Math.round((runs / ms) * 1000)).padEnd(10),
        String(fresh.length).padEnd(12),
      ];
      say(`${target.name.padEnd(10)} ${cells.join(" ")} ${failures.length}`);
    }
    const { runs, ms, failure } = clients;
    if (failure !== undefined) failed.push(`clients: ${failure}`);
    const cells = [String(runs).padEnd(11), String(Math.round((runs / ms) * 1000)).padEnd(10), "".padEnd(12)];
    say(`clients    ${cells.join(" ")} ${failure === undefined ? 0 : 1}`);
    say(`go on: npm run lane -- fuzz --seconds ${seconds} --seed ${seed} --from ${round}`);
    return failed;
  },
};
