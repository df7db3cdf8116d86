import type { Timing } from "../../config/settings.ts";
import { type Problem, problemOf } from "../../core/errors.ts";
import { applyHost, converge, observeHost } from "../converge.ts";
import { linkOf, type NetworkConfig, targetOf } from "../desired.ts";
import { remember } from "../ledger.ts";
import { addressesOn } from "../objects/address.ts";
import type { HostObserved } from "../observed.ts";
import { planHost, sameAddress } from "../plan-host.ts";
import type { NetworkPorts } from "../ports.ts";
import { hasCarrier } from "../standing.ts";
import type { Step } from "../steps.ts";
import type { Target } from "../target.ts";
import { holding } from "../uplinks/avoid.ts";
import { type Attempt, attempts, type Cause, isUnusedNic } from "./attempts.ts";
import { describeRung, type Rung, type RungName, rungNumbers } from "./rung.ts";
import { kernelVlanTarget, onlyMember, planLinkLocal, probesFrom, standIn, withoutOvs } from "./targets.ts";

/** One lost packet is no dead gateway. */
const TRIES = 2;
/** What one look uncovers (the kernel drops routes with their address) takes another. */
const PASSES = 3;

/** Why the host has to climb down, and from what. */
export interface Descent {
  readonly cause: Cause;
  readonly problem: Problem;
  readonly config?: NetworkConfig;
  /** It was proven good before. */
  readonly proven: boolean;
  /** Whether what is disruptive may be tried yet; else only what costs nothing. */
  readonly due: boolean;
  readonly timing: Timing;
}

/** Finds something to stand on for a host whose network cannot be made as it has to be. */
export class Ladder {
  readonly #ports: NetworkPorts;
  #rung: Rung | undefined;

  constructor(ports: NetworkPorts) {
    this.#ports = ports;
  }

  /** Where the host stands; absent before it stood on anything. */
  get rung(): Rung | undefined {
    return this.#rung;
  }

  /** Brings the NICs up, and climbs down as far as need be. The rung that the host stands on then; absent: none yet. */
  async descend(descent: Descent, signal: AbortSignal): Promise<Rung | undefined> {
    const { cause, config, proven, problem, due } = descent;
    // A NIC takes seconds until it has carrier: it begins at once.
    await this.#raise(config, signal);
    const host = await observeHost(this.#ports, signal);
    const on = config && nicOf(config, host);
    const avoided = (await this.#ports.state.read("avoid"))?.nics ?? [];
    const facts = {
      cause,
      proven,
      host,
      avoid: holding(avoided, this.#ports.clock.now(), this.#ports.bootId),
      ...(config === undefined ? {} : { config }),
      ...(on === undefined ? {} : { on }),
    };
    for (const attempt of attempts(facts)) {
      const free = attempt.rung === "last-good" || attempt.rung === "single-member" || on !== undefined;
      if (!due && !free) continue;
      if (await this.#stands(attempt, descent, signal)) return this.#set(attempt, problem.message, descent);
    }
    return undefined;
  }

  /** The network is as it has to be. */
  async top(config: NetworkConfig): Promise<void> {
    const before = this.#rung;
    if (before?.name === "last-good" && before.why === undefined) return;
    this.#rung = { rung: 0, name: "last-good", since: this.#ports.clock.now() };
    if (before === undefined || before.rung === 0) return;
    this.#tell("Open vSwitch answers again");
    this.#announce(config, (name) => name);
    // What stood in is gone with its devices, and leaves the ledger too.
    const { addresses = [] } = (await this.#ports.state.read("ledger")) ?? {};
    const kept = addresses.filter(({ device }) => before.devices?.includes(device) !== true);
    if (kept.length < addresses.length) await this.#ports.state.write("ledger", { addresses: kept });
  }

  async #raise(config: NetworkConfig | undefined, signal: AbortSignal): Promise<void> {
    const { kernel } = await observeHost(this.#ports, signal);
    const nics = config
      ? config.network.bond.members.flatMap((nic) => linkOf(nic, config.network, kernel.links) ?? [])
      : kernel.links.filter(isUnusedNic);
    const quiet = { kind: "set-ipv6", setting: "disable_ipv6", value: 1, why: "down", risk: "none" } as const;
    const steps = nics.flatMap(({ name: device, up }): Step[] =>
      up
        ? []
        : [
            { ...quiet, device },
            { kind: "link-up", device, why: "down", risk: "none" },
          ],
    );
    await applyHost(this.#ports, steps, signal);
  }

  async #stands(attempt: Attempt, { config, timing }: Descent, signal: AbortSignal): Promise<boolean> {
    if (attempt.rung === "link-local") return this.#linkLocal(attempt.devices, config, signal);
    if (config === undefined) return false;
    switch (attempt.rung) {
      case "last-good":
        return this.#works(config, (name) => name, timing, signal, attempt);
      case "single-member":
        return this.#singleMember(config, attempt.device, signal);
      case "kernel-vlan": {
        const deviceFor = (name: string): string => standIn(config.network, name, attempt.device);
        await this.#make((host) => kernelVlanTarget(config, attempt.device, host), signal);
        return this.#works(config, deviceFor, timing, signal, attempt);
      }
    }
  }

  async #singleMember(config: NetworkConfig, device: string, signal: AbortSignal): Promise<boolean> {
    try {
      const target = (observed: Parameters<typeof targetOf>[1]) =>
        onlyMember(targetOf(config, observed), config, device);
      const { observed } = await converge(this.#ports, target, signal);
      return hasCarrier(config, observed);
    } catch (error) {
      signal.throwIfAborted();
      // It does not matter here why: the next rung is tried.
      this.#ports.report({ event: "uplink", problem: problemOf(error) });
      return false;
    }
  }

  /** Back to what is desired, as far as it goes, and a way in that needs nobody's help. */
  async #linkLocal(
    devices: readonly string[],
    config: NetworkConfig | undefined,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (config !== undefined) await this.#make((host) => withoutOvs(config, host), signal);
    const host = await observeHost(this.#ports, signal);
    await applyHost(this.#ports, planLinkLocal(devices, host), signal);
    return true;
  }

  async #make(targetFor: (host: HostObserved) => Target, signal: AbortSignal): Promise<void> {
    for (let pass = 0; pass < PASSES; pass += 1) {
      const host = await observeHost(this.#ports, signal);
      const target = targetFor(host);
      const steps = planHost(target, host);
      if (steps.length === 0) return;
      // A disk that is full must not keep the host from an address.
      await remember(this.#ports, host, target.addresses).catch(() => undefined);
      await applyHost(this.#ports, steps, signal);
    }
  }

  /** Whether an address of the configuration is there, and any of those answers who tell that the host is on its network. */
  async #works(
    config: NetworkConfig,
    deviceFor: (name: string) => string,
    { probeTimeoutMs }: Timing,
    signal: AbortSignal,
    { asks }: Pick<Attempt, "asks">,
  ): Promise<boolean> {
    const probes = probesFrom(config, deviceFor, await this.#ports.kernel.observe(signal));
    if (probes === undefined) return false;
    // Nobody to ask counts as an answer.
    if (!asks || probes.length === 0) return true;
    for (let tries = 0; tries < TRIES; tries += 1) {
      const results = await Promise.all(probes.map((probe) => this.#ports.prober.probe(probe, probeTimeoutMs, signal)));
      if (results.some(({ ok }) => ok)) return true;
    }
    return false;
  }

  #set(attempt: Attempt, why: string, { config }: Descent): Rung {
    const name: RungName = attempt.rung;
    const devices = devicesOf(attempt, config);
    const before = this.#rung;
    const nic = "nic" in attempt ? { nic: attempt.nic } : {};
    const same = before?.name === name && before.nic === nic.nic && String(before.devices) === String(devices);
    const since = same ? before.since : this.#ports.clock.now();
    this.#rung = { rung: rungNumbers[name], name, ...nic, ...(devices === undefined ? {} : { devices }), why, since };
    // One that was never left is no news.
    if (!same && (name !== "last-good" || (before?.rung ?? 0) > 0)) this.#tell(why);
    if (!same && config !== undefined && name === "kernel-vlan" && "device" in attempt)
      this.#announce(config, (own) => standIn(config.network, own, attempt.device));
    return this.#rung;
  }

  #tell(why: string): void {
    const rung = this.#rung;
    if (rung === undefined) return;
    const text = describeRung(rung);
    this.#ports.report({ event: "rung", rung: rung.rung, name: rung.name, what: text, why });
    this.#ports.console(`devcloud-agent: rung ${rung.rung} (${rung.name}): ${text}.\n${why}`);
  }

  #announce({ network }: NetworkConfig, deviceFor: (name: string) => string): void {
    for (const [name, { ipv4, ipv6 }] of Object.entries(network.addresses)) {
      for (const cidr of [...ipv4, ...ipv6]) this.#ports.announce(deviceFor(name), cidr.split("/")[0] ?? cidr);
    }
  }
}

function devicesOf(attempt: Attempt, config: NetworkConfig | undefined): readonly string[] | undefined {
  if (attempt.rung === "link-local") return attempt.devices;
  if (attempt.rung !== "kernel-vlan" || config === undefined) return undefined;
  return [
    ...new Set(Object.keys(config.network.addresses).map((name) => standIn(config.network, name, attempt.device))),
  ];
}

/** The NIC that carries our addresses already, on a kernel VLAN or untagged, as an earlier pass or process left it. */
function nicOf({ network }: NetworkConfig, { kernel, ledger }: HostObserved): string | undefined {
  const made = kernel.links.find(({ name, kind }) => kind === "vlan" && ledger.some(({ device }) => device === name));
  const carries = (device: string): boolean =>
    addressesOn(network, () => device).addresses.some((ours) =>
      [kernel.addresses, ledger].every((known) => known.some((entry) => sameAddress(entry, ours))),
    );
  return network.bond.members.find((nic) => {
    const device = linkOf(nic, network, kernel.links)?.name;
    return device !== undefined && (device === made?.parent || carries(device));
  });
}
