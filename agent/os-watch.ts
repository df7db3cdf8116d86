import type { Timing } from "./config/settings.ts";
import type { Problem } from "./core/errors.ts";
import { Reconciler, type ReconcilerState } from "./core/reconciler.ts";
import { OperatingSystem, type OsView } from "./os/os.ts";
import { systemClock } from "./system/clock.ts";
import { openDeployments } from "./system/deployments.ts";

/** The operating system, looked after by a loop of its own. */
export interface OsWatch {
  readonly view: OsView;
  readonly loop: ReconcilerState;
}

export interface OsWatchOptions {
  readonly root: string;
  readonly timing: () => Timing;
  readonly signal: AbortSignal;
  readonly onProblem: (problem: Problem) => void;
  readonly onLoop: (state: ReconcilerState) => void;
}

/** Begins to look after the deployments of this host, until the signal is aborted. */
export function watchOs({ root, timing, signal, onProblem, onLoop }: OsWatchOptions): OsWatch {
  const os = new OperatingSystem(openDeployments(root));
  const tell = once(onProblem);
  const onState = (state: ReconcilerState): void => {
    onLoop(state);
    tell(state);
  };
  const reconciler = new Reconciler(os, { clock: systemClock, random: Math.random, timing, onState });
  void reconciler.run(signal);
  return {
    get view() {
      return os.view;
    },
    get loop() {
      return reconciler.state;
    },
  };
}

/** Tells a problem when it appears, and not again at every pass while it stays. */
function once(onProblem: (problem: Problem) => void): (state: ReconcilerState) => void {
  let told = new Set<string>();
  return (state) => {
    if (state.state !== "settled" && state.state !== "backoff") return;
    const problems = state.state === "settled" ? state.outcome.problems : [state.problem];
    for (const problem of problems) if (!told.has(problem.code)) onProblem(problem);
    told = new Set(problems.map(({ code }) => code));
  };
}
