import type { ContainerTiming } from "../config/settings.ts";
import { AgentError, problemOf } from "../core/errors.ts";
import { exitClassOf } from "./exit-class.ts";
import type { Intent, Result } from "./journal.ts";
import { look } from "./observe.ts";
import type { Container } from "./observed.ts";
import type { ContainersPorts } from "./ports.ts";
import type { Cause } from "./reasons.ts";
import type { Action } from "./status.ts";

const LOG_LINES = 50;
/** Between two looks whether a container that was started runs. */
const LOOK_MS = 250;

/** One restart, decided. */
export interface Step {
  readonly kind: Action["action"];
  readonly name: string;
  readonly container: Container;
  /** Through the unit where there is one: Docker's own restart would end in two. */
  readonly unit?: string;
  readonly why: Cause;
  readonly attempt: number;
  readonly pauseMs: number;
}

export type Ended = Pick<Result, "result" | "detail">;

/** What is written down before anything is done. */
export async function intentOf(ports: ContainersPorts, step: Step, signal: AbortSignal): Promise<Intent> {
  const { kind: action, name, container, unit, why: cause, attempt, pauseMs } = step;
  // The output is for people; a restart does not wait for it to be there.
  const log = await ports.docker.logs(container.id, LOG_LINES, signal).catch(() => []);
  const exit = container.state === "exited" ? { code: container.exitCode, class: exitClassOf(container) } : undefined;
  return {
    version: 1,
    kind: "intent",
    at: ports.clock.now(),
    name,
    container: container.id,
    action,
    cause,
    ...(unit === undefined ? {} : { unit }),
    pauseMs,
    attempt,
    ...(exit === undefined ? {} : { exit }),
    log,
  };
}

/**
 * Does what was decided, if the container is still what it was then, and waits until it runs. `still` judges the container as
 * it is now, right before.
 */
export async function apply(
  ports: ContainersPorts,
  step: Step,
  timing: ContainerTiming,
  still: (container: Container, signal: AbortSignal) => Promise<boolean>,
  signal: AbortSignal,
): Promise<Ended> {
  const { container } = step;
  const now = await look(ports, container.id, signal);
  if (now === undefined) return { result: "skipped", detail: "it was removed meanwhile" };
  const same = now.name === step.name && now.state === container.state && now.startedAt === container.startedAt;
  if (!same || !(await still(now, signal)))
    return { result: "skipped", detail: `it is ${now.state} by now, or has changed` };
  try {
    await appliers[step.kind](ports, step, timing, signal);
  } catch (error) {
    const { code, message } = problemOf(error);
    if (!(error instanceof AgentError)) throw error;
    // A stop that came too late for us happens all the same, later.
    return { result: code === "E_DOCKER_TIMEOUT" ? "unknown" : "failed", detail: message };
  }
  return await verified(ports, step, timing, signal);
}

type Applier = (ports: ContainersPorts, step: Step, timing: ContainerTiming, signal: AbortSignal) => Promise<void>;

const appliers: { readonly [K in Step["kind"]]: Applier } = {
  start: ({ docker }, { container }, { actionTimeoutMs }, signal) =>
    docker.act(container.id, "start", actionTimeoutMs, signal),
  restart: ({ docker }, { container }, { actionTimeoutMs }, signal) =>
    docker.act(container.id, "restart", actionTimeoutMs, signal),
  "restart-unit": async ({ units }, { unit }, { actionTimeoutMs }, signal) => {
    if (unit !== undefined) await units.restart(unit, actionTimeoutMs, signal);
  },
};

/** Docker answers "it was so already" also to a start that meets a stop in flight: only another start of it is proof. */
async function verified(
  ports: ContainersPorts,
  { container, kind }: Step,
  { actionTimeoutMs, callTimeoutMs }: ContainerTiming,
  signal: AbortSignal,
): Promise<Ended> {
  const { clock, docker } = ports;
  // Docker has answered for a container; a unit has yet to run `docker start`.
  const until = clock.monotonic() + (kind === "restart-unit" ? actionTimeoutMs : callTimeoutMs);
  for (;;) {
    const now = await docker.inspect(container.id, signal).catch(() => undefined);
    const started = now !== undefined && now.startedAt !== container.startedAt;
    if (started && now.state === "running") return { result: "done" };
    // A unit starts it again by itself.
    if (started && kind !== "restart-unit")
      return { result: "failed", detail: `it was started, and is ${now.state} again` };
    if (clock.monotonic() >= until) {
      return {
        result: "failed",
        detail: now === undefined ? "Docker does not show it" : `it is ${now.state}, and was not started`,
      };
    }
    await clock.sleep(LOOK_MS, signal);
  }
}
