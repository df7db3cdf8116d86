import type { Timing } from "../config/settings.ts";
import type { Clock } from "../core/clock.ts";
import { AgentError, type Problem, problemOf } from "../core/errors.ts";
import type { ProbeResult, Prober, ProbeTarget } from "../core/probe.ts";
import type { Adoption } from "./adopt.ts";
import { askedNow, givingBack, takenBy, takeOver } from "./adopt-begin.ts";
import { adopt } from "./adopt-run.ts";
import { type Converged, converge, lookFor, observe, refuseConflicts } from "./converge.ts";
import { describe } from "./describe.ts";
import { type NetworkConfig, targetOf } from "./desired.ts";
import { finishConfirm, finishRollback } from "./ending.ts";
import { faults } from "./faults.ts";
import type { Observed } from "./observed.ts";
import { plan } from "./plan.ts";
import type { ChangeStep, NetworkPorts } from "./ports.ts";
import { chooseProbes, describeProbe, probeTargets } from "./probes.ts";
import { refuseForeignControl } from "./refusals.ts";
import { snapshot } from "./snapshot.ts";
import type { Pending } from "./state.ts";
import type { Target } from "./target.ts";

/** So many rounds a repair has to show that what answered before it answers after it. */
export const REPAIR_ROUNDS = 4;

export type ChangeTiming = Pick<Timing, "probeIntervalMs" | "probeTimeoutMs" | "deadManGraceMs">;

export type ChangeResult =
  | { readonly result: "confirmed"; readonly converged: Converged }
  | { readonly result: "rolled-back"; readonly reason: string };

/**
 * One commit-confirmed change of the network: recorded, guarded by a dead-man outside of this process, applied, and kept only
 * if the probes say that the host is still reachable. Whatever goes wrong, the host goes back to where it was.
 */
export class Change {
  readonly #ports: NetworkPorts;
  readonly #timing: ChangeTiming;
  readonly #pending: Pending;
  readonly #progress: () => void;
  #word: "confirm" | "rollback" | undefined;
  #heard: (() => void) | undefined;

  constructor(ports: NetworkPorts, timing: ChangeTiming, pending: Pending, progress: () => void) {
    this.#ports = ports;
    this.#timing = timing;
    this.#pending = pending;
    this.#progress = progress;
  }

  get pending(): Pending {
    return this.#pending;
  }

  /** A person's word: ends the waiting at once. */
  say(word: "confirm" | "rollback"): void {
    this.#word = word;
    this.#heard?.();
  }

  /**
   * Records the change and arms its dead-man: without both nothing is applied. Throws if either fails, and leaves nothing pending.
   */
  async prepare(): Promise<void> {
    const { clock, state, deadMan } = this.#ports;
    try {
      await state.write("pending", this.#pending);
      this.#step("pending");
      await deadMan.arm(this.#pending.id, this.#left(clock) + this.#timing.deadManGraceMs);
      this.#step("armed");
    } catch (error) {
      // The record of an earlier change may still be there, where there was no room for this one.
      if ((await state.read("pending"))?.id === this.#pending.id) await state.remove("pending");
      throw error;
    }
  }

  /** Applies what was prepared and sees it through. `known` are faults from before, which are not the change's. */
  async run({ known, adoption }: Pick<Begun, "known" | "adoption">, signal: AbortSignal): Promise<ChangeResult> {
    const target = (observed: Observed): Target => targetOf(this.#pending.config, observed);
    const onStep = (step: ChangeStep): void => this.#step(step);
    const apply = () =>
      adoption === undefined
        ? converge(this.#ports, target, signal, { onStep })
        : this.#adopt(target, adoption, onStep, signal);
    return this.#seeThrough(apply, known, signal);
  }

  /** The same for a repair. Throws what `repair` throws, once that was taken back: nothing speaks against trying it again. */
  repair(repair: () => Promise<Converged>, signal: AbortSignal): Promise<ChangeResult> {
    return this.#seeThrough(repair, undefined, signal);
  }

  #adopt(
    target: (observed: Observed) => Target,
    adoption: Adoption,
    onStep: (step: ChangeStep) => void,
    signal: AbortSignal,
  ): Promise<Converged> {
    const { clock, prober } = this.#ports;
    const { probeIntervalMs: pauseMs, probeTimeoutMs } = this.#timing;
    // The other half is for the confirmation.
    const until = clock.monotonic() + this.#left(clock) / 2;
    const probe = () => Promise.all(this.#pending.probes.map((one) => prober.probe(one, probeTimeoutMs, signal)));
    const progress = this.#progress;
    return adopt(this.#ports, target, adoption, { onStep, until, pauseMs, probe, progress }, signal);
  }

  async #seeThrough(
    apply: () => Promise<Converged>,
    known: readonly Problem[] | undefined,
    signal: AbortSignal,
  ): Promise<ChangeResult> {
    let converged: Converged;
    let verdict: string | undefined;
    try {
      converged = await apply();
      const fresh = converged.faults.filter(({ message }) => known?.every((other) => other.message !== message));
      verdict = fresh[0]?.message ?? (await this.#objection(signal));
    } catch (error) {
      signal.throwIfAborted();
      if (this.#pending.repair === undefined) return this.rollBack(problemOf(error).message, signal);
      await this.rollBack(problemOf(error).message, signal, false);
      throw error;
    }
    return verdict === undefined ? this.#confirm(converged, signal) : this.rollBack(verdict, signal);
  }

  /**
   * Goes on with a change that another process of this boot began. Applies nothing: what is there is confirmed or undone. A
   * change that never reached the host is dropped, and may be begun again.
   */
  async resume(signal: AbortSignal): Promise<ChangeResult | { readonly result: "dropped" }> {
    const { config, preImage } = this.#pending;
    const looked = await observe(this.#ports, signal);
    const observed = await lookFor(preImage, looked, this.#ports, signal);
    const target: Target = { ...targetOf(config, observed), ...takenBy(this.#pending) };
    const complete = plan(target, observed).length === 0;
    const untouched = plan(preImage, observed).length === 0;
    this.#step("resumed", { complete, untouched });
    // Written is not applied: the process that wrote it may have died before ovs-vswitchd took it.
    if (complete) return this.#seeThrough(() => converge(this.#ports, () => target, signal), undefined, signal);
    if (!untouched) return this.rollBack("interrupted before it was complete", signal, false);
    await this.#ports.state.remove("pending");
    await this.#ports.deadMan.disarm();
    return { result: "dropped" };
  }

  /** Waits for the confirmation. Why there is none, or `undefined` when the change is to be kept. */
  async #objection(signal: AbortSignal): Promise<string | undefined> {
    const { confirm, probes, repair } = this.#pending;
    let rounds = repair === undefined ? Number.POSITIVE_INFINITY : REPAIR_ROUNDS;
    let good = 0;
    let last: readonly ProbeResult[] = [];
    const { clock } = this.#ports;
    for (let left = this.#left(clock); left > 0; left = this.#left(clock)) {
      if (this.#word !== undefined) break;
      // None outlasts the deadline: a rollback that is due is not kept waiting.
      const timeoutMs = Math.min(this.#timing.probeTimeoutMs, left);
      last = await Promise.all(probes.map((target) => this.#ports.prober.probe(target, timeoutMs, signal)));
      this.#progress();
      good = last.every(({ ok }) => ok) ? good + 1 : 0;
      this.#step("probe", { good, of: confirm.good, failed: last.filter(({ ok }) => !ok).map(describeProbe) });
      if (confirm.by === "probes" && good >= confirm.good) break;
      rounds -= 1;
      if (rounds === 0) break;
      await this.#pause(signal);
    }
    if (this.#word === "rollback") return "the operator said so";
    if (this.#word === "confirm" || (confirm.by === "probes" && good >= confirm.good)) return undefined;
    const failed = last.filter(({ ok }) => !ok).map(describeProbe);
    return failed.length > 0 ? failed.join("; ") : "nobody confirmed it in time";
  }

  /** Milliseconds until the deadline. */
  #left(clock: Clock): number {
    return this.#pending.deadline - clock.monotonic();
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const heard = new AbortController();
    this.#heard = () => heard.abort();
    await this.#ports.clock.sleep(this.#timing.probeIntervalMs, AbortSignal.any([signal, heard.signal])).catch(() => {
      signal.throwIfAborted();
    });
    this.#heard = undefined;
  }

  async #confirm(converged: Converged, signal: AbortSignal): Promise<ChangeResult> {
    if (!(await this.#ports.state.claim("pending", "confirmed")))
      return this.rollBack("rolled back by the dead-man", signal);
    await finishConfirm(this.#ports, this.#pending, converged.target);
    this.#step("confirmed");
    return { result: "confirmed", converged };
  }

  /** Back to the pre-image, unless somebody else confirmed or undid the change first. `blamed`: see `finishRollback`. */
  async rollBack(reason: string, signal: AbortSignal, blamed = true): Promise<ChangeResult> {
    const { state } = this.#ports;
    // On a read-only disk nobody can confirm it either, and the record that stays keeps no host from its way back.
    const claimed = await state.claim("pending", "rolling-back").catch(() => true);
    if (!claimed && (await state.read("rolling-back"))?.id !== this.#pending.id) {
      return { result: "rolled-back", reason: `${reason} (already ended by somebody else)` };
    }
    await finishRollback(this.#ports, this.#pending, reason, signal, blamed);
    this.#step("rolled-back", { reason });
    return { result: "rolled-back", reason };
  }

  #step(step: ChangeStep, detail: object = {}): void {
    this.#progress();
    // Of a repair people are told what differed, and where it was taken back.
    if (this.#pending.repair !== undefined) return;
    this.#ports.report({ event: "change", step, hash: this.#pending.config.hash, id: this.#pending.id, ...detail });
  }
}

/** What is asked of one change beyond its configuration. */
export interface ChangeWish {
  /** What has to answer besides the probes of the configuration. */
  readonly confirmAlso: readonly ProbeTarget[];
  /** Go on although nothing answers now that could tell a lock-out: it must answer, or be confirmed by a person, in time. */
  readonly force: boolean;
  /** A person confirms this one, whatever the configuration says. */
  readonly byOperator: boolean;
  /** Take over NICs with what the kernel has on them. */
  readonly adopt: boolean;
}

/** A change that can be prepared and run. */
export interface Begun {
  readonly pending: Pending;
  /** What was wrong before. */
  readonly known: readonly Problem[];
  readonly adoption?: Adoption;
}

/**
 * What a new change starts from. Throws E_NETWORK_CONFLICT and E_NETWORK_NO_PROBE: nothing was touched then, and nothing is recorded.
 */
export async function begin(
  ports: NetworkPorts,
  config: NetworkConfig,
  lastGood: NetworkConfig | undefined,
  wish: ChangeWish & { readonly probeTimeoutMs: number },
  signal: AbortSignal,
): Promise<Begun> {
  const { clock } = ports;
  const first = await observe(ports, signal);
  refuseForeignControl(config, first.ovs);
  const second = await ports.ovs.second(true);
  if (second !== undefined) throw new AgentError(second);
  const adoption = wish.adopt ? await takeOver(ports, targetOf(config, first), first, signal) : undefined;
  if (adoption === undefined) refuseConflicts(targetOf(config, first), first);
  const confirm: Pending["confirm"] = { ...config.network.confirm, ...(wish.byOperator ? { by: "operator" } : {}) };
  const prober = adoption === undefined ? ports.prober : askedNow(ports.prober, config, adoption);
  const probes = await probesFor(
    prober,
    config,
    lastGood ?? config,
    { ...wish, byOperator: confirm.by === "operator" },
    signal,
  );
  const looked = await observe(ports, signal);
  const taken = adoption === undefined ? {} : { taken: adoption.image };
  const target: Target = { ...targetOf(config, looked), ...taken };
  const observed = await lookFor(target, looked, ports, signal);
  const before = snapshot(observed, target);
  const deadline = clock.monotonic() + confirm.deadlineMs;
  const pending: Pending = {
    // With the deadline: the dead-man of an earlier try of the same configuration must not take this one for its own.
    id: `${config.revision}-${config.hash.slice(0, 12)}-${Math.round(deadline).toString(36)}`,
    config,
    confirm,
    probes,
    changes: plan(target, observed)
      .map(describe)
      .map(({ sign, text }) => `${sign} ${text}`),
    preImage: adoption === undefined ? before : givingBack(before, adoption.image),
    bootId: ports.bootId,
    deadline,
    startedAt: new Date(clock.now()).toISOString(),
  };
  return { pending, known: faults(target, observed), ...(adoption === undefined ? {} : { adoption }) };
}

async function probesFor(
  prober: Prober,
  config: NetworkConfig,
  lastGood: NetworkConfig,
  { confirmAlso, force, byOperator, probeTimeoutMs }: ChangeWish & { readonly probeTimeoutMs: number },
  signal: AbortSignal,
): Promise<readonly ProbeTarget[]> {
  const wanted = [...probeTargets(config.network), ...confirmAlso];
  const { required, silent } = await chooseProbes(wanted, lastGood.network, prober, probeTimeoutMs, signal);
  if (required.length > 0 || byOperator) return required;
  if (force) return wanted;
  const why = silent.length === 0 ? "the configuration names no probe" : silent.map(describeProbe).join("; ");
  throw new AgentError({
    code: "E_NETWORK_NO_PROBE",
    message: `nothing could tell whether this change cuts the host off: ${why}`,
    path: "network.probes",
    hint: "Mend that first, or change it with a person watching: devcloud-agent network apply --confirm, or --force. Nothing was changed.",
  });
}
