import type { Accepted, Loaded } from "./config/load.ts";
import { BREAK_GLASS_RANK } from "./config/sources.ts";
import { AgentError, type Problem, problemOf } from "./core/errors.ts";
import { openStateFile } from "./system/state-store.ts";

interface Kept {
  /** As it was written, and not as settings: another version of the agent checks it anew, and fills in its own defaults. */
  readonly merged: unknown;
}

/** The last valid configuration on the disk, for a daemon that starts with an invalid one. */
export interface KeptConfiguration {
  /** Undefined where there is none, or none that this agent can use. Never rejects. */
  read(): Promise<Accepted | undefined>;
  /** Never rejects. */
  write(loaded: Loaded): Promise<void>;
}

export function openKeptConfiguration(file: string, onProblem: (problem: Problem) => void): KeptConfiguration {
  const state = openStateFile<Kept>(file, onProblem);
  return {
    async read() {
      try {
        const kept = await state.read();
        return kept && (await accepted(kept, file));
      } catch (error) {
        onProblem(problemOf(error));
        return undefined;
      }
    },
    async write({ merged, sources }) {
      // Break-glass is gone at reboot, and must not come back from here.
      if (sources.some(({ rank }) => rank === BREAK_GLASS_RANK)) return;
      try {
        const kept = await state.read();
        if (JSON.stringify(kept?.merged) !== JSON.stringify(merged)) await state.write({ merged });
      } catch (error) {
        onProblem(problemOf(error));
      }
    },
  };
}

async function accepted({ merged }: Kept, file: string): Promise<Accepted> {
  const { parseFragments } = await import("./config/load.ts");
  const result = parseFragments([{ file, rank: 2, text: JSON.stringify(merged) }]);
  if (result.ok) return result;
  const message = `${file} cannot be used: ${result.problems[0]?.message}`;
  throw new AgentError({ code: "E_STATE_UNREADABLE", message, file });
}
