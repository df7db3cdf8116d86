import type { Timing } from "../../config/settings.ts";
import { AgentError, type Problem, problemOf } from "../../core/errors.ts";
import type { ProbeTarget } from "../../core/probe.ts";
import { type Converged, converge, observe, refuseConflicts } from "../converge.ts";
import { type NetworkConfig, targetOf } from "../desired.ts";
import { rememberOwn } from "../ledger.ts";
import type { Observed } from "../observed.ts";
import { plan } from "../plan.ts";
import type { NetworkPorts } from "../ports.ts";
import { probeTargets } from "../probes.ts";
import { snapshot } from "../snapshot.ts";
import { isIpStep, type Step } from "../steps.ts";
import type { Target } from "../target.ts";
import { activeNic } from "../uplinks/uplinks.ts";
import { around } from "./around.ts";
import { disrupts } from "./disrupts.ts";
import { type Fight, Fights } from "./fights.ts";
import { guarded } from "./guard.ts";
import { movesOf } from "./move.ts";
import { nameOf, namesOf } from "./names.ts";
import { couldWork } from "./reach.ts";
import { LastUndone } from "./undone.ts";

export interface RepairWish {
  readonly timing: Timing;
  /** Nothing is repaired: a person works on this host. */
  readonly paused: boolean;
  /** A person asked for it: what was left alone because it was undone is done again. */
  readonly asked: boolean;
}

export interface Repaired {
  readonly observed: Observed;
  readonly applied: readonly Step[];
  /** What differs and is left as it is. */
  readonly left: readonly Step[];
  readonly problems: readonly Problem[];
  /** When something is to be looked at again, in milliseconds. */
  readonly againMs?: number;
}

/**
 * Puts back what differs from the last good network and is ours. What the management path stands on is looked at before and after: a
 * repair that cuts the host off is undone, and where nobody could tell, it is left. Whoever undoes our repairs in a loop is told, and
 * meets them ever more rarely.
 */
export class Repair {
  readonly #ports: NetworkPorts;
  readonly #fights = new Fights();
  readonly #undone: LastUndone;
  #guarding = false;

  constructor(ports: NetworkPorts) {
    this.#ports = ports;
    this.#undone = new LastUndone(ports);
  }

  /** A repair has to show now that the host stays reachable: who is silent meanwhile is so because of it. */
  get guarding(): boolean {
    return this.#guarding;
  }

  async run(config: NetworkConfig, wish: RepairWish, signal: AbortSignal): Promise<Repaired> {
    const { clock, ovs } = this.#ports;
    const waitMs = wish.timing.backoffMaxMs;
    if (wish.asked) {
      this.#fights.forget();
      await this.#undone.forget();
    }
    const observed = await observe(this.#ports, signal);
    const { target, problems: taken } = free(config, observed);
    const problems = [...(await rememberOwn(this.#ports, observed, target.addresses)), ...taken];
    const steps = plan(target, observed);
    const second = await ovs.second(steps.length === 0);
    if (second !== undefined) {
      return { observed, applied: [], left: steps, problems: [second, ...problems], againMs: waitMs };
    }
    const held = await this.#stillUndone(config, steps, wish.timing, signal);
    const paused = wish.paused && !wish.asked;
    const admit = (all: readonly Step[]): readonly Step[] =>
      this.#fights
        .admit(paused ? movesOf(config, all) : all, clock.monotonic(), waitMs)
        .filter((step) => !held.has(nameOf(step)));
    const admitted = admit(steps);
    const isBehind = !paused && observed.ovs.root.cur_cfg < observed.ovs.root.next_cfg;
    if (admitted.length === 0 && !isBehind) return this.#result(config, observed, [], problems, waitMs);
    const { done, problem } = await this.#carefully(config, admitted, admit, { observed, target }, wish, signal);
    const told = [...(problem === undefined ? [] : [problem]), ...done.unwritten, ...problems];
    return this.#result(config, done.observed, done.applied, told, waitMs);
  }

  async #result(
    config: NetworkConfig,
    observed: Observed,
    applied: readonly Step[],
    problems: readonly Problem[],
    waitMs: number,
  ): Promise<Repaired> {
    const fights = this.#fights.fights(this.#ports.clock.monotonic());
    const undone = await this.#undone.read();
    const taken = bridgeNames(config);
    return {
      observed,
      applied,
      left: plan(free(config, observed).target, observed),
      problems: [
        ...fights.map(fought),
        ...(undone === undefined ? [] : [undone.problem]),
        ...(this.#fights.repairedLately(taken) ? [bridgeTaken(config)] : []),
        ...problems,
      ],
      ...(fights.length === 0 ? {} : { againMs: Math.min(waitMs, ...fights.map(({ againMs }) => againMs)) }),
    };
  }

  /** What may cut the host off is done under a guard, or left where there can be none and the host may be reachable. */
  async #carefully(
    config: NetworkConfig,
    steps: readonly Step[],
    admit: (all: readonly Step[]) => readonly Step[],
    { observed, target }: { readonly observed: Observed; readonly target: Target },
    { timing, asked }: RepairWish,
    signal: AbortSignal,
  ): Promise<{ readonly done: Converged; readonly problem?: Problem }> {
    const repair = (admitted = admit): Promise<Converged> =>
      converge(this.#ports, (now) => free(config, now).target, signal, {
        admit: admitted,
        regardless: true,
        onApplied: (done) => this.#fights.repaired(done, this.#ports.clock.monotonic()),
      });
    // What stands in is let go of for an Open vSwitch that has proven to work, and is no network to come back to.
    const climbs = steps.some(({ kind }) => kind === "remove-vlan");
    if (climbs || !steps.some(isRisky)) return { done: await repair() };
    const without = async (why: string): Promise<{ done: Converged; problem?: Problem }> => {
      const left = steps.filter(isRisky);
      const moves = movesOf(config, left);
      const done = await repair((all) => {
        const may = admit(all);
        return [...may.filter((step) => !isRisky(step)), ...movesOf(config, may)];
      });
      return left.every((step) => moves.some((move) => nameOf(move) === nameOf(step)))
        ? { done }
        : { done, problem: unguarded(left, why) };
    };
    const probes = probeTargets(config.network);
    if (probes.length === 0) {
      if (asked || !couldWork(config, target, observed)) return { done: await repair() };
      return without("the configuration names no probe that could tell whether putting it back cuts the host off");
    }
    const answering = (await this.#cutOffBefore(steps))
      ? probes
      : await this.#toAsk(probes, config, observed, timing, signal);
    if (answering.length === 0) return { done: await repair() };
    const risky = { config, steps, preImage: snapshot(observed, target), answering };
    const asFarAsTaken = (): Promise<Converged> =>
      repair().catch((error) => this.#butForRefused(error, config, admit, signal));
    this.#guarding = true;
    const ended = await guarded(this.#ports, { ...risky, repair: asFarAsTaken }, timing, signal).finally(() => {
      this.#guarding = false;
    });
    if ("refused" in ended) return without(`its way back could not be prepared: ${ended.refused.message}`);
    if ("done" in ended) {
      await this.#undone.forget();
      return ended;
    }
    this.#undone.set(ended.undone);
    const now = await observe(this.#ports, signal);
    return { done: { observed: now, target, applied: [], faults: [], unwritten: [] } };
  }

  /** What of these cut the host off once goes on trial again, also in a silence: that may pass, and the host be cut off for good. */
  async #cutOffBefore(steps: readonly Step[]): Promise<boolean> {
    const undone = await this.#undone.read();
    return undone !== undefined && steps.some((step) => undone.steps.includes(nameOf(step)));
  }

  /** Nobody where the host is cut off already: nothing can be made worse. Behind a member found deaf everybody was asked before. */
  async #toAsk(
    probes: readonly ProbeTarget[],
    config: NetworkConfig,
    observed: Observed,
    timing: Timing,
    signal: AbortSignal,
  ): Promise<readonly ProbeTarget[]> {
    return isDeaf(config, observed) ? [] : this.#answering(probes, timing, signal);
  }

  /** An address that the kernel refuses for good must not take back the rest: whether that is enough, the probes tell. */
  async #butForRefused(
    error: unknown,
    config: NetworkConfig,
    admit: (all: readonly Step[]) => readonly Step[],
    signal: AbortSignal,
  ): Promise<Converged> {
    const problem = problemOf(error);
    if (problem.code !== "E_NETWORK_NOT_CONVERGING") throw error;
    const observed = await observe(this.#ports, signal);
    const { target } = free(config, observed);
    if (!admit(plan(target, observed)).every(isIpStep)) throw error;
    return { observed, target, applied: [], faults: [], unwritten: [problem] };
  }

  /** What was undone stays so as long as the host is reachable like this. */
  async #stillUndone(
    config: NetworkConfig,
    steps: readonly Step[],
    timing: Timing,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    const undone = await this.#undone.read();
    if (undone === undefined) return new Set();
    const there = steps.some((step) => undone.steps.includes(nameOf(step)));
    const answers = there && (await this.#answering(probeTargets(config.network), timing, signal)).length > 0;
    if (answers) return new Set(undone.steps);
    if (!there) await this.#undone.forget();
    return new Set();
  }

  /** Asked in a hurry: whoever is cut off waits for the repair meanwhile. */
  async #answering(
    probes: readonly ProbeTarget[],
    { probeTimeoutMs, uplinkProbeMs }: Timing,
    signal: AbortSignal,
  ): Promise<readonly ProbeTarget[]> {
    const timeoutMs = Math.min(probeTimeoutMs, uplinkProbeMs);
    const results = await Promise.all(probes.map((probe) => this.#ports.prober.probe(probe, timeoutMs, signal)));
    return results.filter(({ ok }) => ok).map(({ target }) => target);
  }
}

/** Marks that only we read disrupt nothing, wherever they are. */
function isRisky(step: Step): boolean {
  const onlyMarks = "drift" in step && step.drift.every(({ field }) => field.startsWith("external_ids:"));
  return disrupts(step) && step.risk === "management-path" && !onlyMarks;
}

function isDeaf(config: NetworkConfig, observed: Observed): boolean {
  const nic = activeNic(config, observed);
  return observed.avoid.some((entry) => entry.nic === nic && entry.why === "deaf");
}

/** The target without what somebody else has taken meanwhile. Throws E_NETWORK_CONFLICT where too little would be left. */
function free(config: NetworkConfig, observed: Observed): { target: Target; problems: readonly Problem[] } {
  const target = targetOf(config, observed);
  const left = around(target, observed);
  if (left !== undefined) return left;
  refuseConflicts(target, observed);
  throw new AgentError({ code: "E_NETWORK_CONFLICT", message: "nothing of a port would be left" });
}

function unguarded(left: readonly Step[], why: string): Problem {
  return {
    code: "E_NETWORK_UNGUARDED",
    message: `${left.flatMap(namesOf).join(", ")}: this differs from the last good network and is left as it is, because ${why}`,
    hint: "Name somebody to ask under network.probes; or, with a person watching, put it back: devcloud-agent network apply",
  };
}

function fought({ names, undone }: Fight): Problem {
  return {
    code: "E_NETWORK_FOUGHT",
    message: `somebody else changes this network: ${names.join(", ")} was put back and undone ${undone} times`,
    hint: "What disrupts is put back ever more rarely. Find out who does it: ovsdb-tool show-log, journalctl; or agree with them in the configuration.",
  };
}

function bridgeNames({ network }: NetworkConfig): readonly string[] {
  return ["fail_mode", "controller"].map((column) => `bridge ${network.bridge} ${column}`);
}

function bridgeTaken({ network }: NetworkConfig): Problem {
  return {
    code: "E_BRIDGE_TAKEN",
    message: `somebody set a controller or fail_mode on ${network.bridge}, which is ours; it was put back`,
    path: "network.bridge",
    hint: `Neutron must not know of it: take ${network.bridge} out of bridge_mappings.`,
  };
}
