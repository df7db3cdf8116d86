import { openCollectors } from "../collectors/index.ts";
import { Scrape } from "../collectors/scrape.ts";
import type { MetricsSettings } from "./config/settings.ts";
import { closedMetrics, defaultMetrics } from "./config/timing.ts";
import { splitHostPort } from "./config/values.ts";
import type { Configuration } from "./configuration.ts";
import { containerStates } from "./container-states.ts";
import type { ContainersLoop } from "./containers-loop.ts";
import { type Problem, problemOf } from "./core/errors.ts";
import { shared } from "./core/shared.ts";
import type { Events } from "./events.ts";
import type { Host } from "./host.ts";
import type { LegsLoop } from "./legs-loop.ts";
import type { Maintenance } from "./maintenance.ts";
import type { Legs } from "./network/legs/legs.ts";
import type { Network } from "./network/network.ts";
import { osDeployments } from "./os-deployments.ts";
import type { OsWatch } from "./os-watch.ts";
import { ovsState } from "./ovs-state.ts";
import type { Readiness } from "./readiness.ts";
import { systemClock } from "./system/clock.ts";
import { readFileBounded } from "./system/files.ts";
import { hostName } from "./system/host-facts.ts";
import { SystemHostFiles } from "./system/host-files.ts";
import { type Listen, type WebOptions, type WebRoute, WebServer } from "./system/web-server.ts";
import { readWebTls } from "./system/web-tls.ts";
import type { Telemetry } from "./telemetry.ts";
import type { UplinksLoop } from "./uplinks-loop.ts";
import { version } from "./version.ts";
import { describeMaintenance } from "./web/maintenance.ts";
import { OwnMetrics, type OwnState } from "./web/own-metrics.ts";
import { byOwnName } from "./web/own-name.ts";
import { statusPage } from "./web/page/page.ts";
import { pages } from "./web/pages.ts";
import type { ContainersStatus, Status } from "./web/status.ts";
import { parseWebConfig } from "./web/web-config.ts";

export interface WebParts {
  readonly host: Host;
  readonly network: Network;
  readonly readiness: Readiness;
  readonly configuration: Configuration;
  readonly maintenance: Maintenance;
  readonly events: Events;
  readonly telemetry: Telemetry;
  readonly status: () => Promise<Status>;
  readonly alive: () => boolean;
  /** Absent until it is begun with. */
  readonly containers: () => ContainersLoop | undefined;
  readonly os: OsWatch;
  /** Absent until it is begun with. */
  readonly uplinks: () => UplinksLoop | undefined;
  /** Absent until it is begun with. */
  readonly legs: () => LegsLoop | undefined;
  /** Further pages, by path. */
  readonly routes?: Readonly<Record<string, WebRoute>>;
  readonly signal: AbortSignal;
}

export interface Web {
  /** Look again now: an address came or went, or the configuration was read. */
  look(): void;
  close(): void;
}

const MAX_WEB_CONFIG = 64 * 1024;

/** How old what a client is shown may be: each look goes through the `ip` that the network is looked after with. */
const STATUS_KEPT_MS = 1_000;

/** What is to be served, as the configuration says it now. */
interface Wanted {
  readonly listen: readonly Listen[];
  readonly loopbackOnly: boolean;
  readonly tls?: NonNullable<WebOptions["tls"]>;
  readonly clientTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/** Serves what anybody may read over HTTP, on the addresses of `metrics.listen`, until the signal is aborted. */
export function serveWeb(parts: WebParts): Web {
  const { configuration, events, signal } = parts;
  const settings = (): MetricsSettings =>
    configuration.settings === undefined ? closedMetrics : (configuration.settings.metrics ?? defaultMetrics);
  const files = new SystemHostFiles(parts.host.places.root, () => settings().timing.collectTimeoutMs / 2);
  const status = shared(parts.status, systemClock, STATUS_KEPT_MS);
  const page = statusPage({
    status,
    statusNow: parts.status,
    subscribe: (listener) => events.subscribe(listener),
    host: () => configuration.settings?.host.name ?? hostName(),
    clock: systemClock,
    onError: (error) => events.bug(error),
    signal,
  });
  const all = { ...pages({ ...pagesTarget(parts, files, settings), status }), ...page, ...parts.routes };
  const routes = byOwnName(all, () => [configuration.settings?.host.name ?? "", hostName()]);
  let server: WebServer | undefined;
  let serving = "";
  let told = "";
  let wake: () => void = () => undefined;

  async function look(): Promise<void> {
    const wanted = await wantedOf(settings(), (problem) => {
      if (problem.message === told) return;
      told = problem.message;
      events.problem(problem);
    });
    const key = JSON.stringify(wanted);
    if (key !== serving) {
      // Other certificates or another list: everything anew. What is the same comes back at once.
      server?.close();
      server = new WebServer({ ...wanted, routes, onProblem: (problem) => events.problem(problem) });
      serving = key;
    }
    if (await server?.refresh()) events.tell({ event: "listening", on: server?.open ?? [] });
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const awake = new AbortController();
      wake = () => awake.abort();
      await look().catch((error: unknown) => events.bug(error));
      const until = AbortSignal.any([signal, awake.signal]);
      await systemClock.sleep(settings().timing.listenIntervalMs, until).catch(() => undefined);
    }
  }

  void run();
  return {
    look: () => wake(),
    close() {
      server?.close();
      files[Symbol.dispose]();
    },
  };
}

function pagesTarget(parts: WebParts, files: SystemHostFiles, settings: () => MetricsSettings) {
  const { host, network, readiness, configuration, maintenance, telemetry, events, signal } = parts;
  const own = new OwnMetrics(version, process.version, () => {
    const current = network.current;
    return {
      ready: readiness.ready,
      loops: telemetry.states,
      changing: network.change !== undefined,
      maintenance: maintenance.current !== undefined,
      ...(network.rung === undefined ? {} : { rung: network.rung.rung }),
      ...gray(parts.uplinks()),
      configuration: configuration.inForce,
      neighbors: neighborsOf(parts.legs()?.legs()),
      ...(current === undefined
        ? {}
        : { network: { revision: current.revision, hash: current.hash, mode: current.network.mode } }),
    };
  });
  telemetry.attach((fact) =>
    fact.fact === "pass" ? own.pass(fact.capability, fact.outcome, fact.seconds) : own.event(fact.event),
  );
  const collectors = openCollectors({
    host: files,
    containers: {
      containers: () => containerStates(parts.containers()?.status()),
      processes: () => processesOf(parts.containers()?.status()),
    },
    os: { deployments: () => osDeployments(parts.os.view) },
    ovs: { observe: async () => ovsState(await host.ovs.observe(signal)) },
  });
  const scrape = new Scrape(collectors, {
    clock: { monotonic: () => performance.now(), sleep: (ms, until) => systemClock.sleep(ms, until) },
    timeoutMs: () => settings().timing.collectTimeoutMs,
    onFailure: (collector, error) =>
      events.problem({
        code: "E_METRICS_COLLECTOR",
        message: `metrics of ${collector} are missing: ${problemOf(error).message}`,
      }),
  });
  return {
    metrics: async () => (await scrape.text()) + (await own.text()),
    ready: () => readiness.ready,
    notice: () =>
      [maintenance.current && describeMaintenance(maintenance.current), configuration.notice?.message]
        .filter((line) => line !== undefined)
        .join("\n") || undefined,
    alive: parts.alive,
  };
}

function processesOf(status: ContainersStatus | undefined): ReadonlyMap<string, number> {
  const list = status?.list ?? [];
  return new Map(list.flatMap(({ id, pid }) => (id === undefined || pid === undefined ? [] : [[id, pid] as const])));
}

function gray(loop: UplinksLoop | undefined): Pick<OwnState, "uplinks"> {
  return loop === undefined ? {} : { uplinks: loop.gray().state };
}

function neighborsOf(legs: Legs | undefined): OwnState["neighbors"] {
  if (legs?.state !== "told") return [];
  return legs.legs.flatMap(({ nic, device, neighbors }) => neighbors.map((neighbor) => ({ ...neighbor, nic, device })));
}

async function wantedOf(settings: MetricsSettings, onProblem: (problem: Problem) => void): Promise<Wanted> {
  const listen = settings.listen.flatMap((text) => splitHostPort(text) ?? []);
  const { clientTimeoutMs, requestTimeoutMs } = settings.timing;
  const common = { listen, clientTimeoutMs, requestTimeoutMs };
  if (settings.webConfig === undefined) return { ...common, loopbackOnly: false };
  try {
    const bytes = await readFileBounded(settings.webConfig, MAX_WEB_CONFIG);
    const { tls } = parseWebConfig(new TextDecoder().decode(bytes), settings.webConfig);
    const read = tls && (await readWebTls(tls, settings.webConfig));
    return { ...common, loopbackOnly: false, ...(read === undefined ? {} : { tls: read }) };
  } catch (error) {
    const { message } = problemOf(error);
    onProblem({
      code: "E_WEB_CONFIG",
      message: `only loopback is served: ${message}`,
      file: settings.webConfig,
      path: "metrics.web_config",
      hint: "The other listeners open by themselves once the file is right.",
    });
    return { ...common, loopbackOnly: true };
  }
}
