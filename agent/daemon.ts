import { defaultTiming } from "./config/timing.ts";
import { Configuration } from "./configuration.ts";
import type { Problem } from "./core/errors.ts";
import { Reconciler } from "./core/reconciler.ts";
import { openHost } from "./host.ts";
import { Network } from "./network/network.ts";
import type { NetworkEvent } from "./network/ports.ts";
import { networkStatus } from "./network-status.ts";
import { Readiness } from "./readiness.ts";
import { systemClock } from "./system/clock.ts";
import { touch } from "./system/files.ts";
import type { UnixServer } from "./system/http.ts";
import { followKernel } from "./system/ip-monitor.ts";
import { openLog } from "./system/log.ts";
import { openNotifier } from "./system/notify.ts";
import { keepCompiledCode, onSignals } from "./system/process.ts";
import { version } from "./version.ts";
import type { Status } from "./web/status.ts";

/** A pass that got nowhere for this long is stuck: the watchdog is no longer fed. */
const STUCK_MS = 45_000;
/** One fragment can have thousands; check-config shows them. */
const TOLD_PROBLEMS = 10;

/** `devcloud-agent run`: until SIGTERM or SIGINT. Resolves with the exit code; a broken configuration never ends it. */
export async function runDaemon(root: string, program: string): Promise<number> {
  const startedAt = systemClock.now();
  const log = openLog();
  const stop = new AbortController();
  const listeners = new Set<(event: object) => void>();
  const tell = (event: { readonly event: string; readonly [field: string]: unknown }): void => {
    log.info(event, event.event);
    for (const listener of listeners) listener({ time: systemClock.now(), ...event });
  };
  const onProblem = (problem: Problem): void => log.error({ event: "problem", problem }, problem.message);

  const host = await openHost({ root, program, timing: defaultTiming, onProblem, report: (event) => onNetwork(event) });
  const configuration = new Configuration(host.places, onProblem);
  const notifier = openNotifier(process.env);
  const readiness = new Readiness({
    notifier,
    clock: systemClock,
    writeFlag: () => touch(host.places.netReady),
    tell,
  });
  const network = new Network(host.ports, {
    bootId: host.bootId,
    wanted: () => configuration.wanted(),
    earlyTiming: defaultTiming,
  });
  let told = "[]";
  const reconciler = new Reconciler(network, {
    clock: systemClock,
    random: Math.random,
    timing: () => configuration.timing,
    onState: (state) => {
      if (state.state === "running") return;
      const problems =
        state.state === "settled" ? state.outcome.problems : state.state === "backoff" ? [state.problem] : [];
      const text = JSON.stringify(problems);
      if (text !== told)
        tell({ event: "problems", count: problems.length, problems: problems.slice(0, TOLD_PROBLEMS) });
      told = text;
      readiness.status(problems[0]?.message);
      later();
    },
  });

  function onNetwork(event: NetworkEvent): void {
    if (event.event === "stands")
      void readiness.stands(event.problems).catch((error: unknown) => onProblem(toProblem(error)));
    else tell(event);
  }

  // What nobody waits for during a boot begins after the first pass, well or badly ended.
  let serving: Promise<UnixServer | undefined> | undefined;
  function later(): void {
    serving ??= serve().catch((error: unknown) => {
      onProblem(toProblem(error));
      return undefined;
    });
  }

  async function serve(): Promise<UnixServer> {
    await configuration.wanted();
    const { serveUnix } = await import("./system/http.ts");
    const { controlRoutes } = await import("./web/control.ts");
    const server = await serveUnix(
      host.places.controlSocket,
      controlRoutes({ network, reconciler, reload, status, subscribe }),
      host.places.groupFile,
    );
    void followKernel(() => reconciler.trigger(), stop.signal);
    keepCompiledCode();
    return server;
  }

  async function status(): Promise<Status> {
    const networkPart = await networkStatus(host, network, reconciler.state, configuration.problems);
    return {
      schema: "devcloud-agent/status/v1",
      version,
      pid: process.pid,
      startedAt,
      ready: readiness.ready,
      network: networkPart,
    };
  }

  function subscribe(listener: (event: object) => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  async function reload(): Promise<void> {
    await readiness.reloading(async () => {
      await configuration.load();
      reconciler.trigger();
    });
  }

  host.ovs.onChange((ovs) => {
    reconciler.trigger();
    network.noticed(ovs);
  });

  onSignals({
    stop: () => stop.abort(),
    reload: () => void reload().catch((error: unknown) => onProblem(toProblem(error))),
  });
  readiness.watch(() => systemClock.monotonic() - reconciler.progressAt < STUCK_MS, configuration, stop.signal);
  await reconciler.run(stop.signal);
  await notifier.send(["STOPPING=1", "STATUS=stopping; the network stays as it is"]);
  (await serving)?.close();
  host.close();
  log.info({ event: "stopped" }, "stopped");
  await log.opened;
  return 0;
}

function toProblem(error: unknown): Problem {
  return { code: "E_INTERNAL", message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
