import type { ConfirmSettings } from "../config/settings.ts";
import type { Problem } from "../core/errors.ts";
import type { ProbeTarget } from "../core/probe.ts";
import type { NetworkConfig } from "./desired.ts";
import type { AddressTarget, Target } from "./target.ts";
import type { Avoided } from "./uplinks/avoid.ts";

/** The configuration that was last proven to keep the host reachable. */
export interface LastGood {
  readonly config: NetworkConfig;
  /** ISO 8601, for people. */
  readonly confirmedAt: string;
}

/** A change that was applied, or is about to be, and is not confirmed yet. */
export interface Pending {
  readonly id: string;
  readonly config: NetworkConfig;
  readonly confirm: ConfirmSettings;
  /** What must answer: of the configuration's probes those that answered before, or are new; the controller, if it sent the change. */
  readonly probes: readonly ProbeTarget[];
  /** What the change does, for people. */
  readonly changes: readonly string[];
  /** Where a rollback goes back to. */
  readonly preImage: Target;
  /** Of the boot in which it began: monotonic times of another boot mean nothing. */
  readonly bootId: string;
  /** Monotonic milliseconds of that boot. */
  readonly deadline: number;
  /** ISO 8601, for people. */
  readonly startedAt: string;
  /** It changes no configuration: it puts the last good network back, on the management path. */
  readonly repair?: RepairSteps;
}

/** What a repair does: names of its steps, and what they are about, for people. */
export interface RepairSteps {
  readonly steps: readonly string[];
  readonly about: readonly string[];
}

/** A repair that was taken back, because it was not proven to keep the host reachable. It holds for one boot. */
export interface Undone {
  readonly steps: readonly string[];
  readonly problem: Problem;
  readonly bootId: string;
}

/** A configuration that was rolled back. The daemon never applies it again by itself. */
export interface FailedConfig {
  readonly hash: string;
  readonly reason: string;
  readonly at: string;
}

/** How a change ended, for people. */
export interface HistoryEntry {
  readonly revision: number;
  readonly hash: string;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly result: "confirmed" | "rolled-back" | "interrupted";
  readonly reason?: string;
  readonly changes: readonly string[];
}

/** The files of /var/lib/devcloud-agent/network, by name. */
export interface StateFiles {
  readonly "last-good": LastGood;
  readonly pending: Pending;
  /** `pending`, claimed by whoever confirms it. Claiming is a rename: of two who try, one succeeds. */
  readonly confirmed: Pending;
  /** `pending`, claimed by whoever rolls it back. */
  readonly "rolling-back": Pending;
  readonly history: { readonly changes: readonly HistoryEntry[] };
  readonly failed: { readonly configs: readonly FailedConfig[] };
  readonly ledger: { readonly addresses: readonly AddressTarget[] };
  readonly undone: Undone;
  readonly avoid: { readonly nics: readonly Avoided[] };
}

export type StateName = keyof StateFiles;

/** The port behind which the state is kept. Every write is on the disk (fsync) when it resolves. */
export interface StateStore {
  /** Absent files, and files that cannot be used (which are kept aside where that can be done, and reported), are `undefined`. */
  read<N extends StateName>(name: N): Promise<StateFiles[N] | undefined>;
  write<N extends StateName>(name: N, value: StateFiles[N]): Promise<void>;
  remove(name: StateName): Promise<void>;
  /** The text of the file that `write` would write. */
  render<N extends StateName>(name: N, value: StateFiles[N]): string;
  /** Renames; false when `from` is not there (any more). */
  claim(from: "pending", to: "confirmed" | "rolling-back"): Promise<boolean>;
}

/** What the host holds on to. A confirmed change counts also while its end cannot be written. */
export async function lastGoodOf(state: Pick<StateStore, "read">): Promise<LastGood | undefined> {
  const confirmed = await state.read("confirmed");
  return confirmed === undefined ? state.read("last-good") : lastGoodBy(confirmed);
}

export function lastGoodBy({ config, startedAt }: Pending): LastGood {
  return { config, confirmedAt: startedAt };
}

/** What the state files say has to be done first. Pure. */
export type Situation =
  | { readonly kind: "finish-confirm"; readonly pending: Pending }
  | { readonly kind: "finish-rollback"; readonly pending: Pending }
  | { readonly kind: "resume"; readonly pending: Pending }
  | { readonly kind: "interrupted"; readonly pending: Pending }
  | { readonly kind: "settled"; readonly lastGood: LastGood }
  | { readonly kind: "first" };

export function situationOf(
  files: {
    readonly confirmed?: Pending | undefined;
    readonly rollingBack?: Pending | undefined;
    readonly pending?: Pending | undefined;
    readonly lastGood?: LastGood | undefined;
  },
  bootId: string,
): Situation {
  const { confirmed, rollingBack, pending, lastGood } = files;
  if (confirmed !== undefined) return { kind: "finish-confirm", pending: confirmed };
  if (rollingBack !== undefined) {
    return { kind: rollingBack.bootId === bootId ? "finish-rollback" : "interrupted", pending: rollingBack };
  }
  if (pending !== undefined) return { kind: pending.bootId === bootId ? "resume" : "interrupted", pending };
  return lastGood === undefined ? { kind: "first" } : { kind: "settled", lastGood };
}
