/**
 * What the validated configuration looks like to the rest of the agent: plain JSON, defaults filled in, durations in
 * milliseconds. The YAML form, with its snake_case keys, is described by schema.ts.
 */
export interface Settings {
  readonly version: 1;
  readonly host: HostSettings;
  /** Absent: the agent looks after no network. */
  readonly network?: NetworkSettings;
  readonly dockerGate: DockerGateSettings;
  readonly timing: Timing;
  readonly containers?: ContainerSettings;
  readonly metrics?: MetricsSettings;
  readonly os?: OsSettings;
  readonly controller?: ControllerSettings;
  readonly maintenance?: MaintenanceSettings;
}

export interface HostSettings {
  /** Compared with the host's own name, never set. */
  readonly name?: string;
  /** Addresses of the name servers. */
  readonly dns: readonly string[];
}

export interface NetworkSettings {
  readonly mode: "observe" | "enforce";
  readonly datapath: "system" | "netdev";
  readonly nics: Readonly<Record<string, NicSettings>>;
  readonly bond: BondSettings;
  /** Name of our own bridge, which holds the bond and the management ports. */
  readonly bridge: string;
  /** VLAN ids by name. All of them make up the trunk on the bond. */
  readonly vlans: Readonly<Record<string, number>>;
  readonly addresses: Readonly<Record<string, AddressSettings>>;
  readonly neutron?: NeutronSettings;
  readonly probes: readonly Probe[];
  readonly grayFailure: "off" | "alert" | "switch";
  readonly confirm: ConfirmSettings;
}

/** With neither `mac` nor `pci` the NIC is matched by its name. */
export interface NicSettings {
  /** Lower case, colons: `24:6e:96:aa:00:01`. */
  readonly mac?: string;
  /** Lower case, with the domain: `0000:3b:00.1`. */
  readonly pci?: string;
  /** The switch fabric that the cable leads to, e.g. `A`. */
  readonly fabric: string;
}

export interface BondSettings {
  readonly name: string;
  readonly members: readonly string[];
  readonly mode: "active-backup";
  /** A member, or absent for no preference. */
  readonly primary?: string;
  /** Whether the bond goes back to `primary` when that works again. Absent: always. */
  readonly failback?: "always" | "never";
  /** A name in `vlans`: untagged on the uplinks. */
  readonly nativeVlan?: string;
  readonly updelayMs: number;
  readonly downdelayMs: number;
  readonly detect: "carrier" | "miimon";
  readonly mtu?: number;
}

export interface AddressSettings {
  /** A name in `vlans`. */
  readonly vlan: string;
  /** CIDR form, e.g. `10.1.0.17/24`. */
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  /** Either family; lies inside a net of this address. */
  readonly gateway?: string;
  readonly mtu?: number;
  /** Lower case; absent: that of the bond's first member. */
  readonly mac?: string;
  readonly routes: readonly RouteSettings[];
}

export interface RouteSettings {
  /** CIDR form with the host bits zero, e.g. `10.9.0.0/16`. */
  readonly to: string;
  readonly via: string;
}

export interface NeutronSettings {
  readonly bridges: Readonly<Record<string, NeutronBridgeSettings>>;
  /** `keep`, or the value to write. */
  readonly systemId: string;
}

export interface NeutronBridgeSettings {
  readonly physnet: string;
  /** Names in `vlans`: the patch port trunks these and no others. */
  readonly vlans: readonly string[];
}

export type Probe =
  | { readonly kind: "gateway" }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export interface ConfirmSettings {
  readonly deadlineMs: number;
  readonly by: "probes" | "operator";
  /** So many rounds of good probes in a row confirm a change. */
  readonly good: number;
}

export interface DockerGateSettings {
  /** How long Docker's first start is held for the network. */
  readonly holdMs: number;
  readonly then: "start" | "wait";
}

/** Every duration that the code waits by, so that tests can shorten it. */
export interface Timing {
  readonly bootBudgetMs: number;
  readonly ovsdbTimeoutMs: number;
  readonly applyTimeoutMs: number;
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  readonly driftIntervalMs: number;
  /** Silence of the gateway after which the others are asked; above a second, in which it is asked once. */
  readonly uplinkSilentMs: number;
  /** An answer of those who are asked then. */
  readonly uplinkProbeMs: number;
  /** Between two looks at who of the neighbours answers while the gateway does. */
  readonly uplinkWitnessMs: number;
  /** Between two moves of the bond away from a deaf member. */
  readonly uplinkMoveMs: number;
  /** The same, where every member was found deaf. */
  readonly uplinkAllDeafMs: number;
  /** Since a flapping member lost its link for the last time, until the bond may go back to it. */
  readonly uplinkFlapHoldMs: number;
  /** Between two questions to lldpd who is at the other end of the cables. */
  readonly lldpIntervalMs: number;
  /** How much later than the agent itself the dead-man takes a change back. */
  readonly deadManGraceMs: number;
}

export interface ContainerSettings {
  readonly default: "observe" | "restart";
  readonly restart: readonly string[];
  readonly manifest: Readonly<Record<string, DeclaredContainer>>;
  /** At most so many restarts of this host in `timing.budgetWindowMs`. */
  readonly budget: number;
  /** No restart while Docker's disk has less: a container that was stopped could not be started again. */
  readonly minFreeMib: number;
  readonly timing: ContainerTiming;
}

/** What the operator says of a container; what is absent is taken as it is found. */
export interface DeclaredContainer {
  readonly class?: "free" | "careful" | "observe" | "ignored";
  readonly image?: string;
  readonly policy?: "no" | "always" | "unless-stopped" | "on-failure";
  readonly environment?: Readonly<Record<string, string>>;
}

export interface ContainerTiming {
  /** Between two full lists, if no event calls for one. */
  readonly relistMs: number;
  /** A request to Docker or systemd. */
  readonly callTimeoutMs: number;
  /** A restart, with the time that the container takes to stop. */
  readonly actionTimeoutMs: number;
  /** How long a container must be down before its owner is taken to have given up. */
  readonly ownerGraceMs: number;
  readonly unhealthyForMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** After so long in good health earlier restarts are forgotten. */
  readonly resetAfterMs: number;
  readonly budgetWindowMs: number;
  /** So long after the last trace of a deployer nothing is restarted. */
  readonly quietMs: number;
}

export interface MetricsSettings {
  /** `HOST:PORT`, where HOST is an address or the name of one of `network.addresses`. */
  readonly listen: readonly string[];
  readonly webConfig?: string;
  readonly timing: MetricsTiming;
}

export interface MetricsTiming {
  /** One collector of a scrape; a file system that hangs gets half of it. */
  readonly collectTimeoutMs: number;
  /** A client that takes longer over its answer is dropped. */
  readonly clientTimeoutMs: number;
  /** A client that takes longer over its request is dropped. */
  readonly requestTimeoutMs: number;
  /** Between two looks whether the addresses to listen on are there. */
  readonly listenIntervalMs: number;
}

export interface OsSettings {
  readonly mode: "observe" | "manage";
}

export interface ControllerSettings {
  readonly endpoints: readonly string[];
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly proxy?: string;
  /** `config:PATH` and `order:NAME`. */
  readonly allow: readonly string[];
  readonly timing: ControllerTiming;
}

export interface ControllerTiming {
  readonly connectTimeoutMs: number;
  readonly ackTimeoutMs: number;
  readonly pingAfterMs: number;
  readonly silentForMs: number;
  readonly heartbeatMs: number;
  readonly reportIntervalMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** Only a connection that was of use for so long sets the backoff to its beginning. */
  readonly healthyAfterMs: number;
  readonly retryAfterMinMs: number;
  readonly retryAfterMaxMs: number;
}

export interface MaintenanceSettings {
  /** ISO 8601 with an offset; absent: no maintenance. */
  readonly until?: string;
}
