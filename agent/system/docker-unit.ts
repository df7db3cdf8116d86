import { existsSync } from "node:fs";
import { join } from "node:path";
import { AgentError } from "../core/errors.ts";
import { systemClock } from "./clock.ts";
import { run } from "./run.ts";

/**
 * Throws E_DOCKER_ABSENT where a connection would start Docker instead of reaching it, and E_DOCKER_UNREACHABLE where that
 * cannot be told. An answer that is not older than `maxAgeMs` is as good as a new one.
 */
export type Awake = (maxAgeMs: number) => Promise<void>;

/**
 * Asks systemd, without a connection to Docker: docker.socket goes on listening for a Docker that was stopped, and keeps
 * whoever connects while it stops until it can start it again. Where systemd does not listen, a connection does no harm.
 */
export function openDockerUnit(root: string, callTimeoutMs: () => number): Awake {
  const booted = join(root, "run/systemd/system");
  let last: { readonly at: number; readonly answer: Promise<void> } | undefined;
  return async (maxAgeMs) => {
    if (!existsSync(booted)) return;
    const now = systemClock.monotonic();
    // Half of the time is Docker's: a systemd that does not answer is not told as a Docker that does not.
    if (last === undefined || now - last.at > maxAgeMs) last = { at: now, answer: ask(callTimeoutMs() / 2) };
    await last.answer;
  };
}

async function ask(timeoutMs: number): Promise<void> {
  const args = ["show", "--property=ActiveState", "--", "docker.socket", "docker.service"];
  // Several calls wait for one answer: that one of them is given up ends it for none.
  const { signal } = new AbortController();
  const done = await run("systemctl", args, { signal, timeoutMs }).catch((cause: unknown) => untold(cause));
  const [socket, service] = [...done.stdout.matchAll(/^ActiveState=(.*)$/gm)].map(([, state]) => state);
  if (done.code !== 0 || socket === undefined || service === undefined) untold(done.stderr.trim());
  if (socket === "inactive" || socket === "failed" || service === "active" || service === "reloading") return;
  const message = `Docker does not run: docker.service is ${service}`;
  throw new AgentError({ code: "E_DOCKER_ABSENT", message, hint: "systemctl status docker" });
}

function untold(cause: unknown): never {
  const message = "Docker is not asked: systemd does not say whether it runs, and a connection could start it";
  throw new AgentError(
    { code: "E_DOCKER_UNREACHABLE", message, hint: "systemctl status docker.socket docker.service" },
    { cause },
  );
}
