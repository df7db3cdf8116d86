import type { Container, Unit } from "./observed.ts";
import { pendingConfig } from "./pending.ts";

/** How a container's death looked to whoever followed Docker's events: `operator`, somebody asked Docker to stop or kill it. */
export type Death = "operator" | "crash";

/** What one look cannot tell of a container. Times are monotonic milliseconds. */
export interface Memory {
  readonly id: string;
  readonly startedAt?: number;
  readonly downSince?: number;
  readonly unhealthySince?: number;
  /** Runs, and its health check, if it has one, says healthy. */
  readonly goodSince?: number;
  /** The last probe of its health that was seen, and when it was seen first: a wall clock that jumps does not matter. */
  readonly probe?: { readonly ended: string; readonly since: number };
  /** The hash of the configuration that it was started with; absent where that is not known. */
  readonly startedWith?: string;
  readonly death?: Death;
  readonly unit?: UnitMemory;
}

/** How a container's unit was seen, and since when it has been so. */
export interface UnitMemory {
  readonly active: string;
  readonly restarts: number;
  readonly since: number;
}

/** What is known of a unit after another look at it. Pure. */
export function rememberUnit(before: UnitMemory | undefined, { active, restarts }: Unit, now: number): UnitMemory {
  return before?.active === active && before.restarts === restarts ? before : { active, restarts, since: now };
}

/** What is known of a container after another look at it; `downSince` where it is not known from an earlier one. Pure. */
export function remember(
  before: Memory | undefined,
  container: Container,
  death: Death | undefined,
  now: number,
  downSince = now,
): Memory {
  const { id, startedAt, state, config } = container;
  const same = before?.id === id && before.startedAt === startedAt ? before : undefined;
  const down = state !== "running" && state !== "paused" && state !== "restarting";
  const hash = config === undefined || config === "unreadable" ? undefined : config.hash;
  const startedWith = same?.startedWith ?? (pendingConfig(container, undefined) ? undefined : hash);
  const witnessed = death ?? same?.death;
  return {
    id,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(down ? { downSince: same?.downSince ?? downSince } : {}),
    ...(down && witnessed !== undefined ? { death: witnessed } : {}),
    ...(startedWith === undefined ? {} : { startedWith }),
    ...healthMemory(same, container, now),
  };
}

type HealthMemory = Pick<Memory, "unhealthySince" | "goodSince" | "probe">;

/** Docker shows stopped and paused containers as unhealthy: only a running one has a health. */
function healthMemory(same: Memory | undefined, { state, health }: Container, now: number): HealthMemory {
  if (state !== "running") return {};
  if (health === undefined) return { goodSince: same?.goodSince ?? now };
  const { status, lastProbe: ended } = health;
  const probe = ended === undefined ? undefined : same?.probe?.ended === ended ? same.probe : { ended, since: now };
  return {
    ...(status === "unhealthy" ? { unhealthySince: same?.unhealthySince ?? now } : {}),
    ...(status === "healthy" ? { goodSince: same?.goodSince ?? now } : {}),
    ...(probe && { probe }),
  };
}
