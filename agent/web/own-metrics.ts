import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ReconcilerState } from "../core/reconciler.ts";
import type { Gray } from "../network/uplinks/watch.ts";
import { type InForce, inForceWords, type Status } from "./status.ts";

/** What the agent tells of itself at the moment of a scrape. */
export interface OwnState {
  readonly ready: Status["ready"];
  /** By the name of the capability. */
  readonly loops: ReadonlyMap<string, ReconcilerState>;
  /** The network that the host follows now. */
  readonly network?: { readonly revision: number; readonly hash: string; readonly mode: string };
  readonly changing: boolean;
  readonly maintenance: boolean;
  /** Where the host stands on the ladder; absent before it stood anywhere. */
  readonly rung?: number;
  /** Absent until the uplinks are watched. */
  readonly uplinks?: Gray["state"];
  /** Absent before the configuration was read. */
  readonly configuration?: InForce;
  /** Who is at the other end of each cable of the bond. */
  readonly neighbors: readonly OwnNeighbor[];
}

export interface OwnNeighbor {
  readonly nic: string;
  readonly device: string;
  readonly chassis: string;
  readonly name?: string;
  readonly port: string;
}

const LOOP_STATES: readonly ReconcilerState["state"][] = ["idle", "running", "settled", "backoff"];
const GRAY_STATES: readonly Gray["state"][] = ["unwatched", "alive", "gateway-silent", "silent", "deaf"];
/** Ends of a change, as its events name them. */
const OUTCOMES: readonly string[] = ["confirmed", "rolled-back"];

/** The agent's own metrics, `devcloud_*`. */
export class OwnMetrics {
  readonly #registry = new Registry();
  readonly #state: () => OwnState;
  readonly #ready = this.#gauge("ready", "Whether the network of this host stands (1) or not (0).");
  readonly #degraded = this.#gauge("degraded", "Whether READY was said although the network did not stand (1).");
  readonly #loop = this.#gauge("reconciler_state", "Whether the loop of this capability is in this state (1).", [
    "capability",
    "state",
  ]);
  readonly #problems = this.#gauge("reconciler_problems", "Problems that the last pass of this capability found.", [
    "capability",
  ]);
  readonly #passes = this.#counter("reconciler_passes_total", "Passes of the loop of this capability.", [
    "capability",
    "outcome",
  ]);
  readonly #durations: Histogram<"capability">;
  readonly #revision = this.#gauge("network_revision", "Revision of the network that the host follows.");
  readonly #config = this.#gauge("network_config_info", "The network that the host follows, value is always 1.", [
    "hash",
    "mode",
  ]);
  readonly #rung = this.#gauge(
    "network_rung",
    "Where the host stands: 0 its network, 1 a single member, 2 a VLAN of the kernel, 3 link-local only.",
  );
  readonly #uplinks = this.#gauge(
    "uplink_watch_state",
    "Whether the watch of the uplinks is in this state (1). unwatched: a dead fabric behind a live carrier would not be found.",
    ["state"],
  );
  readonly #inForce = this.#gauge(
    "config_in_force",
    "Whether these settings are in force (1): those that are written, or what stands in for an invalid configuration.",
    ["settings"],
  );
  readonly #neighbors = this.#gauge(
    "uplink_neighbor_info",
    "The switch port at the other end of this NIC's cable, as LLDP tells it, value is always 1.",
    ["nic", "device", "chassis", "switch", "port"],
  );
  readonly #maintenance = this.#gauge(
    "maintenance",
    "Whether a person works on this host, so that nothing is repaired or restarted by itself (1).",
  );
  readonly #changing = this.#gauge("network_change_pending", "Whether a change waits to be confirmed (1).");
  readonly #changes = this.#counter("network_changes_total", "Changes of the network, by how they ended.", ["outcome"]);
  readonly #failovers = this.#counter("network_failovers_total", "Moves of the bond to another member.");
  readonly #drift = this.#counter("network_drift_total", "Differences from the network that were found and told.");

  constructor(version: string, node: string, state: () => OwnState) {
    this.#state = state;
    this.#durations = new Histogram({
      name: "devcloud_reconciler_pass_duration_seconds",
      help: "Duration of a pass of the loop of this capability.",
      labelNames: ["capability"],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
      registers: [this.#registry],
    });
    const build = this.#gauge("build_info", "Version of the agent, value is always 1.", ["version", "node"]);
    build.set({ version, node }, 1);
    for (const outcome of OUTCOMES) this.#changes.inc({ outcome }, 0);
  }

  /** A pass of a loop has ended. */
  pass(capability: string, outcome: string, seconds: number): void {
    this.#passes.inc({ capability, outcome });
    this.#durations.observe({ capability }, seconds);
  }

  event(event: object): void {
    if (!("event" in event)) return;
    const { event: name } = event;
    const step = "step" in event ? event.step : undefined;
    if (name === "failover") this.#failovers.inc();
    if (name === "drift") this.#drift.inc();
    if (name === "change" && typeof step === "string" && OUTCOMES.includes(step)) this.#changes.inc({ outcome: step });
  }

  async text(): Promise<string> {
    const { ready, loops, network, changing, maintenance, rung, uplinks, configuration, neighbors } = this.#state();
    this.#ready.set(ready === "yes" ? 1 : 0);
    this.#degraded.set(ready === "degraded" ? 1 : 0);
    this.#changing.set(changing ? 1 : 0);
    this.#maintenance.set(maintenance ? 1 : 0);
    if (rung === undefined) this.#rung.remove();
    else this.#rung.set(rung);
    this.#showWatch(uplinks);
    for (const settings of inForceWords) this.#inForce.set({ settings }, settings === configuration ? 1 : 0);
    for (const gauge of [this.#loop, this.#problems, this.#config, this.#revision, this.#neighbors]) gauge.reset();
    for (const [capability, loop] of loops) {
      for (const state of LOOP_STATES) this.#loop.set({ capability, state }, state === loop.state ? 1 : 0);
      this.#problems.set({ capability }, problemCount(loop));
    }
    for (const { nic, device, chassis, name, port } of neighbors) {
      this.#neighbors.set({ nic, device, chassis, switch: name ?? chassis, port }, 1);
    }
    if (network !== undefined) {
      this.#revision.set(network.revision);
      this.#config.set({ hash: network.hash, mode: network.mode }, 1);
    }
    return this.#registry.metrics();
  }

  #showWatch(uplinks: OwnState["uplinks"]): void {
    this.#uplinks.reset();
    if (uplinks === undefined) return;
    for (const state of GRAY_STATES) this.#uplinks.set({ state }, state === uplinks ? 1 : 0);
  }

  /** What there is, for docs/metrics.md. */
  async heads(): Promise<readonly { readonly name: string; readonly help: string; readonly type: string }[]> {
    const metrics = await this.#registry.getMetricsAsJSON();
    return metrics.map(({ name, help, type }) => ({ name, help, type: String(type) }));
  }

  #gauge<L extends string = never>(name: string, help: string, labelNames: L[] = []): Gauge<L> {
    return new Gauge({ name: `devcloud_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #counter<L extends string = never>(name: string, help: string, labelNames: L[] = []): Counter<L> {
    return new Counter({ name: `devcloud_${name}`, help, labelNames, registers: [this.#registry] });
  }
}

function problemCount(loop: ReconcilerState): number {
  if (loop.state === "settled") return loop.outcome.problems.length;
  return loop.state === "backoff" ? 1 : 0;
}
