import type { Drift } from "../core/step.ts";
import type { Wanted } from "./desired.ts";
import { type ExitClass, exitClassOf } from "./exit-class.ts";
import type { Container, ContainerState, Unit } from "./observed.ts";
import type { Cause, Reason, VerdictKind } from "./reasons.ts";
import type { Verdict } from "./verdict.ts";

/** One container as the status, the metrics and the controller show it. Plain JSON; times are milliseconds since the epoch. */
export interface ContainerStatus {
  readonly name: string;
  /** Absent: there is no such container. */
  readonly id?: string;
  readonly image?: string;
  /** Of its first process, while it runs: `/proc/PID/cgroup` leads to its counters. */
  readonly pid?: number;
  readonly state: ContainerState | "missing";
  readonly health: "none" | "starting" | "healthy" | "unhealthy" | "stale";
  readonly kind: Wanted["kind"];
  readonly mode: Wanted["mode"];
  readonly origin: Wanted["origin"];
  readonly owner: Owner;
  readonly exit?: { readonly code: number; readonly class: ExitClass; readonly at?: number };
  readonly startedAt?: number;
  /** By its owner: Docker's policy, or its unit. */
  readonly restarts: number;
  readonly verdict: VerdictKind;
  readonly reason: Reason;
  readonly cause?: Cause;
  /** The verdict may change then without anything else happening. */
  readonly until?: number;
  readonly drift: readonly Drift[];
  readonly lastAction?: Action;
}

/** Who is to restart a container. */
export type Owner =
  | { readonly kind: "unit"; readonly name: string; readonly state: string }
  | { readonly kind: "policy"; readonly name: string }
  | { readonly kind: "none" | "unknown" };

/** Something that the agent did. */
export interface Action {
  readonly at: number;
  readonly action: "start" | "restart" | "restart-unit";
  readonly cause: Cause;
  readonly result: "pending" | "done" | "failed" | "skipped" | "unknown";
  readonly detail?: string;
}

export interface Judged {
  readonly wanted: Wanted;
  readonly container?: Container;
  readonly unit?: Unit | "unknown";
  readonly verdict: Verdict;
  readonly drift: readonly Drift[];
  readonly lastAction?: Action;
}

/** `wall` turns monotonic milliseconds into those since the epoch. */
export function statusOf(judged: Judged, wall: (monotonic: number) => number): ContainerStatus {
  const { wanted, container, unit, verdict, drift, lastAction } = judged;
  const { until, ...why } = verdict;
  return {
    name: wanted.name,
    ...(container === undefined ? {} : { id: container.id, image: container.image }),
    ...(container === undefined || container.pid === 0 ? {} : { pid: container.pid }),
    state: container?.state ?? "missing",
    health: healthOf(container, verdict),
    kind: wanted.kind,
    mode: wanted.mode,
    origin: wanted.origin,
    owner: ownerOf(container, unit),
    ...exitOf(container),
    ...(container?.startedAt === undefined ? {} : { startedAt: container.startedAt }),
    restarts: unit === undefined || unit === "unknown" ? (container?.restartCount ?? 0) : unit.restarts,
    ...why,
    ...(until === undefined ? {} : { until: Math.round(wall(until)) }),
    drift,
    ...(lastAction === undefined ? {} : { lastAction }),
  };
}

function healthOf(container: Container | undefined, { reason }: Verdict): ContainerStatus["health"] {
  // Docker shows stopped and paused containers as unhealthy, which says nothing.
  if (container?.health === undefined || container.state !== "running") return "none";
  return reason === "health-stale" ? "stale" : container.health.status;
}

function exitOf(container: Container | undefined): Pick<ContainerStatus, "exit"> {
  if (container === undefined || (container.state !== "exited" && container.state !== "dead")) return {};
  const { exitCode, finishedAt } = container;
  const at = finishedAt === undefined ? {} : { at: finishedAt };
  return { exit: { code: exitCode, class: exitClassOf(container), ...at } };
}

function ownerOf(container: Container | undefined, unit: Unit | "unknown" | undefined): Owner {
  if (unit === "unknown") return { kind: "unknown" };
  if (unit !== undefined) return { kind: "unit", name: unit.unit, state: `${unit.active} (${unit.sub})` };
  const policy = container?.policy.name ?? "no";
  return policy === "no" ? { kind: "none" } : { kind: "policy", name: policy };
}
