import type { Timing } from "../../../agent/config/settings.ts";
import { defaultTiming } from "../../../agent/config/timing.ts";
import type { ConfigMap } from "../../lab/config.ts";

/** What ships, in milliseconds: the schema's defaults, and RestartSec of devcloud-agent.service. */
export const shipped = {
  confirmDeadlineMs: 120_000,
  confirmGood: 3,
  updelayMs: 30_000,
  restartMs: 2_000,
  timing: defaultTiming,
} as const;

/**
 * What waits for the machine and not for a person: scaled below this, a busy machine alone would make them expire, and
 * the lane would test that.
 */
const floors: Partial<Timing> = {
  bootBudgetMs: 10_000,
  ovsdbTimeoutMs: 2_000,
  applyTimeoutMs: 3_000,
  probeTimeoutMs: 1_000,
  backoffMinMs: 50,
  deadManGraceMs: 1_000,
  uplinkSilentMs: 1_300,
  uplinkProbeMs: 400,
};

/** Durations of a run. */
export interface Pace {
  readonly speed: number;
  readonly confirmDeadlineMs: number;
  readonly confirmGood: number;
  readonly updelayMs: number;
  /** From the end of the agent's process until it is started again. */
  readonly restartMs: number;
  readonly timing: Timing;
}

const timingKeys: Record<keyof Timing, string> = {
  bootBudgetMs: "boot_budget",
  ovsdbTimeoutMs: "ovsdb_timeout",
  applyTimeoutMs: "apply_timeout",
  probeIntervalMs: "probe_interval",
  probeTimeoutMs: "probe_timeout",
  backoffMinMs: "backoff_min",
  backoffMaxMs: "backoff_max",
  driftIntervalMs: "drift_interval",
  uplinkSilentMs: "uplink_silent",
  uplinkProbeMs: "uplink_probe",
  uplinkWitnessMs: "uplink_witness",
  uplinkMoveMs: "uplink_move",
  uplinkAllDeafMs: "uplink_all_deaf",
  uplinkFlapHoldMs: "uplink_flap_hold",
  lldpIntervalMs: "lldp_interval",
  deadManGraceMs: "dead_man_grace",
};
const timingNames = Object.keys(timingKeys) as (keyof Timing)[];

/** The shipped durations divided by `speed`, with the floors. Speed 1 is exactly what ships. */
export function paceAt(speed: number): Pace {
  const scaled = (name: keyof Timing): number => {
    const value = shipped.timing[name];
    return Math.min(value, Math.max(floors[name] ?? 1, Math.round(value / speed)));
  };
  return {
    speed,
    confirmDeadlineMs: Math.round(shipped.confirmDeadlineMs / speed),
    confirmGood: shipped.confirmGood,
    updelayMs: Math.round(shipped.updelayMs / speed),
    restartMs: Math.round(shipped.restartMs / speed),
    timing: Object.fromEntries(timingNames.map((name) => [name, scaled(name)])) as Record<keyof Timing, number>,
  };
}

/** The `timing` section of the configuration. */
export function timingSection({ timing }: Pace): ConfigMap {
  return Object.fromEntries(timingNames.map((name) => [timingKeys[name], `${timing[name]}ms`]));
}

/** Every duration of a run in one sentence, for people. */
export function describePace(pace: Pace): string {
  const { speed, confirmDeadlineMs, confirmGood, updelayMs, restartMs, timing } = pace;
  const scaled = {
    "confirm.deadline": confirmDeadlineMs,
    "bond.updelay": updelayMs,
    "restart of the agent": restartMs,
  };
  const named = Object.fromEntries(timingNames.map((name) => [timingKeys[name], timing[name]]));
  const parts = Object.entries({ ...scaled, ...named }).map(([name, ms]) => `${name} ${ms} ms`);
  const how =
    speed === 1 ? "as shipped" : `shipped ones divided by ${speed}, time-outs not below what a busy machine needs`;
  return `durations (${how}): ${parts.join(", ")}, confirm.good ${confirmGood}`;
}
