import type { NetworkSettings } from "../../../agent/config/settings.ts";
import { defaultTiming as timing } from "../../../agent/config/timing.ts";
import type { Outcome } from "../../../agent/core/capability.ts";
import type { Problem } from "../../../agent/core/errors.ts";
import { converge } from "../../../agent/network/converge.ts";
import { targetOf } from "../../../agent/network/desired.ts";
import { Fallback } from "../../../agent/network/ladder/fallback.ts";
import { Network } from "../../../agent/network/network.ts";
import { plan } from "../../../agent/network/plan.ts";
import type { Wanted } from "../../../agent/network/wanted.ts";
import { FakeHost, FakeProcess } from "../../fakes/host.ts";
import { configOf, networkSettings } from "../../fakes/settings.ts";

/** What a configuration file would say to a running agent. */
export interface Wish {
  network?: NetworkSettings | undefined;
  /** Addresses of name servers. */
  dns?: readonly string[];
  problems?: readonly Problem[];
  /** A person works on the host. */
  paused?: boolean;
}

interface AgentOptions {
  readonly dieAfter?: number;
  readonly signal?: AbortSignal;
  /** As the daemon does, and no command. */
  readonly ladder?: boolean;
}

/** The network capability in a process of its own. */
export class Agent {
  readonly process: FakeProcess;
  readonly network: Network;
  readonly #signal: AbortSignal;
  progress = 0;

  constructor(host: FakeHost, wish: Wish, options: AgentOptions = {}) {
    this.process = new FakeProcess(host, options);
    this.#signal = options.signal ?? new AbortController().signal;
    const wanted = async (): Promise<Wanted> => {
      const { network, dns, problems = [], paused = false } = wish;
      const { revision: _, ...desired } = network === undefined ? { revision: 0 } : configOf(network, 1, dns);
      return { ...("hash" in desired ? { desired } : {}), problems, timing, paused };
    };
    const fallback = options.ladder === true ? { fallback: new Fallback(this.process.ports, wanted) } : {};
    this.network = new Network(this.process.ports, { wanted, stood: host.netReady, ...fallback });
  }

  /** One pass. */
  pass(): Promise<Outcome> {
    return this.network.reconcile(this.#signal, () => {
      this.progress += 1;
    });
  }

  get stands(): boolean {
    return this.process.events.some(({ event }) => event === "stands");
  }
}

/** A host whose network was configured, proven and remembered. */
export async function standingHost(network = networkSettings()): Promise<FakeHost> {
  const host = new FakeHost();
  const agent = new Agent(host, { network });
  const outcome = await agent.pass();
  if (outcome.state !== "converged") throw new Error(`the host does not stand: ${JSON.stringify(outcome)}`);
  return host;
}

/** What is left to do for a network to be as configured; nothing, when the host is so. */
export async function stepsTo(host: FakeHost, network: NetworkSettings): Promise<readonly string[]> {
  const observed = await host.observe();
  const bridge = observed.ovs.bridges.find(({ name }) => name === network.bridge);
  const revision = Number(bridge?.external_ids["devcloud-revision"] ?? 1);
  return plan(targetOf(configOf(network, revision), observed), observed).map(({ kind }) => kind);
}

/** Brings a host to a configuration, without change and confirmation. */
export async function configure(host: FakeHost, network: NetworkSettings, revision = 1): Promise<void> {
  const config = configOf(network, revision);
  const { ports } = new FakeProcess(host);
  await converge(ports, (observed) => targetOf(config, observed), new AbortController().signal);
}

export function codes({ problems }: Outcome): string[] {
  return problems.map(({ code }) => code);
}
