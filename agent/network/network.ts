import type { NetworkSettings, Timing } from "../config/settings.ts";
import type { Capability, Outcome } from "../core/capability.ts";
import { type Problem, problemOf } from "../core/errors.ts";
import type { ProbeTarget } from "../core/probe.ts";
import {
  begin,
  Change,
  type ChangeResult,
  describeProbe,
  finishConfirm,
  finishRollback,
  probeTargets,
  rememberFailed,
  rememberGood,
} from "./change.ts";
import { converge, observe } from "./converge.ts";
import { describe } from "./describe.ts";
import { linkOf, type NetworkConfig, targetOf } from "./desired.ts";
import { FailoverWatch } from "./failover.ts";
import type { Observed, OvsObserved } from "./observed.ts";
import { plan } from "./plan.ts";
import type { NetworkPorts } from "./ports.ts";
import { hasCarrier, standingProblems } from "./standing.ts";
import { type LastGood, situationOf } from "./state.ts";
import type { Step } from "./steps.ts";

/** What is asked of the network; read anew at every pass. */
export interface Wanted {
  /** Absent: the configuration has no network, or is invalid and `problems` says why. */
  readonly desired?: Omit<NetworkConfig, "revision">;
  readonly problems: readonly Problem[];
  readonly timing: Timing;
  /** What a change must keep reachable besides what its own probes say. */
  readonly confirmAlso?: readonly ProbeTarget[];
}

export interface NetworkOptions {
  readonly bootId: string;
  /** Loaded only when it is needed: a host whose network is right is ready before its configuration was parsed. */
  readonly wanted: () => Promise<Wanted>;
}

/**
 * The network of the host as a capability. What it holds on to is the last good configuration; a new one replaces it only
 * through a confirmed change.
 */
export class Network implements Capability {
  readonly name = "network";
  readonly #ports: NetworkPorts;
  readonly #options: NetworkOptions;
  #change: Change | undefined;
  #retry = false;
  /** The last good network was put back once in this process, and ovs-vswitchd has proven that it lives. */
  #booted = false;
  #current: NetworkConfig | undefined;
  readonly #failovers = new FailoverWatch();
  /** What was last told to be different, in mode observe, where it stays so. */
  #toldDrift = "[]";

  constructor(ports: NetworkPorts, options: NetworkOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** The change that waits to be confirmed. */
  get change(): Change | undefined {
    return this.#change;
  }

  /** The configuration that the host follows now; absent until it was looked at. */
  get current(): NetworkConfig | undefined {
    return this.#change?.pending.config ?? this.#current;
  }

  /** Open vSwitch changed: a bond that moved to its other member is told, and the switches are told where we are now. */
  noticed(ovs: OvsObserved): void {
    const network = this.current?.network;
    const moved = network && this.#failovers.look(ovs, network.bond.name);
    if (moved === undefined) return;
    this.#ports.report({ event: "failover", ...moved });
    if (moved.to === undefined) return;
    for (const [device, { ipv4 }] of Object.entries(network?.addresses ?? {})) {
      for (const cidr of ipv4) this.#ports.announce(device, cidr.split("/")[0] ?? cidr);
    }
  }

  /** Apply the desired configuration at the next pass even if it failed before. */
  retry(): void {
    this.#retry = true;
  }

  async reconcile(signal: AbortSignal, progress: () => void): Promise<Outcome> {
    const { state } = this.#ports;
    const [confirmed, rollingBack, pending, lastGood] = await Promise.all([
      state.read("confirmed"),
      state.read("rolling-back"),
      state.read("pending"),
      state.read("last-good"),
    ]);
    const situation = situationOf({ confirmed, rollingBack, pending, lastGood }, this.#options.bootId);
    switch (situation.kind) {
      case "finish-confirm": {
        const observed = await observe(this.#ports, signal);
        await finishConfirm(this.#ports, situation.pending, targetOf(situation.pending.config, observed));
        return this.reconcile(signal, progress);
      }
      case "finish-rollback": {
        const failed = (await state.read("failed"))?.configs.find(({ hash }) => hash === situation.pending.config.hash);
        const reason = failed?.reason ?? "the rollback was interrupted";
        await finishRollback(this.#ports, situation.pending, reason, signal);
        return this.reconcile(signal, progress);
      }
      case "interrupted":
        await rememberFailed(this.#ports, situation.pending.config.hash, "interrupted by a reboot");
        await state.write("ledger", { addresses: situation.pending.preImage.addresses });
        await state.remove("rolling-back");
        await state.remove("pending");
        return this.reconcile(signal, progress);
      case "resume": {
        // Whether it will be confirmed is another matter: what is there stands, and whoever waits for READY waits for that.
        const observed = await observe(this.#ports, signal);
        const { config } = situation.pending;
        if (plan(targetOf(config, observed), observed).length === 0) this.#stands(config, observed);
        const { timing } = await this.#options.wanted();
        const change = new Change(this.#ports, timing, situation.pending, progress);
        const result = await this.#see(change, () => change.resume(signal));
        return result.result === "rolled-back" ? this.#rolledBack(result.reason) : this.reconcile(signal, progress);
      }
      case "first":
        return this.#first(signal, progress);
      case "settled":
        return this.#settled(situation.lastGood, signal, progress);
    }
  }

  async #settled(lastGood: LastGood, signal: AbortSignal, progress: () => void): Promise<Outcome> {
    const proven = this.#booted ? undefined : await this.#boot(lastGood, signal);
    progress();
    const { desired, problems } = await this.#options.wanted();
    if (desired?.network.mode === "observe") return this.#observing(desired, problems, signal);
    const failed = (await this.#ports.state.read("failed"))?.configs.find(({ hash }) => hash === desired?.hash);
    const differs = desired !== undefined && desired.hash !== lastGood.config.hash;
    if (differs && (failed === undefined || this.#retry)) {
      const silent = await this.#withoutCarrier(desired.network, signal);
      if (!silent)
        return this.#changeTo({ ...desired, revision: lastGood.config.revision + 1 }, lastGood, signal, progress);
      // Without carrier no probe answers, and a configuration that is right would be remembered as a failed one.
      const message = "no NIC of the desired network has carrier: it is applied when one has";
      return this.#outcome(lastGood.config, [{ code: "E_NIC_NO_CARRIER", message }, ...problems], signal);
    }
    this.#retry = false;
    const refused: readonly Problem[] =
      failed === undefined || !differs
        ? []
        : [
            {
              code: "E_NETWORK_ROLLED_BACK",
              message: `the desired network was rolled back at ${failed.at}: ${failed.reason}`,
              hint: "Change it, or try it again: devcloud-agent network apply --retry",
            },
          ];
    if (proven !== undefined) return this.#report(lastGood.config, proven, [...refused, ...problems]);
    return this.#outcome(lastGood.config, [...refused, ...problems], signal);
  }

  async #changeTo(
    config: NetworkConfig,
    lastGood: LastGood,
    signal: AbortSignal,
    progress: () => void,
  ): Promise<Outcome> {
    const { problems, timing, confirmAlso = [] } = await this.#options.wanted();
    let change: Change;
    let known: readonly Problem[];
    try {
      const begun = await begin(this.#ports, config, { bootId: this.#options.bootId, confirmAlso }, signal);
      known = begun.known;
      change = new Change(this.#ports, timing, begun.pending, progress);
      await change.prepare();
    } catch (error) {
      signal.throwIfAborted();
      // What cannot be begun (a NIC in use, a full disk) must not keep the last good network from being looked after.
      return this.#outcome(lastGood.config, [problemOf(error), ...problems], signal);
    }
    this.#retry = false;
    const result = await this.#see(change, () => change.run(known, signal));
    return result.result === "rolled-back"
      ? this.#rolledBack(result.reason)
      : this.#outcome(lastGood.config, problems, signal);
  }

  /** Whether it is known that no NIC has carrier: one that is down has not been asked. */
  async #withoutCarrier(network: NetworkSettings, signal: AbortSignal): Promise<boolean> {
    const { kernel } = await observe(this.#ports, signal);
    return !network.bond.members.some((nic) => {
      const link = linkOf(nic, network, kernel.links);
      return link !== undefined && (link.carrier || !link.up);
    });
  }

  /** The first pass of a process: what was good is put back, and vswitchd proves that it lives. */
  async #boot(lastGood: LastGood, signal: AbortSignal): Promise<Observed | undefined> {
    const observed = await observe(this.#ports, signal);
    const target = targetOf(lastGood.config, observed);
    if (plan(target, observed).length > 0) {
      // Asked only here, where there is something to write: the fast way to READY does not parse the configuration.
      if ((await this.#options.wanted()).desired?.network.mode === "observe") return undefined;
      const done = await converge(this.#ports, (now) => targetOf(lastGood.config, now), signal);
      this.#booted = true;
      return this.#stands(lastGood.config, done.observed);
    }
    // The columns that tell whether interfaces work survive a reboot; they mean something only after vswitchd has answered.
    await this.#ports.ovs.commit([], observed.ovs, signal);
    this.#booted = true;
    return this.#stands(lastGood.config, { ...observed, ovs: await this.#ports.ovs.observe(signal) });
  }

  /** Nothing to go back to: the desired network is applied, and kept once the probes answer. */
  async #first(signal: AbortSignal, progress: () => void): Promise<Outcome> {
    const { desired, problems, timing } = await this.#options.wanted();
    if (desired === undefined) {
      if (problems.length > 0) return { state: "degraded", problems };
      this.#ports.report({ event: "stands", problems: [] });
      return { state: "converged", problems: [] };
    }
    if (desired.network.mode === "observe") return this.#observing(desired, problems, signal);
    const config: NetworkConfig = { ...desired, revision: 1 };
    const { observed, target } = await converge(this.#ports, (now) => targetOf(config, now), signal, {
      onStep: (step) => {
        progress();
        this.#ports.report({ event: "change", step, hash: config.hash });
      },
    });
    if (!hasCarrier(config, observed)) return this.#report(config, observed, problems);
    const results = await Promise.all(
      probeTargets(config.network).map((probe) => this.#ports.prober.probe(probe, timing.probeTimeoutMs, signal)),
    );
    const silent = results.filter(({ ok }) => !ok);
    if (silent.length > 0) {
      const message = `the network is configured, but ${silent.map(describeProbe).join("; ")}`;
      const hint = "Check the VLANs on the switch ports and the gateway. It stays as configured, and is probed again.";
      const outcome = this.#report(
        config,
        observed,
        [{ code: "E_NETWORK_UNCONFIRMED", message, hint }, ...problems],
        false,
      );
      return { ...outcome, againMs: timing.probeIntervalMs };
    }
    await rememberGood(this.#ports, config, target);
    this.#ports.report({ event: "change", step: "confirmed", hash: config.hash });
    return this.#report(config, observed, problems);
  }

  async #observing(
    desired: Omit<NetworkConfig, "revision">,
    problems: readonly Problem[],
    signal: AbortSignal,
  ): Promise<Outcome> {
    this.#ports.report({ event: "stands", problems });
    const observed = await observe(this.#ports, signal);
    const steps = plan(targetOf({ ...desired, revision: 0 }, observed), observed);
    const differs = JSON.stringify(steps);
    if (differs !== this.#toldDrift) this.#reportDrift(steps);
    this.#toldDrift = differs;
    return { state: "observing", problems };
  }

  /** Keeps the last good network: what differs from it is put back. */
  async #outcome(config: NetworkConfig, problems: readonly Problem[], signal: AbortSignal): Promise<Outcome> {
    const lastGood = (await this.#ports.state.read("last-good"))?.config ?? config;
    const { observed, applied } = await converge(this.#ports, (now) => targetOf(lastGood, now), signal);
    this.#reportDrift(applied);
    return this.#report(lastGood, observed, problems);
  }

  #report(config: NetworkConfig, observed: Observed, problems: readonly Problem[], good = true): Outcome {
    const now = standingProblems(config, observed, targetOf(config, observed));
    if (good) this.#stands(config, observed);
    const all = [...problems, ...now];
    return { state: all.length === 0 ? "converged" : "degraded", problems: all };
  }

  /** It stands when nothing is left to do and a member has carrier; whether the gateway answers does not matter here. */
  #stands(config: NetworkConfig, observed: Observed): Observed {
    this.#current = config;
    this.noticed(observed.ovs);
    if (!hasCarrier(config, observed)) return observed;
    this.#ports.report({ event: "stands", problems: standingProblems(config, observed, targetOf(config, observed)) });
    return observed;
  }

  #reportDrift(steps: readonly Step[]): void {
    for (const step of steps) {
      const { sign, text, details } = describe(step);
      this.#ports.report({ event: "drift", change: `${sign} ${text}`, details, risk: step.risk });
    }
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
