import { defaultTiming } from "./config/timing.ts";
import { Configuration } from "./configuration.ts";
import type { ContainersLoop } from "./containers-loop.ts";
import type { Controller } from "./controller/controller.ts";
import type { Session } from "./controller/state.ts";
import { problemOf } from "./core/errors.ts";
import { Reconciler, type ReconcilerState } from "./core/reconciler.ts";
import { Events } from "./events.ts";
import { openHost } from "./host.ts";
import type { LegsLoop } from "./legs-loop.ts";
import { Maintenance, type Ordered } from "./maintenance.ts";
import { Fallback } from "./network/ladder/fallback.ts";
import { Network } from "./network/network.ts";
import type { NetworkEvent } from "./network/ports.ts";
import { lastGoodOf } from "./network/state.ts";
import type { Wanted } from "./network/wanted.ts";
import type { OsWatch } from "./os-watch.ts";
import { Readiness } from "./readiness.ts";
import { type Parts, serveControl, statusOf } from "./serve.ts";
import type { Web } from "./serve-web.ts";
import { systemClock } from "./system/clock.ts";
import { exists, removeTemporaries, touch } from "./system/files.ts";
import type { UnixServer } from "./system/http.ts";
import { followKernel } from "./system/ip-monitor.ts";
import { openLog } from "./system/log.ts";
import { openNotifier } from "./system/notify.ts";
import { keepCompiledCode, onSignals } from "./system/process.ts";
import { openStateFile } from "./system/state-store.ts";
import { Telemetry } from "./telemetry.ts";
import type { UplinksLoop } from "./uplinks-loop.ts";
import { describeMaintenance } from "./web/maintenance.ts";

/** A pass that got nowhere for this long is stuck: the watchdog is no longer fed. */
const STUCK_MS = 45_000;

/** `devcloud-agent run`: until SIGTERM or SIGINT. Resolves with the exit code; a broken configuration never ends it. */
export async function runDaemon(root: string, program: string): Promise<number> {
  const log = openLog();
  const events = new Events(log, () => systemClock.now());
  const telemetry = new Telemetry(() => systemClock.monotonic());
  events.subscribe((event) => telemetry.event(event));
  const stop = new AbortController();
  const notifier = openNotifier(process.env);
  const host = await openHost({
    root,
    program,
    timing: {
      ...defaultTiming,
      get applyTimeoutMs() {
        return configuration.timing.applyTimeoutMs;
      },
    },
    onProblem: (problem) => events.problem(problem),
    report,
  });
  host.open();
  const controllerSession = openStateFile<Session>(host.places.controllerSession, (problem) => events.problem(problem));
  const configuration = new Configuration(host.places, {
    onProblem: (problem) => events.problem(problem),
    applying: async () => (await session())?.applying !== undefined,
    takeBack: async () => (await session())?.takeBack,
    hasLastGood: async () => (await lastGoodOf(host.ports.state)) !== undefined,
  });
  // On a full disk the running link knows more than its file. One that cannot be read must not keep the network from its configuration.
  async function session(): Promise<Session | undefined> {
    return link?.session ?? (await controllerSession.read().catch(unreadable));
  }
  function unreadable(error: unknown): undefined {
    events.problem(problemOf(error));
  }
  const readiness = new Readiness({
    notifier,
    clock: systemClock,
    writeFlag: () => touch(host.places.netReady),
    tell: (event) => events.tell(event),
  });
  // The flag outlives a restart of the agent and no reboot.
  const stood = exists(host.places.netReady);
  const wantedNetwork = async (): Promise<Wanted> => {
    await readiness.announced;
    const wanted = await configuration.wanted();
    await maintenance.load();
    const leftovers = containers?.status().problems.filter(({ code }) => code === "E_CONTAINER_OPENVSWITCH") ?? [];
    const others = [...leftovers, ...(uplinks?.problems() ?? []), ...(legs?.problems() ?? [])];
    return { ...wanted, paused: maintenance.current !== undefined, problems: [...wanted.problems, ...others] };
  };
  const fallback = new Fallback(host.ports, wantedNetwork);
  const maintenance = new Maintenance({
    clock: systemClock,
    file: openStateFile<Ordered>(host.places.maintenance, (problem) => events.problem(problem)),
    settings: () => configuration.settings?.maintenance,
    tell: (event) => events.tell(event),
    onChange: () => {
      reconciler.trigger();
      containers?.trigger();
    },
  });
  const network = new Network(host.ports, { wanted: wantedNetwork, stood, fallback });
  const reconciler = new Reconciler(network, {
    clock: systemClock,
    random: Math.random,
    timing: () => configuration.timing,
    onState: onPass,
  });

  function report(event: NetworkEvent): void {
    if (event.event === "stands") readiness.stands(event.problems).then(later, (error: unknown) => events.bug(error));
    else events.tell(event);
  }

  function onPass(state: ReconcilerState): void {
    telemetry.loop(network.name, state);
    if (state.state === "running" || state.state === "idle") return;
    const problems = state.state === "settled" ? state.outcome.problems : [state.problem];
    events.problems(problems);
    const worst = problems[0]?.message;
    const pause = maintenance.current && describeMaintenance(maintenance.current);
    readiness.status(pause === undefined ? worst : `${pause}; ${worst ?? "the network stands"}`);
    later();
  }

  // What nobody waits for during a boot begins when the network stands, or when the first pass ended badly. A pass may take as
  // long as a change waits for its confirmation, which comes through the control socket. Tried again where it failed.
  let serving: Promise<UnixServer | undefined> | undefined;
  function later(): void {
    serving ??= serve();
  }
  async function serve(): Promise<UnixServer | undefined> {
    try {
      await configuration.wanted();
      host.retime(configuration.timing);
      keepConfiguration();
      await removeTemporaries(host.places.networkState);
      const os = await startOs();
      const parts = {
        host,
        network,
        reconciler,
        readiness,
        configuration,
        events,
        os,
        reload,
        link: () => link,
        containers: () => containers,
        uplinks: () => uplinks,
        maintenance,
        legs: () => legs,
      };
      const server = await serveControl(parts);
      linked = startLink(parts);
      void watchUplinks();
      void watchLegs();
      void watchContainers();
      void maintenance.run(stop.signal);
      void startWeb(parts);
      followKernel(onKernel, stop.signal).catch((error: unknown) => events.bug(error));
      keepCompiledCode();
      return server;
    } catch (error) {
      events.bug(error);
      serving = undefined;
      return undefined;
    }
  }

  async function startOs(): Promise<OsWatch> {
    const { watchOs } = await import("./os-watch.ts");
    return watchOs({
      root,
      timing: () => configuration.timing,
      signal: stop.signal,
      onProblem: (problem) => events.problem(problem),
      onLoop: (state) => telemetry.loop("os", state),
    });
  }

  // Metrics and pages over HTTP: what serves them is loaded only now, and waited for nowhere.
  let web: Web | undefined;
  async function startWeb(parts: Parts): Promise<void> {
    try {
      const { serveWeb } = await import("./serve-web.ts");
      const { signal } = stop;
      web = serveWeb({ ...parts, telemetry, status: () => statusOf(parts), alive: progressing, signal });
    } catch (error) {
      events.bug(error);
    }
  }

  function onKernel(): void {
    reconciler.trigger();
    web?.look();
  }

  function progressing(): boolean {
    return systemClock.monotonic() - reconciler.progressAt < STUCK_MS;
  }

  // The link to the controller has a loop of its own, and the rest of the agent waits for it nowhere.
  let link: Controller | undefined;
  let linked: Promise<void> = Promise.resolve();
  async function startLink(parts: Parts): Promise<void> {
    try {
      const { openLink } = await import("./link.ts");
      link = openLink({ ...parts, status: () => statusOf(parts) });
      events.subscribe((event) => ("event" in event && event.event === "controller" ? undefined : link?.changed()));
      await link.run(stop.signal);
    } catch (error) {
      events.bug(error);
    }
  }

  // Which member of the bond carries the traffic, and whether anybody is heard over it.
  let uplinks: UplinksLoop | undefined;
  async function watchUplinks(): Promise<void> {
    try {
      const { startUplinks } = await import("./uplinks-loop.ts");
      const options = {
        current: () => network.current,
        changing: () => network.onTrial,
        confirming: () => network.change !== undefined,
        timing: () => configuration.timing,
        onChange: () => reconciler.trigger(),
        pass: async () => {
          await reconciler.pass();
          return reconciler.problems;
        },
      };
      uplinks = await startUplinks(host, options, stop.signal);
    } catch (error) {
      events.bug(error);
    }
  }

  // Which switch ports the cables lead to, where lldpd tells.
  let legs: LegsLoop | undefined;
  async function watchLegs(): Promise<void> {
    try {
      const { startLegs } = await import("./legs-loop.ts");
      const options = {
        current: () => network.current,
        timing: () => configuration.timing,
        onChange: () => reconciler.trigger(),
      };
      legs = startLegs(host, options, stop.signal);
    } catch (error) {
      events.bug(error);
    }
  }

  // Docker may be absent, stopped or frozen: its loop is waited for nowhere.
  let containers: ContainersLoop | undefined;
  async function watchContainers(): Promise<void> {
    try {
      const { startContainers } = await import("./containers-loop.ts");
      containers = startContainers(
        {
          places: host.places,
          settings: () => configuration.settings,
          report: (event) => events.tell({ ...event }),
          onLoop: (state) => telemetry.loop("containers", state),
        },
        () => maintenance.current !== undefined,
        stop.signal,
      );
    } catch (error) {
      events.bug(error);
    }
  }

  function keepConfiguration(): void {
    configuration.keep().catch((error: unknown) => events.bug(error));
  }

  async function reload(): Promise<void> {
    await readiness.reloading(async () => {
      await configuration.load();
      host.retime(configuration.timing);
      maintenance.look();
      keepConfiguration();
      link?.reconfigured();
      containers?.trigger();
      web?.look();
      reconciler.trigger();
    });
  }

  host.ovs.onChange(() => reconciler.trigger());
  onSignals({
    stop: () => stop.abort(),
    reload: () => void reload().catch((error: unknown) => events.bug(error)),
  });
  readiness.watch(progressing, configuration, stop.signal);
  await reconciler.run(stop.signal);
  await notifier.send(["STOPPING=1", "STATUS=stopping; the network stays as it is"]);
  (await serving)?.close();
  web?.close();
  await linked;
  host.close();
  log.info({ event: "stopped" }, "stopped");
  await log.opened;
  return 0;
}
