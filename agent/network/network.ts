import type { NetworkSettings } from "../config/settings.ts";
import type { Capability, Outcome } from "../core/capability.ts";
import { type Problem, problemOf } from "../core/errors.ts";
import { applyFirst, type Booting, putBack } from "./boot.ts";
import { type Begun, begin, Change, type ChangeResult } from "./change.ts";
import { observe } from "./converge.ts";
import { linkOf, type NetworkConfig, targetOf } from "./desired.ts";
import { finishConfirm, finishRollback, rememberFailed } from "./ending.ts";
import { whatIsThere } from "./first.ts";
import { remember } from "./history.ts";
import { Hold } from "./hold.ts";
import type { Fallback } from "./ladder/fallback.ts";
import type { Rung } from "./ladder/rung.ts";
import { plan } from "./plan.ts";
import type { NetworkPorts } from "./ports.ts";
import { type FailedConfig, type LastGood, lastGoodBy, type Pending, situationOf } from "./state.ts";
import type { Asked, Wanted } from "./wanted.ts";

const unasked: Asked = { retry: false, force: false, byOperator: false, adopt: false };

export interface NetworkOptions {
  /** Loaded only when it is needed: a host whose network is right is ready before its configuration was parsed. */
  readonly wanted: () => Promise<Wanted>;
  /** The network stood in this boot already, before this process began: what differs now was changed since. */
  readonly stood?: boolean;
  /** What the host falls back on where its network cannot be made; absent: nothing, as for a command. */
  readonly fallback?: Fallback;
}

/**
 * The network of the host as a capability. What it holds on to is the last good configuration; a new one replaces it only
 * through a confirmed change.
 */
export class Network implements Capability {
  readonly name = "network";
  readonly #ports: NetworkPorts;
  readonly #options: NetworkOptions;
  readonly #hold: Hold;
  readonly #booting: Booting;
  #change: Change | undefined;
  #asked: Asked = unasked;
  /** The last good network was put back once in this process, and ovs-vswitchd has proven that it lives. */
  #booted = false;

  constructor(ports: NetworkPorts, options: NetworkOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#hold = new Hold(ports, options.wanted);
    this.#booting = { ports, hold: this.#hold, wanted: options.wanted, stood: options.stood ?? false };
  }

  /** The change that waits to be confirmed. */
  get change(): Change | undefined {
    return this.#change;
  }

  /** A change, or a repair, has to show now that the host stays reachable. */
  get onTrial(): boolean {
    return this.#change !== undefined || this.#hold.guarding;
  }

  /** The configuration that the host follows now; absent until it was looked at. */
  get current(): NetworkConfig | undefined {
    if (this.#options.fallback?.withoutOvs === true) return undefined;
    return this.#change?.pending.config ?? this.#hold.current;
  }

  /** Where the host stands, on its way down from the network as it is meant to be; absent before it stood. */
  get rung(): Rung | undefined {
    return this.#options.fallback?.rung;
  }

  /** A person asks for the desired configuration: what the next pass does with it, if it is another one. */
  ask(asked: Partial<Asked>): void {
    this.#asked = { ...unasked, ...asked };
    this.#hold.ask();
  }

  async reconcile(signal: AbortSignal, progress: () => void): Promise<Outcome> {
    const { fallback } = this.#options;
    if (fallback === undefined) return this.#pass(signal, progress);
    const began = this.#ports.clock.monotonic();
    try {
      await fallback.letGo(signal);
      const outcome = await this.#pass(signal, progress);
      return await fallback.sound(outcome, this.#hold.current, signal);
    } catch (error) {
      signal.throwIfAborted();
      progress();
      const outcome = await fallback.descend(problemOf(error), began, signal);
      if (outcome === undefined) throw error;
      return outcome;
    }
  }

  async #pass(signal: AbortSignal, progress: () => void): Promise<Outcome> {
    const { state } = this.#ports;
    const [confirmed, rollingBack, pending, lastGood] = await Promise.all([
      state.read("confirmed"),
      state.read("rolling-back"),
      state.read("pending"),
      state.read("last-good"),
    ]);
    const situation = situationOf({ confirmed, rollingBack, pending, lastGood }, this.#ports.bootId);
    switch (situation.kind) {
      case "finish-confirm":
        return this.#settled(lastGoodBy(situation.pending), signal, progress, () =>
          this.#finishConfirm(situation.pending, signal),
        );
      case "finish-rollback": {
        const { pending } = situation;
        const reason = (await this.#failedWith(pending.config.hash))?.reason ?? "the rollback was interrupted";
        await finishRollback(this.#ports, pending, reason, signal, false);
        this.#ended(pending, "rolled-back", reason);
        return this.#pass(signal, progress);
      }
      case "interrupted":
        if (leadsBack(situation.pending, lastGood)) {
          // Open vSwitch remembers what it was given, also over a reboot, and the host has no other way in than what it had.
          await state.claim("pending", "rolling-back").catch(() => false);
          await finishRollback(this.#ports, situation.pending, "interrupted by a reboot", signal);
          return this.#pass(signal, progress);
        }
        return this.#interrupted(situation.pending, lastGood, signal, progress);
      case "resume": {
        // Whether it will be confirmed is another matter: what is there stands, and whoever waits for READY waits for that.
        const observed = await observe(this.#ports, signal);
        const { config } = situation.pending;
        const complete = plan(targetOf(config, observed), observed).length === 0;
        // What was adopted may still be half-way.
        if (complete && situation.pending.preImage.given === undefined) this.#hold.stands(config, observed);
        const { timing } = await this.#options.wanted();
        const change = new Change(this.#ports, timing, situation.pending, progress);
        const result = await this.#see(change, () => change.resume(signal));
        const rolledBack = result.result === "rolled-back" && situation.pending.repair === undefined;
        return rolledBack ? this.#rolledBack(result.reason) : this.#pass(signal, progress);
      }
      case "first":
        return this.#first(signal, progress);
      case "settled":
        return this.#settled(situation.lastGood, signal, progress);
    }
  }

  /** `write` brings the records up to date once the network stands. Its answer: what kept it from doing so. */
  async #settled(
    lastGood: LastGood,
    signal: AbortSignal,
    progress: () => void,
    write: () => Promise<Problem | undefined> = async () => undefined,
  ): Promise<Outcome> {
    const back = this.#booted ? undefined : await putBack(this.#booting, lastGood.config, signal);
    this.#booted ||= back !== undefined;
    progress();
    const unwritten = await write();
    const { desired, problems: others } = await this.#options.wanted();
    const problems = unwritten === undefined ? others : [unwritten, ...others];
    if (desired?.network.mode === "observe") return this.#hold.observing(desired, problems, signal, lastGood.config);
    // No change begins before it is written how the last one ended.
    if (unwritten !== undefined) return this.#hold.keep(lastGood.config, problems, signal, { unwritten: true });
    const failed = await this.#failedWith(desired?.hash);
    const differs = desired !== undefined && desired.hash !== lastGood.config.hash;
    if (differs && (failed === undefined || this.#asked.retry)) {
      const silent = await this.#withoutCarrier(desired.network, signal);
      if (!silent)
        return this.#changeTo({ ...desired, revision: lastGood.config.revision + 1 }, lastGood, signal, progress);
      // Without carrier no probe answers, and a configuration that is right would be remembered as a failed one.
      const message = "no NIC of the desired network has carrier: it is applied when one has";
      return this.#hold.keep(lastGood.config, [{ code: "E_NIC_NO_CARRIER", message }, ...problems], signal);
    }
    this.#asked = unasked;
    const refused: readonly Problem[] = failed === undefined || !differs ? [] : [rolledBackAt(failed)];
    if (back !== undefined && back !== "drift") {
      return this.#hold.report(lastGood.config, back.observed, [...refused, ...back.unwritten, ...problems]);
    }
    return this.#hold.keep(lastGood.config, [...refused, ...problems], signal);
  }

  async #changeTo(
    config: NetworkConfig,
    lastGood: LastGood | undefined,
    signal: AbortSignal,
    progress: () => void,
  ): Promise<Outcome> {
    const { problems, timing, confirmAlso = [] } = await this.#options.wanted();
    // It holds for this one try, whatever comes of it.
    const asked = this.#asked;
    this.#asked = unasked;
    let change: Change;
    let begun: Begun;
    try {
      const wish = { ...asked, confirmAlso, probeTimeoutMs: timing.probeTimeoutMs };
      begun = await begin(this.#ports, config, lastGood?.config, wish, signal);
      change = new Change(this.#ports, timing, begun.pending, progress);
      await change.prepare();
    } catch (error) {
      signal.throwIfAborted();
      // What cannot be begun (a NIC in use, a full disk) must not keep the last good network from being looked after.
      const told = [problemOf(error), ...problems];
      return lastGood === undefined
        ? { state: "degraded", problems: told }
        : this.#hold.keep(lastGood.config, told, signal);
    }
    const result = await this.#see(change, () => change.run(begun, signal));
    return result.result === "rolled-back"
      ? this.#rolledBack(result.reason)
      : this.#hold.keep(config, problems, signal);
  }

  /** The network stands already. What keeps its confirmation from being written, such as a full disk, is told and tried again. */
  async #finishConfirm(pending: Pending, signal: AbortSignal): Promise<Problem | undefined> {
    try {
      const observed = await observe(this.#ports, signal);
      await finishConfirm(this.#ports, pending, targetOf(pending.config, observed));
    } catch (error) {
      signal.throwIfAborted();
      return problemOf(error);
    }
    this.#ended(pending, "confirmed");
    return undefined;
  }

  /** Of an earlier boot. Until it is written that it failed, its record is what remembers it. */
  async #interrupted(
    pending: Pending,
    lastGood: LastGood | undefined,
    signal: AbortSignal,
    progress: () => void,
  ): Promise<Outcome> {
    const { state } = this.#ports;
    try {
      if (pending.repair === undefined) {
        // Where there was nothing before it, it is tried again.
        if (lastGood !== undefined) await rememberFailed(this.#ports, pending.config.hash, "interrupted by a reboot");
        await state.write("ledger", { addresses: pending.preImage.addresses });
        await remember(this.#ports, pending, "interrupted", "the host was rebooted");
      }
      await state.remove("rolling-back");
      await state.remove("pending");
    } catch (error) {
      if (lastGood === undefined) throw error;
      return this.#settled(lastGood, signal, progress, async () => problemOf(error));
    }
    return this.#pass(signal, progress);
  }

  async #failedWith(wanted: string | undefined): Promise<FailedConfig | undefined> {
    return (await this.#ports.state.read("failed"))?.configs.find(({ hash }) => hash === wanted);
  }

  /** No last good network to go back to: what the host has instead is changed on trial only. */
  async #first(signal: AbortSignal, progress: () => void): Promise<Outcome> {
    const { desired, problems, timing } = await this.#options.wanted();
    if (desired === undefined || desired.network.mode === "observe") {
      return applyFirst(this.#booting, signal, progress);
    }
    const config: NetworkConfig = { ...desired, revision: 1 };
    const { stood } = this.#booting;
    const found = await whatIsThere(this.#ports, config, { stood, ...timing }, signal);
    const { adopt, byOperator, retry } = this.#asked;
    const failed = await this.#failedWith(desired.hash);
    if (failed !== undefined && !retry && found !== "as-configured") {
      this.#asked = unasked;
      return { state: "degraded", problems: [rolledBackAt(failed), ...problems] };
    }
    const onTrial = found === "taken" ? adopt : found === "standing" || (byOperator && found === "nothing");
    return onTrial ? this.#changeTo(config, undefined, signal, progress) : applyFirst(this.#booting, signal, progress);
  }

  /** Whether it is known that no NIC has carrier: one that is down has not been asked. */
  async #withoutCarrier(network: NetworkSettings, signal: AbortSignal): Promise<boolean> {
    const { kernel } = await observe(this.#ports, signal);
    return !network.bond.members.some((nic) => {
      const link = linkOf(nic, network, kernel.links);
      return link !== undefined && (link.carrier || !link.up);
    });
  }

  /** The end of a change that another pass, or another process, had begun to end. */
  #ended({ id, config, repair }: Pending, step: "confirmed" | "rolled-back", reason?: string): void {
    if (repair !== undefined) return;
    const why = reason === undefined ? {} : { reason };
    this.#ports.report({ event: "change", step, hash: config.hash, id, ...why });
  }

  #rolledBack(reason: string): Outcome {
    const hint = "The host is as it was before. Change the configuration, or: devcloud-agent network apply --retry";
    return {
      state: "degraded",
      problems: [{ code: "E_NETWORK_ROLLED_BACK", message: `rolled back: ${reason}`, hint }],
      againMs: 0,
    };
  }

  async #see<T extends ChangeResult | { readonly result: "dropped" }>(
    change: Change,
    run: () => Promise<T>,
  ): Promise<T> {
    this.#change = change;
    try {
      return await run();
    } finally {
      this.#change = undefined;
    }
  }
}

/** Whether the way into this host is what it had before the change, and nothing that is written elsewhere. */
function leadsBack({ preImage, repair }: Pending, lastGood: LastGood | undefined): boolean {
  return (
    preImage.given !== undefined || (lastGood === undefined && repair === undefined && preImage.bridges.length > 0)
  );
}

function rolledBackAt({ at, reason }: FailedConfig): Problem {
  return {
    code: "E_NETWORK_ROLLED_BACK",
    message: `the desired network was rolled back at ${at}: ${reason}`,
    hint: "Change it, or try it again: devcloud-agent network apply --retry",
  };
}
