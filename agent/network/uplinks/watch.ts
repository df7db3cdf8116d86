import type { Problem } from "../../core/errors.ts";
import { problemOf } from "../../core/errors.ts";
import type { ProbeTarget } from "../../core/probe.ts";
import { observe } from "../converge.ts";
import { type NetworkConfig, targetOf } from "../desired.ts";
import type { Observed } from "../observed.ts";
import { plan } from "../plan.ts";
import type { NetworkPorts } from "../ports.ts";
import { nameOf } from "../probes.ts";
import { activeNic, readyMembers, type Uplinks, type UplinksOptions } from "./uplinks.ts";
import { judge, type Move, nextMember, type Round, type Verdict } from "./verdict.ts";

/** So many rounds without any answer make an uplink deaf. */
const ROUNDS = 2;
/** Neighbours that are asked beside the gateway and the configured probes. */
const NEIGHBOURS = 3;

/** How the network behind the active member is. */
export type Gray =
  /** Nobody to listen for, or nobody wants to know. */
  | { readonly state: "unwatched"; readonly why: string }
  | { readonly state: "alive"; readonly gateway: string }
  | { readonly state: "gateway-silent"; readonly gateway: string; readonly heard: readonly string[] }
  /** Nobody answers, and there was nobody but the gateway to ask. */
  | { readonly state: "silent"; readonly gateway: string }
  | { readonly state: "deaf"; readonly nic: string; readonly stays: Stays };

type Stays = Extract<Move, { stay: unknown }>["stay"] | "all-deaf";

export interface WatchOptions extends UplinksOptions {
  /** A change waits for its confirmation: its own probes decide. */
  readonly changing: () => boolean;
}

type Watched = Extract<ProbeTarget, { kind: "gateway" }>;

/**
 * Finds gray failures: the carrier is there, and the fabric behind it is dead. The gateway is listened to all the time; when it falls
 * silent the others are asked, and only if none of them answers either the uplink is to blame.
 */
export class GrayWatch {
  readonly #ports: NetworkPorts;
  readonly #uplinks: Uplinks;
  readonly #options: WatchOptions;
  #gray: Gray = { state: "unwatched", why: "not begun" };
  #heardAt = 0;
  #movedAt = Number.NEGATIVE_INFINITY;
  #allDeaf = false;

  constructor(ports: NetworkPorts, uplinks: Uplinks, options: WatchOptions) {
    this.#ports = ports;
    this.#uplinks = uplinks;
    this.#options = options;
  }

  get gray(): Gray {
    return this.#gray;
  }

  get problems(): readonly Problem[] {
    return problemsOf(this.#gray);
  }

  /** Until aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    while (!signal.aborted) {
      try {
        await this.#uplinks.expire();
        const watched = watchedBy(this.#options.current());
        if ("why" in watched) {
          this.#set({ state: "unwatched", why: watched.why });
          await clock.sleep(this.#options.timing().uplinkSilentMs, signal);
        } else await this.#listen(watched.gateway, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#ports.report({ event: "uplink", problem: problemOf(error) });
        await clock.sleep(this.#options.timing().backoffMaxMs, signal).catch(() => undefined);
      }
    }
  }

  /** Listens to one gateway until another is to be listened to. */
  async #listen(gateway: Watched, signal: AbortSignal): Promise<void> {
    const { clock, neighbourhood } = this.#ports;
    const over = new AbortController();
    const both = AbortSignal.any([signal, over.signal]);
    this.#heardAt = clock.monotonic();
    const listening = neighbourhood.listen(
      gateway,
      () => {
        this.#heardAt = clock.monotonic();
      },
      both,
    );
    try {
      while (!signal.aborted && isSame(watchedBy(this.#options.current()), gateway)) {
        await this.#uplinks.expire();
        const { uplinkSilentMs } = this.#options.timing();
        const left = this.#heardAt + uplinkSilentMs - clock.monotonic();
        if (left > 0) {
          await this.#alive(gateway);
          await clock.sleep(left, signal);
        } else await this.#suspect(gateway, signal);
      }
    } finally {
      over.abort();
      await listening;
    }
  }

  async #alive({ address }: Watched): Promise<void> {
    // The silence was not this member's: whom it was blamed on is free again.
    if (this.#allDeaf) await this.#uplinks.forgive(({ why }) => why === "deaf");
    this.#allDeaf = false;
    this.#set({ state: "alive", gateway: address });
  }

  async #suspect(gateway: Watched, signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    const { uplinkSilentMs } = this.#options.timing();
    const config = this.#options.current();
    const before = config === undefined || this.#options.changing() ? undefined : await this.#blamable(config, signal);
    if (config === undefined || before === undefined) return clock.sleep(uplinkSilentMs, signal);
    const verdict = await this.#ask(gateway, config, signal);
    const observed = await this.#blamable(config, signal);
    // The bond moved while it was asked: what was not answered says nothing about where it is now.
    if (observed === undefined || activeNic(config, observed) !== activeNic(config, before)) return;
    await this.#act(verdict, gateway, config, observed, signal);
    // Whoever is still silent is asked again at leisure.
    if (verdict.kind !== "alive") await clock.sleep(4 * uplinkSilentMs, signal);
  }

  async #act(
    verdict: Verdict,
    gateway: Watched,
    config: NetworkConfig,
    observed: Observed,
    signal: AbortSignal,
  ): Promise<void> {
    const { address } = gateway;
    switch (verdict.kind) {
      case "alive":
        this.#heardAt = this.#ports.clock.monotonic();
        return;
      case "gateway-silent":
        return this.#set({ state: "gateway-silent", gateway: address, heard: verdict.heard });
      case "alone":
        return this.#set({ state: "silent", gateway: address });
      case "deaf":
        return this.#deaf(gateway, config, observed, signal);
    }
  }

  async #deaf(gateway: Watched, config: NetworkConfig, observed: Observed, signal: AbortSignal): Promise<void> {
    const { clock, bootId } = this.#ports;
    const timing = this.#options.timing();
    const nic = activeNic(config, observed);
    if (nic === undefined) return;
    const silentSince = this.#heardAt;
    const others = (avoid: Observed["avoid"]): readonly string[] =>
      readyMembers(config, { ...observed, avoid }).filter((other) => other !== nic);
    const fit = this.#allDeaf ? [] : others(observed.avoid);
    // One that was found deaf may have come back to life meanwhile, and the one in use has none: in the end each is tried again.
    const tried = fit.length > 0 ? fit : others(observed.avoid.filter(({ why }) => why !== "deaf"));
    const next = nextMember(tried, {
      mode: config.network.grayFailure === "switch" && config.network.mode === "enforce" ? "switch" : "alert",
      sinceMoveMs: clock.monotonic() - this.#movedAt,
      everyMs: this.#allDeaf ? timing.uplinkAllDeafMs : timing.uplinkMoveMs,
    });
    if ("stay" in next) {
      const stays = this.#allDeaf && next.stay === "too-soon" ? "all-deaf" : next.stay;
      return this.#set({ state: "deaf", nic, stays });
    }
    this.#movedAt = clock.monotonic();
    const entry = { nic, why: "deaf", since: clock.now(), bootId } as const;
    await this.#uplinks.forgive(({ nic: other, why }) => why === "deaf" && other === next.move);
    await this.#uplinks.avoid(entry, config, signal);
    const there = await this.#ask(gateway, config, signal);
    this.#allDeaf = there.kind === "deaf";
    const healed = there.kind === "alive" || there.kind === "gateway-silent";
    const silentMs = Math.round(clock.monotonic() - silentSince);
    this.#ports.report({ event: "gray", from: nic, to: next.move, healed, silentMs });
    if (healed) this.#heardAt = clock.monotonic();
    else this.#set({ state: "deaf", nic: next.move, stays: "all-deaf" });
  }

  /** Asks everybody, until one round is answered. */
  async #ask(gateway: Watched, config: NetworkConfig, signal: AbortSignal): Promise<Verdict> {
    const { neighbourhood, prober } = this.#ports;
    const { uplinkProbeMs } = this.#options.timing();
    const known = await neighbourhood.known(gateway.device, signal);
    const others = [
      ...config.network.probes.filter((probe) => probe.kind === "tcp"),
      ...known
        .filter((address) => address !== gateway.address)
        .slice(0, NEIGHBOURS)
        .map((address) => ({ kind: "gateway", device: gateway.device, address }) as const),
    ];
    const rounds: Round[] = [];
    while (rounds.length < ROUNDS) {
      const [own, ...rest] = await Promise.all(
        [gateway, ...others].map((target) => prober.probe(target, uplinkProbeMs, signal)),
      );
      const round: Round = {
        gateway: own?.ok === true,
        others: rest.map(({ target, ok }) => ({ name: nameOf(target), ok })),
      };
      rounds.push(round);
      if (round.gateway || round.others.some(({ ok }) => ok)) break;
    }
    return judge(rounds);
  }

  /** The host, if a silence can be the fabric's fault: the network is as it has to be, and a member carries it. */
  async #blamable(config: NetworkConfig, signal: AbortSignal): Promise<Observed | undefined> {
    const observed = await observe(this.#ports, signal).catch(() => undefined);
    signal.throwIfAborted();
    if (observed === undefined || activeNic(config, observed) === undefined) return undefined;
    const caughtUp = observed.ovs.root.cur_cfg >= observed.ovs.root.next_cfg;
    return caughtUp && plan(targetOf(config, observed), observed).length === 0 ? observed : undefined;
  }

  #set(gray: Gray): void {
    const changed = JSON.stringify(gray) !== JSON.stringify(this.#gray);
    this.#gray = gray;
    if (changed) this.#options.onChange();
  }
}

function watchedBy(config: NetworkConfig | undefined): { readonly gateway: Watched } | { readonly why: string } {
  if (config === undefined) return { why: "no network stands" };
  if (config.network.grayFailure === "off") return { why: "gray_failure: off" };
  for (const [device, { gateway }] of Object.entries(config.network.addresses)) {
    if (gateway !== undefined) return { gateway: { kind: "gateway", device, address: gateway } };
  }
  return { why: "no address has a gateway to listen to" };
}

function isSame(watched: ReturnType<typeof watchedBy>, gateway: Watched): boolean {
  return (
    "gateway" in watched && watched.gateway.device === gateway.device && watched.gateway.address === gateway.address
  );
}

const stays: Readonly<Record<Stays, string>> = {
  alert: "gray_failure says alert, so it stays",
  "no-standby": "no other member is fit to take over",
  "too-soon": "the bond was moved less than a minute ago",
  "all-deaf": "the other member is as deaf",
};

function problemsOf(gray: Gray): readonly Problem[] {
  switch (gray.state) {
    case "unwatched":
    case "alive":
      return [];
    case "gateway-silent":
      return [
        {
          code: "E_GATEWAY_SILENT",
          message: `gateway ${gray.gateway} does not answer, and ${gray.heard.join(", ")} does over the same uplink`,
          hint: "The uplink works; look at the gateway.",
        },
      ];
    case "silent":
      return [
        {
          code: "E_GATEWAY_SILENT",
          message: `gateway ${gray.gateway} does not answer, and there is nobody else to ask`,
          hint: "Name a second target under network.probes: with it a dead gateway and a dead uplink can be told apart.",
        },
      ];
    case "deaf":
      return [
        {
          code: "E_UPLINK_DEAF",
          message: `nobody answers over NIC ${gray.nic}, although it has carrier: ${stays[gray.stays]}`,
          path: `network.nics.${gray.nic}`,
          hint: "Look at the switch behind it, and at the trunk of its port.",
        },
      ];
  }
}
