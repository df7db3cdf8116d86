import type { Problem } from "../../core/errors.ts";
import { problemOf } from "../../core/errors.ts";
import type { ProbeTarget } from "../../core/probe.ts";
import { observe } from "../converge.ts";
import type { NetworkConfig } from "../desired.ts";
import type { Observed } from "../observed.ts";
import type { NetworkPorts } from "../ports.ts";
import { nameOf } from "../probes.ts";
import { unblamable } from "./blame.ts";
import { activeNic, readyMembers, type Uplinks, type UplinksOptions } from "./uplinks.ts";
import { judge, type Move, nextMember, type Round, type Verdict } from "./verdict.ts";
import { Witnesses } from "./witnesses.ts";

/** So many rounds without any answer make an uplink deaf. */
const ROUNDS = 2;
/** Whoever has no witness yet looks for one so many times as often. */
const EAGER = 6;

/** How the network behind the active member is. */
export type Gray =
  /** Nobody to listen for, or nobody wants to know; or `gateway` is silent, and the network is not one that could be judged by that. */
  | { readonly state: "unwatched"; readonly why: string; readonly gateway?: string }
  | { readonly state: "alive"; readonly gateway: string }
  | { readonly state: "gateway-silent"; readonly gateway: string; readonly heard: readonly string[] }
  /** Nobody answers, and there is nobody whose silence would say more than the gateway's. */
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
  readonly #witnesses: Witnesses;
  #heardAt = 0;
  /** Of the gateway, by its answers. */
  #mac: string | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #listened: Watched | undefined;
  #movedAt = Number.NEGATIVE_INFINITY;
  #allDeaf = false;
  /** The problems of which a pass was asked for last. */
  #told = "[]";

  constructor(ports: NetworkPorts, uplinks: Uplinks, options: WatchOptions) {
    this.#ports = ports;
    this.#uplinks = uplinks;
    this.#options = options;
    this.#witnesses = new Witnesses(ports);
  }

  /** Neighbours that are asked when the gateway is silent. */
  get witnesses(): readonly string[] {
    return this.#witnesses.addresses;
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
        const problem = problemOf(error);
        this.#ports.report({ event: "uplink", problem });
        // What was found to be wrong is so still; that all was well is not known any more.
        if (this.problems.length === 0) this.#set({ state: "unwatched", why: problem.message });
        await clock.sleep(this.#options.timing().backoffMaxMs, signal).catch(() => undefined);
      }
    }
  }

  /** Listens to one gateway until another is to be listened to. */
  async #listen(gateway: Watched, signal: AbortSignal): Promise<void> {
    const { clock, neighbourhood } = this.#ports;
    const over = new AbortController();
    const both = AbortSignal.any([signal, over.signal]);
    let answered = false;
    this.#heardAt = clock.monotonic();
    // After an error it is the same one again, and its neighbours are those who answered while it did.
    if (this.#listened === undefined || !isSame({ gateway: this.#listened }, gateway)) {
      this.#mac = undefined;
      this.#lookedAt = Number.NEGATIVE_INFINITY;
      this.#witnesses.forget();
    }
    this.#listened = gateway;
    const listening = neighbourhood.listen(
      gateway,
      (mac) => {
        answered = true;
        this.#mac = mac ?? this.#mac;
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
          if (answered) this.#meet(gateway, both);
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

  /** Looks now and then for neighbours that could tell; nobody waits for it. */
  #meet(gateway: Watched, signal: AbortSignal): void {
    const { clock } = this.#ports;
    const { uplinkWitnessMs, uplinkSilentMs, uplinkProbeMs: timeoutMs } = this.#options.timing();
    const everyMs = this.witnesses.length === 0 ? uplinkWitnessMs / EAGER : uplinkWitnessMs;
    if (clock.monotonic() - this.#lookedAt < everyMs) return;
    this.#lookedAt = clock.monotonic();
    const named = this.#options.current()?.network.probes.filter((probe) => probe.kind === "tcp") ?? [];
    const alive = (): boolean => clock.monotonic() - this.#heardAt < uplinkSilentMs;
    void this.#witnesses.look({ gateway, mac: this.#mac, named, timeoutMs, alive }, signal).catch((error: unknown) => {
      if (!signal.aborted) this.#ports.report({ event: "uplink", problem: problemOf(error) });
    });
  }

  async #suspect(gateway: Watched, signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    const { uplinkSilentMs } = this.#options.timing();
    const config = this.#options.current();
    if (config === undefined) return clock.sleep(uplinkSilentMs, signal);
    const before = await this.#blamable(gateway, config, signal);
    if ("why" in before) {
      this.#set({ state: "unwatched", gateway: gateway.address, why: before.why });
      return clock.sleep(uplinkSilentMs, signal);
    }
    const verdict = await this.#ask(gateway, config, signal);
    const observed = await this.#blamable(gateway, config, signal);
    // The bond moved while it was asked: what was not answered says nothing about where it is now.
    if ("why" in observed || activeNic(config, observed) !== activeNic(config, before)) return;
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
    // Of several others Open vSwitch may have chosen another.
    const to = (await this.#uplinks.avoid(entry, config, signal)) ?? next.move;
    const there = await this.#ask(gateway, config, signal);
    this.#allDeaf = there.kind === "deaf";
    const healed = there.kind === "alive" || there.kind === "gateway-silent";
    const silentMs = Math.round(clock.monotonic() - silentSince);
    this.#ports.report({ event: "gray", from: nic, to, healed, silentMs });
    if (healed) this.#heardAt = clock.monotonic();
    else this.#set({ state: "deaf", nic: to, stays: "all-deaf" });
  }

  /** Asks everybody, until one round is answered. */
  async #ask(gateway: Watched, config: NetworkConfig, signal: AbortSignal): Promise<Verdict> {
    const { prober } = this.#ports;
    const { uplinkProbeMs } = this.#options.timing();
    const { device } = gateway;
    const others = [
      // It may be on the other side of the gateway: what it answers clears the uplink, its silence says nothing.
      ...config.network.probes
        .filter((probe) => probe.kind === "tcp")
        .map((target) => ({ target, name: nameOf(target), witness: false })),
      ...this.witnesses.map((address) => {
        return { target: { kind: "gateway", device, address } as const, name: address, witness: true };
      }),
    ];
    const answers = async (target: ProbeTarget): Promise<boolean> =>
      (await prober.probe(target, uplinkProbeMs, signal)).ok;
    const rounds: Round[] = [];
    while (rounds.length < ROUNDS) {
      const [own, ...rest] = await Promise.all([gateway, ...others.map(({ target }) => target)].map(answers));
      const round: Round = {
        gateway: own === true,
        others: others.map(({ name, witness }, at) => ({ name, witness, ok: rest[at] === true })),
      };
      rounds.push(round);
      if (round.gateway || round.others.some(({ ok }) => ok)) break;
    }
    return judge(rounds);
  }

  /** The host, if a silence can be the fabric's fault; else why it cannot. */
  async #blamable(
    gateway: Watched,
    config: NetworkConfig,
    signal: AbortSignal,
  ): Promise<Observed | { readonly why: string }> {
    if (this.#options.changing()) return { why: "a change waits for its confirmation, and its own probes decide" };
    const observed = await observe(this.#ports, signal).catch(() => undefined);
    signal.throwIfAborted();
    if (observed === undefined) return { why: "Open vSwitch cannot be asked" };
    const why = unblamable(config, gateway, observed);
    return why === undefined ? observed : { why };
  }

  #set(gray: Gray): void {
    this.#gray = gray;
    // Where nothing can be judged nothing new is known: a pass now would meet a network that somebody is at work on.
    if (gray.state === "unwatched") return;
    const problems = JSON.stringify(problemsOf(gray));
    if (problems !== this.#told) this.#options.onChange();
    this.#told = problems;
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
  "too-soon": "another move was tried a short time ago (timing.uplink_move)",
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
          message: `gateway ${gray.gateway} does not answer, and nobody else is known who could tell why`,
          hint: "A neighbour on the same network could tell a dead gateway from a dead uplink: name one under network.probes.",
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
