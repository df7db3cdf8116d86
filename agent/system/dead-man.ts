import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { AgentError } from "../core/errors.ts";
import type { DeadMan } from "../network/ports.ts";
import { systemClock } from "./clock.ts";
import { writeFileAtomic } from "./files.ts";
import { run } from "./run.ts";

const TIMER = "devcloud-agent-rollback.timer";
const DROP_IN = `/run/systemd/system/${TIMER}.d/deadline.conf`;
const SYSTEMCTL_TIMEOUT_MS = 10_000;

/** The timer of systemd where it runs this host, else a process of its own. Both run `network rollback --pending`. */
export function openDeadMan(root: string, program: string): DeadMan {
  return root === "/" && existsSync("/run/systemd/system") ? systemdTimer : detachedProcess(root, program);
}

const systemdTimer: DeadMan = {
  async arm(_id, afterMs) {
    // The first, empty assignment takes away the value of the shipped unit.
    const text = `[Timer]\nOnActiveSec=\nOnActiveSec=${Math.max(1, Math.round(afterMs))}ms\n`;
    await writeFileAtomic(DROP_IN, text);
    await systemctl("daemon-reload");
    await systemctl("restart", TIMER);
  },
  async disarm() {
    await systemctl("stop", TIMER);
    await rm(DROP_IN, { force: true });
  },
};

async function systemctl(...args: readonly string[]): Promise<void> {
  const signal = new AbortController().signal;
  const { code, stderr } = await run("systemctl", args, { signal, timeoutMs: SYSTEMCTL_TIMEOUT_MS });
  if (code === 0) return;
  throw new AgentError({
    code: "E_DEAD_MAN",
    message: `systemctl ${args.join(" ")} failed: ${stderr.trim()}`,
    hint: "Without its dead-man no change is applied. Is devcloud-agent-rollback.timer installed?",
  });
}

function detachedProcess(root: string, program: string): DeadMan {
  return {
    async arm(id, afterMs) {
      const at = systemClock.monotonic() + afterMs;
      const args = [program, "--root", root, "network", "rollback", "--pending", id, "--at", String(Math.round(at))];
      const child = spawn(process.execPath, args, { detached: true, stdio: "ignore" });
      await new Promise<void>((resolve, reject) => {
        child.once("spawn", () => resolve());
        child.once("error", (error) => {
          const message = `the process that would take the change back could not be started: ${error.message}`;
          reject(new AgentError({ code: "E_DEAD_MAN", message }, { cause: error }));
        });
      });
      child.unref();
    },
    // It ends by itself as soon as it sees that its change is not pending any more.
    disarm: async () => undefined,
  };
}
