import type { ProbeTarget } from "../../core/probe.ts";
import type { Neighbour, NetworkPorts } from "../ports.ts";

/** So many neighbours are asked beside the gateway when that is silent. */
const WITNESSES = 3;
/** So many are asked at one look: the kernel may know many that are long off. */
const ASKED = 6;

type Gateway = Extract<ProbeTarget, { kind: "gateway" }>;

/** What a look goes by. */
export interface Look {
  readonly gateway: Gateway;
  /** The gateway's MAC address, where it is known by its answers. */
  readonly mac: string | undefined;
  /** Targets of the configuration. */
  readonly named: readonly Extract<ProbeTarget, { kind: "tcp" }>[];
  readonly timeoutMs: number;
  /** Whether the gateway is still heard. */
  readonly alive: () => boolean;
}

/**
 * Who can tell a dead gateway from a dead uplink: neighbours that answered while the gateway was alive, re-asked now and then. Whoever
 * is only in the kernel's table may be off for days, and its silence would be taken for the fabric's.
 */
export class Witnesses {
  readonly #ports: Pick<NetworkPorts, "neighbourhood" | "prober">;
  #found: readonly string[] = [];
  /** The look at which each of the kernel's neighbours was asked last. */
  #asked = new Map<string, number>();
  #looks = 0;

  constructor(ports: Pick<NetworkPorts, "neighbourhood" | "prober">) {
    this.#ports = ports;
  }

  get addresses(): readonly string[] {
    return this.#found;
  }

  /** Another gateway, or another way to it. */
  forget(): void {
    this.#found = [];
    this.#asked.clear();
  }

  /** Asks who is there, and keeps those that answer; if the gateway falls silent meanwhile, everything stays as it was. */
  async look({ gateway, mac, named, timeoutMs, alive }: Look, signal: AbortSignal): Promise<void> {
    const { neighbourhood, prober } = this.#ports;
    const { device, address } = gateway;
    // Whoever was spoken with is in the kernel's table then, if it is a neighbour.
    await Promise.all(named.map((target) => prober.probe(target, timeoutMs, signal)));
    const known = await neighbourhood.known(device, signal);
    const hosts = named.map(({ host }) => host);
    const found = this.#found;
    const addresses = toAsk(known, { gateway: address, mac, named: hosts, found, asked: this.#asked });
    const results = await Promise.all(
      addresses.map((other) => prober.probe({ kind: "gateway", device, address: other }, timeoutMs, signal)),
    );
    this.#looks += 1;
    const still = new Set(known.map((entry) => entry.address));
    this.#asked = new Map([...this.#asked].filter(([other]) => still.has(other)));
    for (const other of addresses) this.#asked.set(other, this.#looks);
    if (!alive()) return;
    this.#found = addresses.filter((_, at) => results[at]?.ok === true).slice(0, WITNESSES);
  }
}

/** What is known when somebody is to be asked. */
export interface Acquaintance {
  readonly gateway: string;
  readonly mac: string | undefined;
  /** Hosts that the configuration names. */
  readonly named: readonly string[];
  /** Those that answered at the last look. */
  readonly found: readonly string[];
  /** When each was asked last, in looks. */
  readonly asked: ReadonlyMap<string, number>;
}

/**
 * Whom to ask, in this order: whoever the configuration names, who answered before, then those that were not asked for the longest. Each
 * machine once, and the gateway by none of its addresses: it would be dead twice. Nobody while it is not known which one that is. Pure.
 */
export function toAsk(known: readonly Neighbour[], from: Acquaintance): readonly string[] {
  const { gateway, named, found, asked } = from;
  const own = from.mac ?? known.find(({ address }) => address === gateway)?.mac;
  if (own === undefined) return [];
  const rank = ({ address }: Neighbour): number => (named.includes(address) ? 0 : found.includes(address) ? 1 : 2);
  const lastAsked = ({ address }: Neighbour): number => asked.get(address) ?? 0;
  const machines = new Map<string, Neighbour>();
  for (const entry of known.toSorted((a, b) => rank(a) - rank(b) || lastAsked(a) - lastAsked(b))) {
    const { mac, address } = entry;
    if (mac !== own && address !== gateway && !machines.has(mac)) machines.set(mac, entry);
  }
  const all = [...machines.values()];
  const sure = all.filter((entry) => rank(entry) < 2).length;
  return all.slice(0, found.length < WITNESSES ? Math.max(ASKED, sure) : sure).map(({ address }) => address);
}
