import type { Problem } from "../core/errors.ts";
import type { ReconcilerState } from "../core/reconciler.ts";

/** What `devcloud-agent status --json` prints and the control socket answers. */
export interface Status {
  readonly schema: "devcloud-agent/status/v1";
  readonly version: string;
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly ready: "no" | "yes" | "degraded";
  readonly network: NetworkStatus;
}

export interface NetworkStatus {
  readonly loop: ReconcilerState;
  readonly problems: readonly Problem[];
  readonly mode?: "observe" | "enforce";
  readonly revision?: number;
  readonly hash?: string;
  readonly confirmedAt?: string;
  readonly bond?: { readonly name: string; readonly members: readonly MemberStatus[] };
  readonly addresses: readonly { readonly device: string; readonly address: string; readonly vlan: number | null }[];
  /** A change that waits to be confirmed. */
  readonly change?: { readonly id: string; readonly startedAt: string; readonly remainingMs: number };
}

export interface MemberStatus {
  readonly nic: string;
  readonly device: string;
  readonly fabric?: string;
  readonly link: "up" | "down" | "missing" | "unknown";
  readonly active: boolean;
}
