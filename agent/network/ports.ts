import type { Clock } from "../core/clock.ts";
import type { Problem } from "../core/errors.ts";
import type { Prober } from "../core/probe.ts";
import type { Risk } from "../core/step.ts";
import type { KernelObserved, OvsObserved } from "./observed.ts";
import type { StateStore } from "./state.ts";
import type { Ipv6Switch, OvsStep } from "./steps.ts";

/** What the network capability needs from the world. main.ts fills it; tests put fakes here and nowhere else. */
export interface NetworkPorts {
  readonly clock: Clock;
  readonly ovs: OvsPort;
  readonly kernel: KernelPort;
  readonly state: StateStore;
  readonly prober: Prober;
  readonly deadMan: DeadMan;
  /** Tells the neighbours of a device where an IPv4 address is now (gratuitous ARP). Not waited for; never fails. */
  readonly announce: (device: string, address: string) => void;
  readonly systemId: SystemIdFile;
  /** Sets a switch of the kernel's IPv6 for one device. Does nothing where the kernel has no IPv6. */
  readonly setIpv6: (device: string, ipv6: Ipv6Switch) => Promise<void>;
  /** Stores the script that restores the addresses without Node (mode 0700). */
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
}

export interface KernelPort {
  observe(signal: AbortSignal): Promise<KernelObserved>;
  /** Runs every line of the batch, also after one that failed, and returns what `ip` complained of. */
  batch(lines: readonly string[], signal: AbortSignal): Promise<readonly string[]>;
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

/** What happened, for the log, the status and whoever follows along. */
export type NetworkEvent =
  | { readonly event: "change"; readonly step: ChangeStep; readonly hash: string; readonly [detail: string]: unknown }
  | { readonly event: "drift"; readonly change: string; readonly details: readonly string[]; readonly risk: Risk }
  | { readonly event: "failover"; readonly from: string | undefined; readonly to: string | undefined }
  | { readonly event: "stands"; readonly problems: readonly Problem[] };

/** The stages of a change, in order. */
export type ChangeStep =
  | "pending"
  | "armed"
  | "transaction"
  | "committed"
  | "applied"
  | "addressed"
  | "verified"
  | "probe"
  | "confirmed"
  | "rolled-back"
  | "resumed";
