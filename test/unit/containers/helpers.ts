import type { ContainerSettings } from "../../../agent/config/settings.ts";
import { defaultContainers } from "../../../agent/config/timing.ts";
import type { Container, Unit } from "../../../agent/containers/observed.ts";

export const NOW = 1_000_000;
/** The wall clock of the cases: when the container was started. */
export const STARTED = Date.UTC(2026, 0, 1);

/** A container of Kolla's that runs, with some changes. */
export function container(name: string, changes: Partial<Container> = {}): Container {
  return {
    id: `${name}-id`,
    name,
    image: "lab-kolla/service:19.0",
    labels: { kolla_version: "19.0.0" },
    env: { KOLLA_CONFIG_STRATEGY: "COPY_ALWAYS", KOLLA_SERVICE_NAME: name.replaceAll("_", "-") },
    state: "running",
    pid: 4242,
    exitCode: 0,
    oomKilled: false,
    error: "",
    startedAt: STARTED,
    restartCount: 0,
    policy: { name: "unless-stopped", maximumRetries: 0 },
    hostPid: false,
    hostCgroup: true,
    ...changes,
  };
}

export const gone = (exitCode: number, changes: Partial<Container> = {}): Partial<Container> => ({
  state: "exited",
  pid: 0,
  exitCode,
  finishedAt: STARTED + 1_000,
  ...changes,
});

export const unowned: Partial<Container> = { policy: { name: "no", maximumRetries: 0 } };

export function unit(name: string, active: string, changes: Partial<Unit> = {}): Unit {
  const sub = { active: "running", failed: "failed", activating: "auto-restart" }[active] ?? "dead";
  return {
    unit: `kolla-${name}-container.service`,
    active,
    sub,
    result: active === "failed" ? "start-limit-hit" : "success",
    enabled: true,
    restarts: 0,
    ...changes,
  };
}

export function settings(changes: Partial<ContainerSettings> = {}): ContainerSettings {
  return { ...defaultContainers, default: "restart", ...changes };
}
