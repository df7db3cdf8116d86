import type { ContainerSettings } from "../config/settings.ts";
import type { Capability, Outcome } from "../core/capability.ts";
import { type Problem, problemOf } from "../core/errors.ts";
import type { Step } from "./apply.ts";
import { Book } from "./book.ts";
import { driftOf } from "./compare/index.ts";
import { desiredOf, type Wanted } from "./desired.ts";
import type { JournalEntry } from "./journal.ts";
import { isDeployer } from "./kolla.ts";
import type { Ledger } from "./ledger.ts";
import { type Memory, remember, rememberUnit } from "./memory.ts";
import { News } from "./news.ts";
import { type Look, observe } from "./observe.ts";
import { type Container, unitOf } from "./observed.ts";
import type { ContainersPorts } from "./ports.ts";
import { problemsOf } from "./problems.ts";
import { Restarter, type Still } from "./restarter.ts";
import { type ContainerStatus, type Judged, statusOf } from "./status.ts";
import { type HostView, type Situation, type Verdict, verdictOf } from "./verdict.ts";
import { type DockerEvent, Witness } from "./witness.ts";

export type DockerState =
  | { readonly state: "connecting" }
  | { readonly state: "connected"; readonly since: number }
  /** Docker does not run here, or does not yet: no socket, or nobody behind it but systemd. */
  | { readonly state: "absent"; readonly since: number; readonly problem: Problem }
  | { readonly state: "unreachable"; readonly since: number; readonly problem: Problem };

export interface ContainersOptions {
  readonly settings: () => ContainerSettings;
  readonly maintenance: () => boolean;
  /** The configuration speaks of containers, so that a host without Docker is not in order. */
  readonly expected: () => boolean;
  /** Asks for another pass. */
  readonly wake: () => void;
  /** One look and no more: how long a container has been down is taken from the wall clock. */
  readonly single?: boolean;
}

/** Kolla's containers as a capability: watched always, restarted where the configuration says so and their owner gave up. */
export class Containers implements Capability {
  readonly name = "containers";
  readonly #ports: ContainersPorts;
  readonly #options: ContainersOptions;
  readonly #witness = new Witness();
  readonly #restarter: Restarter;
  readonly #book: Book;
  readonly #news: News;
  #docker: DockerState = { state: "connecting" };
  #memories = new Map<string, Memory>();
  /** As they were seen last, by name. */
  #last: ReadonlyMap<string, Container> = new Map();
  #statuses: readonly ContainerStatus[] = [];
  #observedAt: number | undefined;

  constructor(ports: ContainersPorts, options: ContainersOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#book = new Book(ports, () => options.settings().timing);
    this.#news = new News(ports.report);
    const still: Still = (step, now, settings, signal) => this.#stillDue(step, now, settings, signal);
    this.#restarter = new Restarter(ports, this.#book, this.#witness, still, options.wake);
  }

  get docker(): DockerState {
    return this.#docker;
  }

  /** As they were seen last; `observedAt` says when. Empty before Docker answered once. */
  get statuses(): readonly ContainerStatus[] {
    return this.#statuses;
  }

  /** Milliseconds since the epoch. */
  get observedAt(): number | undefined {
    return this.#observedAt;
  }

  /** An event of Docker's. Cheap: it only takes note, and asks for a look where that is worth it. */
  noticed(event: DockerEvent): void {
    if (this.#witness.take(event, this.#ports.clock.monotonic())) this.#options.wake();
  }

  /** Docker's events have ended. */
  lostEvents(): void {
    this.#witness.lost(this.#ports.clock.monotonic());
    this.#options.wake();
  }

  async reconcile(signal: AbortSignal, progress: () => void): Promise<Outcome> {
    try {
      const { outcome, due } = await this.look(signal, progress);
      if (due?.container === undefined) return outcome;
      this.#restarter.begin(due, due.container, this.#options.settings(), signal);
      return { ...outcome, state: "changing" };
    } catch (error) {
      const problem = problemOf(error);
      const { relistMs } = this.#options.settings().timing;
      if (problem.code !== "E_DOCKER_ABSENT" || this.#options.expected() || this.#statuses.length > 0) throw error;
      return { state: "observing", problems: [], againMs: relistMs };
    }
  }

  /** Observes and judges, and does nothing. Throws where Docker cannot be reached. */
  async look(signal: AbortSignal, progress: () => void): Promise<{ readonly outcome: Outcome; readonly due?: Judged }> {
    await this.#book.open();
    const { ledger } = this.#book;
    let seen: Look;
    try {
      seen = await observe(this.#ports, signal, progress);
    } catch (error) {
      if (!signal.aborted) this.#unreachable(problemOf(error));
      throw error;
    }
    progress();
    this.#connected();
    seen = this.#withSilent(seen);
    const now = this.#ports.clock.monotonic();
    this.#memories = new Map(seen.containers.map((each) => [each.id, this.#remember(each, seen.units, now)]));
    if (seen.containers.some((each) => isDeployer(each) && each.state === "running")) this.#witness.deployerAtWork(now);
    // What Docker did not answer about is perhaps there.
    if (seen.silent.size === 0 && seen.problems.length === 0) ledger.keepStopped(new Set(this.#memories.keys()));
    await this.#noteStops(seen.containers, ledger);
    const settings = this.#options.settings();
    ledger.expire(now - settings.timing.budgetWindowMs);
    this.#forgive(seen.containers, ledger, settings, now);
    const judged = this.#judge(seen, ledger, settings, now);
    this.#publish(judged, now);
    const due = judged.find(({ verdict }) => verdict.verdict === "restart");
    return { outcome: this.#outcome(judged, seen.problems, settings, now), ...(due && { due }) };
  }

  /** What Docker does not answer about is shown as it was: its silence is no news of it. */
  #withSilent(seen: Look): Look {
    const kept = [...seen.silent].flatMap((name) => this.#last.get(name) ?? []);
    const containers = [...seen.containers, ...kept];
    this.#last = new Map(containers.map((each) => [each.name, each]));
    return { ...seen, containers };
  }

  #outcome(judged: readonly Judged[], unusable: readonly Problem[], settings: ContainerSettings, now: number): Outcome {
    const problems = [...this.#journalProblem(judged), ...unusable, ...problemsOf(this.#statuses)];
    const acts = judged.some(({ wanted }) => wanted.mode === "restart");
    const state =
      problems.length > 0
        ? "degraded"
        : this.#restarter.acting !== undefined
          ? "changing"
          : acts
            ? "converged"
            : "observing";
    const untils = judged.flatMap(({ verdict: { until } }) => (until === undefined ? [] : [Math.max(0, until - now)]));
    return { state, problems, againMs: Math.min(settings.timing.relistMs, ...untils) };
  }

  /** Told while it is in the way of something: that a write works again shows only when there is one. */
  #journalProblem(judged: readonly Judged[]): readonly Problem[] {
    const { closed, behind } = this.#book;
    const wanted = ({ verdict: { verdict, reason } }: Judged): boolean =>
      verdict === "restart" || reason === "no-journal" || reason === "acting";
    return closed !== undefined && (behind || judged.some(wanted)) ? [closed.problem] : [];
  }

  #judge(seen: Look, ledger: Ledger, settings: ContainerSettings, now: number): readonly Judged[] {
    const found = new Map(seen.containers.map((each) => [each.name, each]));
    const host = this.#host(seen, ledger);
    return desiredOf(settings, seen).map((wanted): Judged => {
      const container = found.get(wanted.name);
      const unit = seen.units === "unknown" ? seen.units : seen.units.get(wanted.name);
      const parts = { wanted, ...(container && { container }), ...(unit && { unit }) };
      const lastAction = ledger.last(wanted.name);
      const drift = container && driftOf({ wanted, container, ...(unit && unit !== "unknown" && { unit }) });
      const verdict: Verdict = seen.silent.has(wanted.name)
        ? { verdict: "wait", reason: "no-answer" }
        : verdictOf(this.#situation(wanted, container, unit, host, ledger, settings, now));
      return { ...parts, verdict, drift: drift ?? [], ...(lastAction && { lastAction }) };
    });
  }

  #situation(
    wanted: Wanted,
    container: Container | undefined,
    unit: Situation["unit"],
    host: HostView,
    ledger: Ledger,
    settings: ContainerSettings,
    now: number,
  ): Situation {
    const memory = container && this.#memories.get(container.id);
    const notBefore = ledger.notBefore(wanted.name);
    const past = notBefore === undefined ? {} : { notBefore };
    return {
      wanted,
      ...(container && { container }),
      ...(unit && { unit }),
      ...(memory && { memory }),
      past,
      host,
      settings,
      now,
    };
  }

  #host(seen: Look, ledger: Ledger): HostView {
    const unhealthy = seen.containers.filter(
      ({ state, health }) => state === "running" && health?.status === "unhealthy",
    );
    const { deployerAt } = this.#witness;
    const { acting } = this.#restarter;
    const { closed } = this.#book;
    return {
      ...(closed === undefined ? {} : { journalClosed: closed.until }),
      ...(acting === undefined ? {} : { acting }),
      maintenance: this.#options.maintenance(),
      ...(deployerAt === undefined ? {} : { deployerAt }),
      restarts: ledger.restarts,
      unhealthy: unhealthy.length,
      ...(seen.freeMib === undefined ? {} : { freeMib: seen.freeMib }),
    };
  }

  #remember(container: Container, units: Look["units"], now: number): Memory {
    const stopped = this.#book.ledger.wasStopped(container.id, container.startedAt);
    const death = stopped ? "operator" : this.#witness.death(container.id);
    const { finishedAt } = container;
    const single = this.#options.single && finishedAt !== undefined;
    const down = single ? now - Math.max(0, this.#ports.clock.now() - finishedAt) : now;
    const before = this.#memories.get(container.id);
    const unit = units === "unknown" || this.#options.single ? undefined : units.get(container.name);
    const ofUnit = unit === undefined ? {} : { unit: rememberUnit(before?.unit, unit, now) };
    return { ...remember(before, container, death, now, down), ...ofUnit };
  }

  #forgive(containers: readonly Container[], ledger: Ledger, { timing }: ContainerSettings, now: number): void {
    for (const { id, name } of containers) {
      const since = this.#memories.get(id)?.goodSince;
      if (since !== undefined && now - since >= timing.resetAfterMs) ledger.forgive(name);
    }
  }

  /** Right before the restart: its owner, its configuration and its state may have changed since it was decided. */
  async #stillDue(
    step: Step,
    container: Container,
    settings: ContainerSettings,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { ledger } = this.#book;
    const units = await this.#ports.units.observe([unitOf(step.name)], signal);
    const unit = units === "unknown" ? units : units.get(step.name);
    if ((unit === undefined || unit === "unknown" ? undefined : unit.unit) !== step.unit) return false;
    const now = this.#ports.clock.monotonic();
    const freeMib = Number.POSITIVE_INFINITY;
    const look: Look = { containers: [container], units, silent: new Set(), problems: [], freeMib };
    const wanted = desiredOf(settings, look).find(({ name }) => name === step.name);
    if (wanted === undefined) return false;
    this.#memories.set(container.id, this.#remember(container, units, now));
    const { acting: _ours, ...host } = this.#host(look, ledger);
    const situation = this.#situation(wanted, container, unit, host, ledger, settings, now);
    // Our own intent must not count against itself.
    const { verdict, cause } = verdictOf({
      ...situation,
      past: {},
      settings: { ...settings, budget: Number.POSITIVE_INFINITY },
    });
    return verdict === "restart" && cause === step.why;
  }

  /** What somebody stopped stays stopped, also when this process is another one by then. */
  async #noteStops(containers: readonly Container[], ledger: Ledger): Promise<void> {
    for (const { id, name, startedAt, state } of containers) {
      if (state !== "exited" || this.#witness.death(id) !== "operator" || this.#restarter.acting === name) continue;
      if (ledger.wasStopped(id, startedAt)) continue;
      const at = this.#ports.clock.now();
      const entry: JournalEntry = {
        version: 1,
        kind: "stopped",
        at,
        name,
        container: id,
        ...(startedAt === undefined ? {} : { startedAt }),
      };
      await this.#book.note(entry);
    }
  }

  #publish(judged: readonly Judged[], now: number): void {
    const wall = this.#ports.clock.now() - now;
    this.#observedAt = this.#ports.clock.now();
    this.#statuses = judged.map((each) => statusOf(each, (monotonic) => wall + monotonic));
    this.#news.tell(this.#statuses);
  }

  #connected(): void {
    if (this.#docker.state === "connected") return;
    this.#docker = { state: "connected", since: this.#ports.clock.now() };
    this.#ports.report({ event: "docker", state: "connected" });
  }

  #unreachable(problem: Problem): void {
    const state = problem.code === "E_DOCKER_ABSENT" ? "absent" : "unreachable";
    if ("problem" in this.#docker && this.#docker.problem.code === problem.code) return;
    this.#docker = { state, since: this.#ports.clock.now(), problem };
    this.#ports.report({ event: "docker", state, reason: problem.message });
  }
}
