import type { Clock } from "../core/clock.ts";
import type { Problem } from "../core/errors.ts";
import type { Prober, ProbeTarget } from "../core/probe.ts";
import type { Drift, Risk } from "../core/step.ts";
import type { KernelWhole } from "./kernel.ts";
import type { RungNumber } from "./ladder/rung.ts";
import type { DnsObserved, KernelObserved, OvsObserved } from "./observed.ts";
import type { StateStore } from "./state.ts";
import type { FileStep, Ipv6Switch, OvsStep } from "./steps.ts";
import type { Avoided } from "./uplinks/avoid.ts";
import type { Failover } from "./uplinks/failover.ts";

/** What the network capability needs from the world. main.ts fills it; tests put fakes here and nowhere else. */
export interface NetworkPorts {
  readonly clock: Clock;
  /** Of the running kernel: what belongs to one boot carries it. */
  readonly bootId: string;
  readonly ovs: OvsPort;
  readonly kernel: KernelPort;
  readonly state: StateStore;
  readonly prober: Prober;
  readonly deadMan: DeadMan;
  readonly neighbourhood: Neighbourhood;
  /** Tells the neighbours of a device where an address is now, which may have another MAC address. Not waited for; never fails. */
  readonly announce: (device: string, address: string) => void;
  /** Lets the switches learn that an address with the MAC address that it had is on another way. Not waited for; never fails. */
  readonly greet: (device: string, address: string) => void;
  readonly systemId: SystemIdFile;
  readonly dns: DnsPort;
  /** Says something on the machine's console. Not waited for; never fails. */
  readonly console: (text: string) => void;
  /** Sets a switch of the kernel's IPv6 for one device. Does nothing where the kernel has no IPv6. */
  readonly setIpv6: (device: string, ipv6: Ipv6Switch) => Promise<void>;
  /** Stores the script that restores the addresses without Node (mode 0700). Writes nothing where this very script is there. */
  readonly writeRescue: (script: string) => Promise<void>;
  /** Where the rescue script finds the ledger, for the script itself. */
  readonly ledgerPath: string;
  readonly report: (event: NetworkEvent) => void;
}

export interface OvsPort {
  /** Connects if need be, and returns what the replica says now. */
  observe(signal: AbortSignal): Promise<OvsObserved>;
  /**
   * Commits the steps in one transaction, guarded by what was observed, and waits until ovs-vswitchd has applied it. Without
   * steps it only proves that ovs-vswitchd is alive. `onCommitted` is called between the two.
   */
  commit(
    steps: readonly OvsStep[],
    observed: OvsObserved,
    signal: AbortSignal,
    onCommitted?: () => void,
  ): Promise<void>;
  /**
   * A second Open vSwitch on this host, if there is one (E_OVS_SECOND): `commit` refuses to write then. A thorough look takes
   * longer, and finds one that only waits.
   */
  second(thorough: boolean): Promise<Problem | undefined>;
}

export interface KernelPort {
  observe(signal: AbortSignal): Promise<KernelObserved>;
  /** Everything that the kernel holds: costs more than a look of the loop may. */
  whole(signal: AbortSignal): Promise<KernelWhole>;
  /** A batch is to come: what it needs is started meanwhile. Never fails. */
  prepare(): void;
  /** Runs every line of the batch, also after one that failed, and returns what `ip` complained of. */
  batch(lines: readonly string[], signal: AbortSignal): Promise<readonly string[]>;
}

/** Who else is on the network behind a device. */
export interface Neighbourhood {
  /**
   * Asks a gateway once a second, and calls back for each answer, with the MAC address where that is told, until aborted. Never rejects.
   */
  listen(
    gateway: Extract<ProbeTarget, { kind: "gateway" }>,
    heard: (mac?: string) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Who has answered the kernel on this device at any time: the entry of whoever is off for days is still there. */
  known(device: string, signal: AbortSignal): Promise<readonly Neighbour[]>;
}

export interface Neighbour {
  /** IPv4 or IPv6. */
  readonly address: string;
  /** Lower case. */
  readonly mac: string;
}

/** Whoever rolls a change back when the agent cannot. It looks at `pending` again when its time comes. */
export interface DeadMan {
  arm(id: string, afterMs: number): Promise<void>;
  disarm(): Promise<void>;
}

export interface SystemIdFile {
  read(): Promise<string | undefined>;
  write(value: string): Promise<void>;
}

/** Where the host's programs learn whom to ask for names. */
export interface DnsPort {
  observe(): Promise<DnsObserved>;
  /** Throws E_FILE_ACCESS, E_FILE_IO, E_DNS_SERVERS. */
  write(step: Extract<FileStep, { kind: "write-resolv-conf" | "set-dns" }>): Promise<void>;
}

/** What happened, for the log, the status and whoever follows along. */
export type NetworkEvent =
  | { readonly event: "change"; readonly step: ChangeStep; readonly hash: string; readonly [detail: string]: unknown }
  /** `left`: it differs and was not repaired. */
  | {
      readonly event: "drift";
      readonly change: string;
      readonly details: readonly string[];
      readonly risk: Risk;
      readonly left?: true;
    }
  /** A repair cut the host off, and was taken back. */
  | { readonly event: "repair-undone"; readonly problem: Problem }
  /** What others have on our bridge and devices; told when it changes. */
  | { readonly event: "others"; readonly others: readonly Drift[] }
  | ({ readonly event: "failover"; readonly moves: number } & Failover)
  /** An uplink was found deaf, and the bond was moved; `silentMs`: since the gateway was heard last. */
  | {
      readonly event: "gray";
      readonly from: string;
      readonly to: string;
      readonly healed: boolean;
      readonly silentMs: number;
    }
  | { readonly event: "drain"; readonly nic: string; readonly until: string }
  | { readonly event: "undrain"; readonly nic: string; readonly why?: Avoided["why"] }
  /** The watch of the uplinks failed once, and goes on. */
  | { readonly event: "uplink"; readonly problem: Problem }
  /** The host stands on another rung of its ladder. */
  | {
      readonly event: "rung";
      readonly rung: RungNumber;
      readonly name: string;
      readonly what: string;
      readonly why: string;
    }
  | { readonly event: "stands"; readonly problems: readonly Problem[] };

/** The stages of a change, in order. */
export type ChangeStep =
  | "pending"
  | "armed"
  | "prepared"
  | "released"
  | "standby"
  | "moved"
  | "freed"
  | "transaction"
  | "committed"
  | "applied"
  | "addressed"
  | "verified"
  | "probe"
  | "confirmed"
  | "rolled-back"
  | "resumed";
