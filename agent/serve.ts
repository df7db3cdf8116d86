import { defaultMetrics } from "./config/timing.ts";
import type { Configuration } from "./configuration.ts";
import type { ContainersLoop } from "./containers-loop.ts";
import type { Controller } from "./controller/controller.ts";
import type { Reconciler } from "./core/reconciler.ts";
import type { Events } from "./events.ts";
import type { Host } from "./host.ts";
import type { LegsLoop } from "./legs-loop.ts";
import type { Maintenance } from "./maintenance.ts";
import type { Network } from "./network/network.ts";
import { networkStatus } from "./network-status.ts";
import type { OsWatch } from "./os-watch.ts";
import type { Readiness } from "./readiness.ts";
import type { UnixServer } from "./system/http.ts";
import type { UplinksLoop } from "./uplinks-loop.ts";
import { version } from "./version.ts";
import type { OsStatus, Status } from "./web/status.ts";

export interface Parts {
  readonly host: Host;
  readonly network: Network;
  readonly reconciler: Reconciler;
  readonly readiness: Readiness;
  readonly configuration: Configuration;
  readonly events: Events;
  readonly os: OsWatch;
  /** Absent until it is begun with. */
  readonly containers: () => ContainersLoop | undefined;
  /** Absent until it is opened. */
  readonly link: () => Controller | undefined;
  /** Absent until it is begun with. */
  readonly uplinks: () => UplinksLoop | undefined;
  readonly maintenance: Maintenance;
  /** Absent until it is begun with. */
  readonly legs: () => LegsLoop | undefined;
  readonly reload: () => Promise<void>;
}

/** Opens the control socket of the daemon. Loads HTTP only now: nothing needs it before the network stands. */
export async function serveControl(parts: Parts): Promise<UnixServer> {
  const { host, network, reconciler, configuration, events, reload } = parts;
  const { serveUnix } = await import("./system/http.ts");
  const { controlRoutes } = await import("./web/control.ts");
  const routes = controlRoutes({
    network,
    reconciler,
    reload,
    status: () => statusOf(parts),
    retryController: () => parts.link()?.retry(),
    uplinks: () => parts.uplinks()?.uplinks,
    maintenance: parts.maintenance,
    subscribe: (listener) => events.subscribe(listener),
  });
  return serveUnix(host.places.controlSocket, routes, {
    groupFile: host.places.groupFile,
    clientTimeoutMs: () => (configuration.settings?.metrics ?? defaultMetrics).timing.clientTimeoutMs,
  });
}

export async function statusOf(parts: Parts): Promise<Status> {
  const { host, network, reconciler, readiness, configuration, events } = parts;
  const controller = parts.link()?.status;
  const containers = parts.containers();
  const uplinks = parts.uplinks();
  const legs = parts.legs();
  return {
    schema: "devcloud-agent/status/v1",
    version,
    pid: process.pid,
    startedAt: Math.round(performance.timeOrigin),
    ready: readiness.ready,
    configuration: {
      inForce: configuration.inForce,
      ...(configuration.notice && { problem: configuration.notice }),
    },
    ...(parts.maintenance.current && { maintenance: parts.maintenance.current }),
    network: {
      ...(await networkStatus(host, network, reconciler.state, configuration.settings, events.current)),
      ...(uplinks === undefined
        ? {}
        : {
            uplinks: { gray: uplinks.gray(), avoided: uplinks.uplinks.avoided, witnesses: uplinks.witnesses() },
          }),
      ...(legs === undefined ? {} : { legs: legs.legs() }),
    },
    os: osStatus(parts.os),
    ...(containers && { containers: containers.status() }),
    ...(controller === undefined ? {} : { controller }),
  };
}

function osStatus({ view, problems }: OsWatch): OsStatus {
  return { view, problems };
}
