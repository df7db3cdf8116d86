import type { DockerState } from "../containers/containers.ts";
import type { ContainerStatus } from "../containers/status.ts";
import type { ControllerStatus } from "../controller/controller.ts";
import type { Problem } from "../core/errors.ts";
import type { ReconcilerState } from "../core/reconciler.ts";
import type { OsView } from "../os/os.ts";

/** What `devcloud-agent status --json` prints and the control socket answers. */
export interface Status {
  readonly schema: "devcloud-agent/status/v1";
  readonly version: string;
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly ready: "no" | "yes" | "degraded";
  readonly configuration: ConfigurationStatus;
  readonly network: NetworkStatus;
  readonly os: OsStatus;
  /** Absent until it is begun with, after the network stands. */
  readonly containers?: ContainersStatus;
  /** The link to the controller; absent until it was looked at. */
  readonly controller?: ControllerStatus;
}

/** Which settings are in force: those that are written; or, where these are invalid, others that stand in for them. */
export const inForceWords = ["written", "last-good", "network-alone", "none"] as const;
export type InForce = (typeof inForceWords)[number];

export interface ConfigurationStatus {
  readonly inForce: InForce;
  /** Why it is not what is written, and which others are in force. */
  readonly problem?: Problem;
}

export interface ContainersStatus {
  readonly loop: ReconcilerState;
  readonly docker: DockerState;
  readonly problems: readonly Problem[];
  /** When the list was true, in milliseconds since the epoch; absent before Docker answered once. */
  readonly observedAt?: number;
  readonly list: readonly ContainerStatus[];
}

export interface OsStatus {
  readonly view: OsView;
  readonly problems: readonly Problem[];
}

export interface NetworkStatus {
  readonly loop: ReconcilerState;
  readonly problems: readonly Problem[];
  readonly mode?: "observe" | "enforce";
  readonly revision?: number;
  readonly hash?: string;
  readonly confirmedAt?: string;
  readonly bond?: { readonly name: string; readonly members: readonly MemberStatus[] };
  readonly wiring?: WiringStatus;
  readonly addresses: readonly { readonly device: string; readonly address: string; readonly vlan: number | null }[];
  /** A change that waits to be confirmed. */
  readonly change?: { readonly id: string; readonly startedAt: string; readonly remainingMs: number };
}

/** What hangs on the bond. `undefined` of what stands: Open vSwitch does not answer. */
export interface WiringStatus {
  readonly bridge: string;
  readonly bridgeStands?: boolean;
  /** VLAN ids by name. */
  readonly vlans: Readonly<Record<string, number>>;
  /** Our devices that are to have addresses. */
  readonly devices: readonly string[];
  /** Neutron's bridges, the names of the VLANs that each is meant to get, and whether both ends of the patch are there. */
  readonly patches: readonly {
    readonly bridge: string;
    readonly vlans: readonly string[];
    readonly stands?: boolean;
  }[];
}

export interface MemberStatus {
  readonly nic: string;
  readonly device: string;
  readonly fabric?: string;
  readonly link: "up" | "down" | "missing" | "unknown";
  readonly active: boolean;
}
