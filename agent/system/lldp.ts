import { AgentError } from "../core/errors.ts";
import type { Neighbors } from "../network/legs/neighbors.ts";
import type { LldpPort } from "../network/legs/ports.ts";
import { run } from "./run.ts";

const TIMEOUT_MS = 5_000;

/** What lldpd has heard, by its own client: `parse` reads what that prints. */
export function openLldp(parse: (text: string) => Extract<Neighbors, { state: "told" }>["neighbors"]): LldpPort {
  return {
    async ask(signal) {
      try {
        const args = ["-f", "json0", "show", "neighbors", "details"];
        const { code, stdout } = await run("lldpcli", args, { signal, timeoutMs: TIMEOUT_MS });
        if (code !== 0) return { state: "absent", why: "lldpd does not run (systemctl start lldpd)" };
        return { state: "told", neighbors: parse(stdout) };
      } catch (error) {
        if (!(error instanceof AgentError) || error.code !== "E_TOOL_MISSING") throw error;
        return { state: "absent", why: "lldpd is not installed" };
      }
    },
  };
}
