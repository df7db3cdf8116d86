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
  /** Of the last pass; and that the one that runs is late. */
  readonly problems: readonly Problem[];
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
  let last: readonly Problem[] = [];
  const onState = (state: ReconcilerState): void => {
    onLoop(state);
    last = problemsOf(state) ?? last;
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
    get problems() {
      const { state } = reconciler;
      const late = state.state === "running" ? tooLate(systemClock.now() - state.since) : [];
      return [...late, ...last.filter(({ code }) => late.every((other) => other.code !== code))];
    },
  };
}

/** Of a pass that ended. */
function problemsOf(state: ReconcilerState): readonly Problem[] | undefined {
  if (state.state === "settled") return state.outcome.problems;
  return state.state === "backoff" ? [state.problem] : undefined;
}

/** Longer than a tool takes, and shorter than it is given. */
const LATE_MS = 5_000;

function tooLate(ms: number): readonly Problem[] {
  if (ms < LATE_MS) return [];
  const message = `the tool that lists the deployments has not answered for ${Math.round(ms / 1000)} s`;
  return [{ code: "E_TOOL_TIMEOUT", message, hint: "It is killed when its time is over, and asked again." }];
}

/** Tells a problem when it appears, and not again at every pass while it stays. */
function once(onProblem: (problem: Problem) => void): (state: ReconcilerState) => void {
  let told = new Set<string>();
  return (state) => {
    const problems = problemsOf(state);
    if (problems === undefined) return;
    for (const problem of problems) if (!told.has(problem.code)) onProblem(problem);
    told = new Set(problems.map(({ code }) => code));
  };
}
