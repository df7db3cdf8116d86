import type { ContainerSettings } from "../config/settings.ts";
import type { Wanted } from "./desired.ts";
import { exitClassOf } from "./exit-class.ts";
import { isOpenvswitch } from "./kolla.ts";
import type { Memory } from "./memory.ts";
import type { Container, Unit } from "./observed.ts";
import { pendingConfig } from "./pending.ts";
import { type Cause, type Reason, reasons, type VerdictKind } from "./reasons.ts";

/** So many restarts by its owner, and still not up: a loop. */
const LOOP = 5;
/** So many unhealthy at once have a common cause, and restarting them all would only add to the trouble. */
const SHARED = 2;

/** Everything that a verdict depends on. Times are monotonic milliseconds. */
export interface Situation {
  readonly wanted: Wanted;
  readonly container?: Container;
  readonly unit?: Unit | "unknown";
  readonly memory?: Memory;
  readonly past: Past;
  readonly host: HostView;
  readonly settings: Pick<ContainerSettings, "timing" | "budget" | "minFreeMib">;
  readonly now: number;
}

/** What the agent has done for this container, from the journal. */
export interface Past {
  /** Not before this time; absent: at any. */
  readonly notBefore?: number;
}

export interface HostView {
  /** The container that is being restarted by the agent. */
  readonly acting?: string;
  readonly maintenance: boolean;
  /** Nothing can be written down before this time. */
  readonly journalClosed?: number;
  /** The last trace of a deployer. */
  readonly deployerAt?: number;
  /** When the restarts of this host were that still count. */
  readonly restarts: readonly number[];
  readonly unhealthy: number;
  readonly freeMib?: number;
}

export interface Verdict {
  readonly verdict: VerdictKind;
  readonly reason: Reason;
  /** What is wrong, where the reason says only why nothing, or not yet, is done about it. */
  readonly cause?: Cause;
  /** Look again then. */
  readonly until?: number;
}

/** What to do about one container, and why. Pure. */
export function verdictOf(situation: Situation): Verdict {
  const stands = standing(situation);
  return "due" in stands ? guarded(situation, stands.due) : stands;
}

const say = (reason: Reason, more: Omit<Verdict, "verdict" | "reason"> = {}): Verdict => ({
  verdict: reasons[reason][0],
  reason,
  ...more,
});

type Standing = Verdict | { readonly due: Cause };

function standing(situation: Situation): Standing {
  const { wanted, container } = situation;
  if (isOpenvswitch(wanted.name)) {
    const runs = container !== undefined && ["running", "restarting", "paused"].includes(container.state);
    return say(runs ? "openvswitch-running" : "openvswitch-leftover");
  }
  if (wanted.kind === "ignored") return say("ignored");
  if (container === undefined) return say("missing");
  if (situation.host.acting === wanted.name) return say("acting");
  switch (container.state) {
    case "removing":
    case "dead":
    case "paused":
      return say(container.state);
    case "restarting":
      return say(container.restartCount >= LOOP ? "crash-loop" : "owner-restarts");
    case "running":
      return running(situation, container);
    case "created":
    case "exited":
      return down(situation, container);
  }
}

function running({ unit, memory, settings, now }: Situation, { health }: Container): Standing {
  if (unit !== undefined && unit !== "unknown" && (unit.active === "failed" || unit.active === "inactive")) {
    return say("unsupervised");
  }
  if (health === undefined) return say("running");
  const probe = memory?.probe;
  // Docker 20.10 stops probing after a restart of dockerd with live-restore, and goes on showing what it saw last.
  if (probe !== undefined && now - probe.since > 2 * health.intervalMs + health.timeoutMs) return say("health-stale");
  if (health.status === "starting") return say("health-starting");
  if (health.status === "healthy") return say("healthy");
  const until = (memory?.unhealthySince ?? now) + settings.timing.unhealthyForMs;
  return now < until ? say("unhealthy-recent", { until }) : { due: "unhealthy" };
}

function down(situation: Situation, container: Container): Standing {
  const { unit, memory, settings, now } = situation;
  if (unit === "unknown") return say("owner-unknown");
  const downSince = memory?.downSince ?? now;
  const after = (cause: Cause, since = downSince): Standing => {
    const until = Math.max(since, downSince) + settings.timing.ownerGraceMs;
    return now < until ? say("owner-acts", { cause, until }) : { due: cause };
  };
  if (unit !== undefined) return downUnderUnit(unit, memory, after);
  if (container.state === "created" && container.error === "") return say("never-started");
  return downUnderPolicy(container, memory, after);
}

function downUnderUnit(
  { active, restarts }: Unit,
  memory: Memory | undefined,
  after: (cause: Cause, since?: number) => Standing,
): Standing {
  switch (active) {
    case "failed":
      return after("unit-failed");
    case "inactive":
      return say("stopped-by-operator");
    case "active":
      // A unit is active as soon as it has begun to start its container, however long that was down before.
      return after("unit-lost", memory?.unit?.since);
    default:
      return say(restarts >= LOOP ? "crash-loop" : "owner-acts");
  }
}

function downUnderPolicy(
  container: Container,
  memory: Memory | undefined,
  after: (cause: Cause) => Standing,
): Standing {
  const { policy, error, exitCode, restartCount } = container;
  if (memory?.death === "operator") return say("stopped-by-operator");
  if (error !== "") return after("start-failed");
  switch (policy.name) {
    case "always":
    case "unless-stopped": {
      // Docker restarts these for ever, unless somebody asked it to stop them.
      const waited = after("exited");
      return "due" in waited ? say("stopped-by-operator") : waited;
    }
    case "on-failure":
      if (exitCode === 0) return say("finished");
      if (policy.maximumRetries > 0 && restartCount >= policy.maximumRetries) return after("gave-up");
      return after("exited");
    default: {
      if (exitCode === 0) return say("finished");
      const kind = exitClassOf(container);
      const unclear = memory?.death === undefined && (kind === "killed" || kind === "terminated");
      return unclear ? say("stop-unseen") : after("exited");
    }
  }
}

/** A restart is due: whether it may be. The first that speaks against it counts. */
function guarded(situation: Situation, cause: Cause): Verdict {
  const { wanted, container, unit, memory, past, host, settings, now } = situation;
  if (wanted.mode !== "restart") return say("observed", { cause });
  // Through Docker, a restart of what a unit owns ends in two.
  if (unit === "unknown") return say("owner-unknown", { cause });
  if (host.maintenance) return say("maintenance", { cause });
  const quiet = host.deployerAt === undefined ? now : host.deployerAt + settings.timing.quietMs;
  if (now < quiet) return say("deployer", { cause, until: quiet });
  const pending = pendingReason(container, memory);
  if (pending !== undefined) return say(pending, { cause });
  if (host.freeMib === undefined || host.freeMib < settings.minFreeMib) return say("disk", { cause });
  if (cause === "unhealthy" && host.unhealthy >= SHARED) return say("shared-cause", { cause });
  if (container !== undefined && holdsGuests(container)) return say("guests", { cause });
  if (host.journalClosed !== undefined && now < host.journalClosed)
    return say("no-journal", { cause, until: host.journalClosed });
  if (past.notBefore !== undefined && now < past.notBefore) return say("backoff", { cause, until: past.notBefore });
  const { budgetWindowMs } = settings.timing;
  const counted = host.restarts.filter((at) => now - at < budgetWindowMs);
  if (counted.length >= settings.budget) {
    return say("budget", { cause, ...(counted.length === 0 ? {} : { until: Math.min(...counted) + budgetWindowMs }) });
  }
  if (host.acting !== undefined) return say("other-action", { cause });
  return say(cause, { cause });
}

function pendingReason(container: Container | undefined, memory: Memory | undefined): Reason | undefined {
  if (container === undefined || !pendingConfig(container, memory?.startedWith)) return undefined;
  return container.config === "unreadable" ? "config-unreadable" : "pending-config";
}

/** A stop kills what lives in the container's control group: virtual machines, where libvirt put them there. */
function holdsGuests({ guests, hostPid, hostCgroup, pid }: Container): boolean {
  if (guests === undefined || pid === 0) return false;
  return guests !== "none" || !hostPid || !hostCgroup;
}
