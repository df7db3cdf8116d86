import type { Timing } from "../../config/settings.ts";
import { AgentError, type Problem } from "../../core/errors.ts";
import type { ProbeTarget } from "../../core/probe.ts";
import { highestRisk } from "../../core/step.ts";
import { type Converged, converge, observe, refuseConflicts } from "../converge.ts";
import { type NetworkConfig, targetOf } from "../desired.ts";
import { rememberOwn } from "../ledger.ts";
import type { Observed } from "../observed.ts";
import { plan } from "../plan.ts";
import type { NetworkPorts } from "../ports.ts";
import { describeProbe, probeTargets } from "../probes.ts";
import { snapshot } from "../snapshot.ts";
import type { Step } from "../steps.ts";
import type { Target } from "../target.ts";
import { around } from "./around.ts";
import { type Fight, Fights } from "./fights.ts";
import { nameOf, namesOf } from "./names.ts";

/** So many rounds a repair has to show that what answered before it answers after it. */
const ROUNDS = 4;

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

/** What a repair on the management path made worse, and was taken back for. */
interface Undone {
  readonly steps: ReadonlySet<string>;
  readonly problem: Problem;
}

/**
 * Puts back what differs from the last good network and is ours. What the management path stands on is looked at before and after: a
 * repair that cuts the host off is undone. Whoever undoes our repairs in a loop is told, and meets them ever more rarely.
 */
export class Repair {
  readonly #ports: NetworkPorts;
  readonly #fights = new Fights();
  #undone: Undone | undefined;

  constructor(ports: NetworkPorts) {
    this.#ports = ports;
  }

  async run(config: NetworkConfig, wish: RepairWish, signal: AbortSignal): Promise<Repaired> {
    const { clock, ovs } = this.#ports;
    const waitMs = wish.timing.backoffMaxMs;
    if (wish.asked) this.#forget();
    const observed = await observe(this.#ports, signal);
    const { target, problems: taken } = free(config, observed);
    const problems = [...(await rememberOwn(this.#ports, observed, target.addresses)), ...taken];
    const steps = plan(target, observed);
    const second = await ovs.second(steps.length === 0);
    if (second !== undefined) {
      return { observed, applied: [], left: steps, problems: [second, ...problems], againMs: waitMs };
    }
    if (wish.paused && !wish.asked) return { observed, applied: [], left: steps, problems };
    const held = await this.#stillUndone(config, steps, wish.timing, signal);
    const admit = (all: readonly Step[]): readonly Step[] =>
      this.#fights.admit(all, clock.monotonic(), waitMs).filter((step) => !held.has(nameOf(step)));
    const admitted = admit(steps);
    const isBehind = observed.ovs.root.cur_cfg < observed.ovs.root.next_cfg;
    const options = {
      admit,
      regardless: true,
      onApplied: (done: readonly Step[]) => this.#fights.repaired(done, clock.monotonic()),
    };
    const targetFor = (now: Observed): Target => free(config, now).target;
    const done: Converged | undefined =
      admitted.length === 0 && !isBehind
        ? undefined
        : highestRisk(admitted) === "management-path"
          ? await this.#guarded(config, admitted, wish.timing, snapshot(observed, target), signal, () =>
              converge(this.#ports, targetFor, signal, options),
            )
          : await converge(this.#ports, targetFor, signal, options);
    const now = done?.observed ?? observed;
    return this.#result(config, now, done?.applied ?? [], [...(done?.unwritten ?? []), ...problems], waitMs);
  }

  #result(
    config: NetworkConfig,
    observed: Observed,
    applied: readonly Step[],
    problems: readonly Problem[],
    waitMs: number,
  ): Repaired {
    const fights = this.#fights.fights(this.#ports.clock.monotonic());
    const taken = bridgeNames(config);
    return {
      observed,
      applied,
      left: plan(free(config, observed).target, observed),
      problems: [
        ...fights.map(fought),
        ...(this.#undone === undefined ? [] : [this.#undone.problem]),
        ...(this.#fights.repairedLately(taken) ? [bridgeTaken(config)] : []),
        ...problems,
      ],
      ...(fights.length === 0 ? {} : { againMs: Math.min(waitMs, ...fights.map(({ againMs }) => againMs)) }),
    };
  }

  /** Runs a repair that may cut the host off, and takes it back if it does. */
  async #guarded(
    config: NetworkConfig,
    steps: readonly Step[],
    timing: Timing,
    preImage: Target,
    signal: AbortSignal,
    repair: () => Promise<Converged>,
  ): Promise<Converged> {
    const answering = await this.#answering(probeTargets(config.network), timing, signal);
    const done = await repair();
    // Cut off already: nothing can be made worse.
    if (answering.length === 0) return done;
    const silent = await this.#silentAfter(answering, timing, signal);
    if (silent === undefined) return done;
    const back = await converge(this.#ports, () => preImage, signal, { insist: true, regardless: true });
    const names = steps.flatMap(namesOf).join(", ");
    const problem: Problem = {
      code: "E_NETWORK_REPAIR_UNDONE",
      message: `${names}: this differs from the last good network, and putting it back cut the host off (${silent}), so it stays as it is`,
      hint: "Write what is there into the configuration and apply it, or mend the switches and: devcloud-agent network apply",
    };
    this.#undone = { steps: new Set(steps.map(nameOf)), problem };
    this.#ports.report({ event: "repair-undone", problem });
    return { ...back, applied: [] };
  }

  /** What was undone stays so as long as the host is reachable like this. */
  async #stillUndone(
    config: NetworkConfig,
    steps: readonly Step[],
    timing: Timing,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    const undone = this.#undone;
    if (undone === undefined) return new Set();
    const there = steps.some((step) => undone.steps.has(nameOf(step)));
    const answers = there && (await this.#answering(probeTargets(config.network), timing, signal)).length > 0;
    if (answers) return undone.steps;
    this.#undone = undefined;
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

  /** Who does not answer any more, in words; absent as soon as all answer. */
  async #silentAfter(
    probes: readonly ProbeTarget[],
    { probeTimeoutMs, probeIntervalMs }: Timing,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { clock, prober } = this.#ports;
    let silent = "";
    for (let round = 0; round < ROUNDS; round += 1) {
      if (round > 0) await clock.sleep(probeIntervalMs, signal);
      const results = await Promise.all(probes.map((probe) => prober.probe(probe, probeTimeoutMs, signal)));
      const failed = results.filter(({ ok }) => !ok);
      if (failed.length === 0) return undefined;
      silent = failed.map(describeProbe).join("; ");
    }
    return silent;
  }

  #forget(): void {
    this.#fights.forget();
    this.#undone = undefined;
  }
}

/** The target without what somebody else has taken meanwhile. Throws E_NETWORK_CONFLICT where too little would be left. */
function free(config: NetworkConfig, observed: Observed): { target: Target; problems: readonly Problem[] } {
  const target = targetOf(config, observed);
  const left = around(target, observed);
  if (left !== undefined) return left;
  refuseConflicts(target, observed);
  throw new AgentError({ code: "E_NETWORK_CONFLICT", message: "nothing of a port would be left" });
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
