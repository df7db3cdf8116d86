import type { DockerState } from "../containers/containers.ts";
import type { ContainerStatus } from "../containers/status.ts";
import type { ControllerStatus } from "../controller/controller.ts";
import type { Problem } from "../core/errors.ts";
import type { ReconcilerState } from "../core/reconciler.ts";
import type { Drift } from "../core/step.ts";
import type { Rung } from "../network/ladder/rung.ts";
import type { Legs } from "../network/legs/legs.ts";
import type { Avoided } from "../network/uplinks/avoid.ts";
import type { Gray } from "../network/uplinks/watch.ts";
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
  /** Absent when there is none. */
  readonly maintenance?: MaintenanceStatus;
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

/** A person works on this host: nothing is repaired or restarted by itself. Milliseconds since the epoch. */
export interface MaintenanceStatus {
  readonly by: "operator" | "configuration";
  /** Absent where the configuration says it. */
  readonly since?: number;
  readonly until: number;
  readonly reason?: string;
}

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
  /** Where the host stands on the ladder; absent before it stood anywhere. */
  readonly rung?: Rung;
  /** Absent until they are watched. */
  readonly uplinks?: UplinksStatus;
  /** What others have on our bridge and our devices, and chose for theirs: left alone. */
  readonly others?: readonly Drift[];
  /** Absent until lldpd was asked. */
  readonly legs?: Legs;
  readonly addresses: readonly { readonly device: string; readonly address: string; readonly vlan: number | null }[];
  /** A change that waits to be confirmed. */
  readonly change?: {
    readonly id: string;
    readonly startedAt: string;
    /** Milliseconds since it began. */
    readonly sinceMs: number;
    readonly remainingMs: number;
  };
}

/** What is known of the network behind the bond, and which NICs the bond is kept off. */
export interface UplinksStatus {
  readonly gray: Gray;
  readonly avoided: readonly Avoided[];
  /** Neighbours that are asked when the gateway is silent; absent where nobody watches. */
  readonly witnesses?: readonly string[];
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
