import { spawn } from "node:child_process";
import { join } from "node:path";
import { lanes } from "../lanes.ts";
import type { SystemLane } from "./lane.ts";

const folder = "test/integration/faults";

/** The faults of a host's network one by one: too slow to be part of `npm test`. */
export const faultsLane: SystemLane = {
  name: "faults",
  shows:
    "the faults of a host's network, one by one, in namespaces: dead daemons, dead fabrics, thieves, adoption, Neutron",
  lacks: async () => await lanes.find(({ name }) => name === "faults")?.lacks(),
  mustRun: async () => process.env.CI !== undefined,
  async run({ signal, quick }) {
    const files = quick ? `${folder}/uplinks` : folder;
    const child = spawn(process.execPath, [join(import.meta.dirname, "../run.ts"), files], {
      stdio: "inherit",
      signal,
    });
    const code = await new Promise<number>((resolve) => {
      child.once("error", () => resolve(1));
      child.once("close", (status) => resolve(status ?? 1));
    });
    signal.throwIfAborted();
    return code === 0 ? [] : [`tests of ${folder} failed; they are named above`];
  },
};
