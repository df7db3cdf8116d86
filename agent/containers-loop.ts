import type { ContainerSettings, Settings } from "./config/settings.ts";
import { defaultContainers } from "./config/timing.ts";
import { Containers } from "./containers/containers.ts";
import { follow } from "./containers/follow.ts";
import type { ContainersEvent, ContainersPorts } from "./containers/ports.ts";
import { Reconciler, type ReconcilerState } from "./core/reconciler.ts";
import { systemClock } from "./system/clock.ts";
import { openContainerFiles } from "./system/container-files.ts";
import { openContainerJournal } from "./system/container-journal.ts";
import { openDocker } from "./system/docker.ts";
import { openDockerUnit } from "./system/docker-unit.ts";
import type { Places } from "./system/places.ts";
import { openUnits } from "./system/units.ts";
import type { ContainersStatus } from "./web/status.ts";

export interface ContainersHost {
  readonly places: Places;
  readonly settings: () => Settings | undefined;
  readonly report: (event: ContainersEvent) => void;
  readonly onLoop?: (state: ReconcilerState) => void;
}

/** The containers of this host, under a loop of their own: nothing waits for it, and it waits for nobody. */
export interface ContainersLoop {
  readonly status: () => ContainersStatus;
  /** Asks for a pass, such as after a reload. */
  readonly trigger: () => void;
}

export function containersPorts({ places, settings, report }: ContainersHost): ContainersPorts {
  const callTimeoutMs = (): number => settingsOf(settings()).timing.callTimeoutMs;
  return {
    clock: systemClock,
    random: Math.random,
    docker: openDocker(places.docker, callTimeoutMs, openDockerUnit(places.root, callTimeoutMs)),
    units: openUnits(places.root, callTimeoutMs),
    files: openContainerFiles(places.root),
    journal: openContainerJournal(places.containersState),
    report,
  };
}

export function settingsOf(settings: Settings | undefined): ContainerSettings {
  return settings?.containers ?? defaultContainers;
}

/** Begins to look after the containers, until aborted. */
export function startContainers(host: ContainersHost, maintenance: () => boolean, signal: AbortSignal): ContainersLoop {
  const ports = containersPorts(host);
  const trigger = (): void => reconciler.trigger();
  const containers = new Containers(ports, {
    settings: () => settingsOf(host.settings()),
    maintenance,
    expected: () => host.settings()?.containers !== undefined,
    wake: trigger,
  });
  const reconciler = new Reconciler(containers, {
    clock: systemClock,
    random: Math.random,
    ...(host.onLoop === undefined ? {} : { onState: host.onLoop }),
    timing: () => ({
      backoffMinMs: 250,
      backoffMaxMs: 10_000,
      driftIntervalMs: settingsOf(host.settings()).timing.relistMs,
    }),
  });
  void reconciler.run(signal);
  void follow(ports, containers, trigger, signal);
  return { trigger, status: () => statusOf(containers, reconciler) };
}

function statusOf(containers: Containers, { state }: Reconciler): ContainersStatus {
  const problems =
    state.state === "settled" ? state.outcome.problems : state.state === "backoff" ? [state.problem] : [];
  const { docker, observedAt, statuses } = containers;
  return { loop: state, docker, problems, ...(observedAt === undefined ? {} : { observedAt }), list: statuses };
}
