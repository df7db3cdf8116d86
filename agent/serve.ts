import type { Configuration } from "./configuration.ts";
import type { Reconciler } from "./core/reconciler.ts";
import type { Events } from "./events.ts";
import type { Host } from "./host.ts";
import type { Network } from "./network/network.ts";
import { networkStatus } from "./network-status.ts";
import type { Readiness } from "./readiness.ts";
import { systemClock } from "./system/clock.ts";
import type { UnixServer } from "./system/http.ts";
import { version } from "./version.ts";
import type { Status } from "./web/status.ts";

export interface Parts {
  readonly host: Host;
  readonly network: Network;
  readonly reconciler: Reconciler;
  readonly readiness: Readiness;
  readonly configuration: Configuration;
  readonly events: Events;
  readonly reload: () => Promise<void>;
}

/** Opens the control socket of the daemon. Loads HTTP only now: nothing needs it before the network stands. */
export async function serveControl(parts: Parts): Promise<UnixServer> {
  const { host, network, reconciler, events, reload } = parts;
  const { serveUnix } = await import("./system/http.ts");
  const { controlRoutes } = await import("./web/control.ts");
  const startedAt = systemClock.now();
  const routes = controlRoutes({
    network,
    reconciler,
    reload,
    status: () => statusOf(parts, startedAt),
    subscribe: (listener) => events.subscribe(listener),
  });
  return serveUnix(host.places.controlSocket, routes, host.places.groupFile);
}

async function statusOf(parts: Parts, startedAt: number): Promise<Status> {
  const { host, network, reconciler, readiness, configuration, events } = parts;
  return {
    schema: "devcloud-agent/status/v1",
    version,
    pid: process.pid,
    startedAt,
    ready: readiness.ready,
    network: await networkStatus(host, network, reconciler.state, configuration.settings, events.current),
  };
}
