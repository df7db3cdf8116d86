import { defaultTiming } from "./config/timing.ts";
import { Configuration } from "./configuration.ts";
import { AgentError } from "./core/errors.ts";
import { Reconciler, type ReconcilerState } from "./core/reconciler.ts";
import { Events } from "./events.ts";
import { openHost } from "./host.ts";
import { Network } from "./network/network.ts";
import type { NetworkEvent } from "./network/ports.ts";
import { Readiness } from "./readiness.ts";
import { serveControl } from "./serve.ts";
import { systemClock } from "./system/clock.ts";
import { removeTemporaries, touch } from "./system/files.ts";
import type { UnixServer } from "./system/http.ts";
import { followKernel } from "./system/ip-monitor.ts";
import { openLog } from "./system/log.ts";
import { openNotifier } from "./system/notify.ts";
import { keepCompiledCode, onSignals } from "./system/process.ts";

/** A pass that got nowhere for this long is stuck: the watchdog is no longer fed. */
const STUCK_MS = 45_000;

/** `devcloud-agent run`: until SIGTERM or SIGINT. Resolves with the exit code; a broken configuration never ends it. */
export async function runDaemon(root: string, program: string): Promise<number> {
  const log = openLog();
  const events = new Events(log, () => systemClock.now());
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
  const configuration = new Configuration(host.places, (problem) => events.problem(problem));
  const readiness = new Readiness({
    notifier,
    clock: systemClock,
    writeFlag: () => touch(host.places.netReady),
    tell: (event) => events.tell(event),
  });
  const network = new Network(host.ports, {
    bootId: host.bootId,
    wanted: () => readiness.announced.then(() => configuration.wanted()),
  });
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
    if (state.state === "running" || state.state === "idle") return;
    const problems = state.state === "settled" ? state.outcome.problems : [state.problem];
    events.problems(problems);
    readiness.status(problems[0]?.message);
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
      await removeTemporaries(host.places.networkState);
      const server = await serveControl({ host, network, reconciler, readiness, configuration, events, reload });
      followKernel(() => reconciler.trigger(), stop.signal).catch((error: unknown) => events.bug(error));
      keepCompiledCode();
      return server;
    } catch (error) {
      if (error instanceof AgentError) events.problem(error.problem);
      else events.bug(error);
      serving = undefined;
      return undefined;
    }
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
    reload: () => void reload().catch((error: unknown) => events.bug(error)),
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
