import type { Timing } from "../../config/settings.ts";
import { AgentError, type Problem, problemOf } from "../../core/errors.ts";
import { observe } from "../converge.ts";
import { linkOf, type NetworkConfig, targetOf } from "../desired.ts";
import { anyCarrier } from "../faults.ts";
import type { Observed, OvsObserved } from "../observed.ts";
import { plan } from "../plan.ts";
import type { NetworkPorts } from "../ports.ts";
import { movesOf } from "../steady/move.ts";
import { type Avoided, holding } from "./avoid.ts";
import { activeMember, type Failover, FailoverWatch } from "./failover.ts";
import { Flaps } from "./flaps.ts";

/** Open vSwitch has applied that a bond moves a moment before it moves: so often it is looked at. */
const LOOK_MS = 100;

export interface UplinksOptions {
  /** The configuration that the host follows; absent while there is none. */
  readonly current: () => NetworkConfig | undefined;
  readonly timing: () => Timing;
  /** What the bond has to prefer has changed: the network has to be looked at again. */
  readonly onChange: () => void;
  /** A change waits for its confirmation, and the network is not looked at until that has ended. */
  readonly confirming: () => boolean;
  /** Looks at the network once more, and brings the bond where it has to be. What was wrong with it then. */
  readonly pass: () => Promise<readonly Problem[]>;
}

/** Which of its members the bond is kept off, and why it moved. */
export class Uplinks {
  readonly #ports: NetworkPorts;
  readonly #options: UplinksOptions;
  readonly #failovers = new FailoverWatch();
  readonly #flaps = new Flaps();
  /** The last of those moves that are told together, while somebody waits to tell them. */
  #collected: Failover | undefined;
  #avoid: readonly Avoided[] = [];
  #unwritten: Problem | undefined;

  constructor(ports: NetworkPorts, options: UplinksOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** The NICs that the bond is kept off now. */
  get avoided(): readonly Avoided[] {
    return holding(this.#avoid, this.#ports.clock.now(), this.#ports.bootId);
  }

  /** What a person has to know of them. */
  get problems(): readonly Problem[] {
    const unwritten = this.#unwritten === undefined ? [] : [this.#unwritten];
    return [...this.avoided.map(describeAvoided), ...unwritten];
  }

  /** Reads what an earlier process of the agent left. */
  async load(): Promise<void> {
    this.#avoid = (await this.#ports.state.read("avoid"))?.nics ?? [];
  }

  /** Open vSwitch changed: a bond that moved is told, and the switches are told where the host is now. */
  noticed(ovs: OvsObserved, signal: AbortSignal): void {
    const config = this.#options.current();
    if (config === undefined) return;
    const now = this.#ports.clock.monotonic();
    const moved = this.#failovers.look(ovs, config.network.bond.name, now, new Map(this.#devices(ovs)));
    if (moved === undefined) return;
    const { from, to, cause } = moved;
    if (from !== undefined && cause === "carrier") this.#flaps.lost(from, now);
    const flapping = from !== undefined && this.#flaps.flaps(from, now);
    const moves = this.#flaps.moved(flapping, now);
    if (moves > 0) this.#ports.report({ event: "failover", ...moved, moves });
    else this.#collect(moved, signal);
    if (flapping) void this.#hold(from, to).catch((error: unknown) => this.#tell(error));
    if (to !== undefined) this.#greet(config);
  }

  /** Keeps the bond off a NIC, for work on its switch. Throws E_NIC_UNKNOWN, E_NIC_LAST, E_NIC_NOT_MOVED, E_NETWORK_OBSERVE, E_NETWORK_CHANGING. */
  async drain(nic: string, forMs: number, signal: AbortSignal): Promise<void> {
    const { config, observed } = await this.#writable(signal);
    if (!config.network.bond.members.includes(nic)) throw unknownNic(nic, config);
    const others = readyMembers(config, observed).filter((other) => other !== nic);
    if (others.length === 0) {
      throw new AgentError({
        code: "E_NIC_LAST",
        message: `no other member of ${config.network.bond.name} could carry the traffic of ${nic}`,
        hint: "devcloud-agent network show: the other member needs carrier, and must not be drained or deaf itself.",
      });
    }
    const since = this.#ports.clock.now();
    const until = since + forMs;
    await this.avoid({ nic, why: "drained", since, until }, config, signal);
    this.#ports.report({ event: "drain", nic, until: new Date(until).toISOString() });
  }

  /** Lets the bond use a NIC again, whatever kept it off. False where nothing did. */
  async undrain(nic: string, signal: AbortSignal): Promise<boolean> {
    const { config } = await this.#writable(signal);
    if (!config.network.bond.members.includes(nic)) throw unknownNic(nic, config);
    if (this.avoided.every((entry) => entry.nic !== nic)) return false;
    await this.forgive((entry) => entry.nic === nic);
    await this.#options.pass();
    this.#ports.report({ event: "undrain", nic });
    return true;
  }

  /**
   * Keeps the bond off a NIC; returns the one that carries the traffic then. Where it does not follow (Open vSwitch hangs, or the other
   * member cut the host off), nothing is remembered. Throws E_NIC_NOT_MOVED.
   */
  async avoid(entry: Avoided, config: NetworkConfig, signal: AbortSignal): Promise<string | undefined> {
    await this.#write([...this.avoided.filter(({ nic }) => nic !== entry.nic), entry]);
    try {
      // Whoever repairs the network moves the bond as well: two at a time would undo each other.
      const problems = await this.#options.pass();
      const observed = await this.#left(entry, config, signal);
      const moves = movesOf(config, plan(targetOf(config, observed), observed));
      const active = activeNic(config, observed);
      if (moves.length > 0 || active === entry.nic) throw notMoved(entry, problems);
      return active;
    } catch (error) {
      await this.forgive((other) => other.nic === entry.nic);
      throw error;
    }
  }

  /** Forgets those entries that `which` says. */
  async forgive(which: (entry: Avoided) => boolean): Promise<void> {
    const kept = this.avoided.filter((entry) => !which(entry));
    if (kept.length === this.#avoid.length) return;
    await this.#write(kept);
    this.#options.onChange();
  }

  /** What has run out is forgotten, and the bond may go back; what could not be written is tried again. */
  async expire(): Promise<void> {
    if (this.#unwritten !== undefined) await this.#write(this.#avoid);
    const over = this.#avoid.filter((entry) => !this.avoided.includes(entry));
    if (over.length === 0) return;
    await this.forgive(() => false);
    for (const { nic, why } of over) this.#ports.report({ event: "undrain", nic, why });
  }

  /** Waits until the bond has left a NIC, as long as that may take. Whoever is cut off has all the time that a link needs to be trusted. */
  async #left({ nic, why }: Avoided, config: NetworkConfig, signal: AbortSignal): Promise<Observed> {
    const { clock } = this.#ports;
    const trustMs = why === "deaf" ? config.network.bond.updelayMs : 0;
    const until = clock.monotonic() + this.#options.timing().ovsdbTimeoutMs + trustMs;
    for (;;) {
      const observed = await observe(this.#ports, signal);
      if (activeNic(config, observed) !== nic || clock.monotonic() >= until) return observed;
      await clock.sleep(LOOK_MS, signal);
    }
  }

  /** A link that comes and goes is not gone back to: without that a preferred member would take the traffic down each time. */
  async #hold(nicDevice: string, to: string | undefined): Promise<void> {
    const config = this.#options.current();
    if (config === undefined || config.network.mode === "observe" || to === undefined) return;
    const observed = await observe(this.#ports, AbortSignal.timeout(this.#options.timing().ovsdbTimeoutMs));
    const nic = config.network.bond.members.find(
      (member) => linkOf(member, config.network, observed.kernel.links)?.name === nicDevice,
    );
    if (nic === undefined || this.avoided.some((entry) => entry.nic === nic && entry.why !== "flapping")) return;
    const now = this.#ports.clock.now();
    await this.#write([
      ...this.avoided.filter((entry) => entry.nic !== nic),
      { nic, why: "flapping", since: now, until: now + this.#options.timing().uplinkFlapHoldMs },
    ]);
    this.#options.onChange();
  }

  async #writable(signal: AbortSignal): Promise<{ config: NetworkConfig; observed: Observed }> {
    const config = this.#options.current();
    if (config === undefined || config.network.mode === "observe") {
      throw new AgentError({
        code: "E_NETWORK_OBSERVE",
        message: "the agent only watches this host's network, and moves nothing",
        path: "network.mode",
        hint: "Set network.mode to enforce.",
      });
    }
    if (this.#options.confirming()) {
      throw new AgentError({
        code: "E_NETWORK_CHANGING",
        message: "a change of the network waits for its confirmation, and the bond is not moved meanwhile",
        hint: "devcloud-agent network confirm, or rollback; then try again.",
      });
    }
    return { config, observed: await observe(this.#ports, signal) };
  }

  /** What cannot be written holds until the agent is restarted, and is told: nobody is to be cut off by a full disk. */
  async #write(nics: readonly Avoided[]): Promise<void> {
    const before = this.#unwritten;
    this.#avoid = nics;
    this.#unwritten = await this.#ports.state.write("avoid", { nics }).then(() => undefined, notWritten);
    if (before?.message !== this.#unwritten?.message) this.#options.onChange();
  }

  /** Where the bond is after the last move of many is where it may stay: it is told although no other follows. */
  #collect(moved: Failover, signal: AbortSignal): void {
    const { clock, report } = this.#ports;
    const waits = this.#collected !== undefined;
    this.#collected = moved;
    if (waits) return;
    const tell = (): void => {
      const moves = this.#flaps.rest(clock.monotonic());
      if (moves > 0) report({ event: "failover", ...(this.#collected ?? moved), moves });
      this.#collected = undefined;
    };
    void clock.sleep(this.#flaps.restIn(clock.monotonic()), signal).then(tell, () => undefined);
  }

  #devices(ovs: OvsObserved): [string, Avoided["why"]][] {
    return this.avoided.flatMap(({ nic, why }) => {
      const device = ovs.interfaces.find(({ external_ids }) => external_ids["devcloud-nic"] === nic)?.name;
      return device === undefined ? [] : [[device, why]];
    });
  }

  /** The addresses keep their MAC address when the bond moves. */
  #greet({ network }: NetworkConfig): void {
    for (const [device, { ipv4, ipv6 }] of Object.entries(network.addresses)) {
      for (const cidr of [...ipv4, ...ipv6]) this.#ports.greet(device, cidr.split("/")[0] ?? cidr);
    }
  }

  #tell(error: unknown): void {
    this.#ports.report({ event: "uplink", problem: problemOf(error) });
  }
}

/** Members with carrier that nothing speaks against. */
export function readyMembers({ network }: NetworkConfig, observed: Observed): readonly string[] {
  return network.bond.members.filter((nic) => {
    const device = linkOf(nic, network, observed.kernel.links)?.name;
    const avoided = observed.avoid.some((entry) => entry.nic === nic);
    return device !== undefined && !avoided && anyCarrier([device], observed);
  });
}

/** The member, by its name in the configuration, that carries the traffic. */
export function activeNic({ network }: NetworkConfig, observed: Observed): string | undefined {
  const device = activeMember(observed.ovs, network.bond.name);
  return network.bond.members.find((nic) => linkOf(nic, network, observed.kernel.links)?.name === device);
}

function unknownNic(nic: string, { network }: NetworkConfig): AgentError {
  return new AgentError({
    code: "E_NIC_UNKNOWN",
    message: `${nic} is no member of ${network.bond.name}`,
    expected: `one of ${network.bond.members.join(", ")}`,
  });
}

function notMoved({ nic }: Avoided, problems: readonly Problem[]): AgentError {
  return new AgentError({
    code: "E_NIC_NOT_MOVED",
    message: `the bond is not kept off ${nic}: ${problems[0]?.message ?? "Open vSwitch has not moved it"}`,
    hint: "devcloud-agent status has more; the other member has to work before this one can rest.",
  });
}

function notWritten(error: unknown): Problem {
  const problem = problemOf(error);
  const message = `what the bond is kept off is not written down, and a restart of the agent goes by what was: ${problem.message}`;
  return { ...problem, message };
}

function describeAvoided({ nic, why, since, until }: Avoided): Problem {
  const path = `network.nics.${nic}`;
  const from = new Date(since).toISOString();
  const end = until === undefined ? "" : ` until ${new Date(until).toISOString()}`;
  switch (why) {
    case "drained":
      return {
        code: "E_NIC_DRAINED",
        message: `NIC ${nic} is drained${end}: the bond has no second way while that lasts`,
        path,
        hint: `devcloud-agent network undrain ${nic}`,
      };
    case "deaf":
      return {
        code: "E_UPLINK_DEAF",
        message: `the fabric behind NIC ${nic} was found dead at ${from}; the bond is kept off it`,
        path,
        hint: `Look at its switch, then: devcloud-agent network undrain ${nic}`,
      };
    case "flapping":
      return {
        code: "E_UPLINK_FLAPPING",
        message: `the link of NIC ${nic} comes and goes; the bond does not go back to it${end}`,
        path,
        hint: `Check the cable and the transceiver, then: devcloud-agent network undrain ${nic}`,
      };
  }
}
