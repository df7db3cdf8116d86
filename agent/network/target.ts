import type { KernelImage } from "./kernel.ts";

/**
 * What the network has to look like, in the terms of Open vSwitch and of `ip`: the common form of a configuration, of a
 * snapshot and of the last good state. Plain JSON. A column that is not named is not looked after; `[]` is "not set".
 */
export interface Target {
  readonly bridges: readonly BridgeTarget[];
  /** Manager targets, e.g. `ptcp:6640:127.0.0.1`. */
  readonly managers: readonly string[];
  /** Keys of Open_vSwitch.external_ids. */
  readonly externalIds: Keys;
  /** What /etc/openvswitch/system-id.conf has to say; ovs-ctl copies it over external_ids:system-id at every start. */
  readonly systemIdFile?: string;
  /** What the host asks for names; absent: not looked after. */
  readonly dns?: DnsTarget;
  /** Devices that have to be up. */
  readonly links: readonly string[];
  /** VLANs of the kernel, which stand in for Open vSwitch's ports on a lower rung; absent: none of ours may be there. */
  readonly vlans?: readonly VlanTarget[];
  /** MTUs of devices that Open vSwitch is not asked for one: those of before a change that asks it. */
  readonly mtus?: readonly MtuTarget[];
  readonly addresses: readonly AddressTarget[];
  readonly routes: readonly RouteTarget[];
  /** The addresses are still on other devices too, and what the kernel sends keeps its way for now. */
  readonly early?: true;
  /** What the kernel holds and must not hold any more: an adoption takes it. */
  readonly taken?: KernelImage;
  /** What the kernel held before an adoption, and has to hold again. */
  readonly given?: KernelImage;
}

/** Keys of a map column that are ours; `null` means that the key must not be there. Other keys are left alone. */
export type Keys = Readonly<Record<string, string | null>>;

export interface BridgeTarget {
  readonly name: string;
  readonly columns: BridgeColumns;
  /** Written when we make the bridge and left to its user from then on. */
  readonly initial?: BridgeColumns;
  readonly ports: readonly PortTarget[];
}

export interface PortTarget {
  readonly name: string;
  readonly columns: PortColumns;
  readonly interfaces: readonly InterfaceTarget[];
}

export interface InterfaceTarget {
  readonly name: string;
  readonly columns: InterfaceColumns;
}

export interface BridgeColumns {
  readonly datapath_type?: string;
  readonly fail_mode?: readonly string[];
  /** Only ever none. */
  readonly controller?: readonly never[];
  readonly stp_enable?: boolean;
  readonly rstp_enable?: boolean;
  readonly other_config?: Keys;
  readonly external_ids?: Keys;
}

export interface PortColumns {
  readonly vlan_mode?: readonly string[];
  readonly tag?: readonly number[];
  readonly trunks?: readonly number[];
  readonly bond_mode?: readonly string[];
  readonly lacp?: readonly string[];
  /** Milliseconds. */
  readonly bond_updelay?: number;
  /** Milliseconds. */
  readonly bond_downdelay?: number;
  readonly other_config?: Keys;
  readonly external_ids?: Keys;
}

export interface InterfaceColumns {
  readonly type?: string;
  readonly mac?: readonly string[];
  readonly mtu_request?: readonly number[];
  readonly options?: Keys;
  readonly external_ids?: Keys;
}

export interface AddressTarget {
  readonly device: string;
  /** CIDR form. */
  readonly address: string;
}

export interface VlanTarget {
  readonly device: string;
  /** The NIC that it stands on. */
  readonly parent: string;
  readonly id: number;
  readonly mtu?: number;
}

export interface MtuTarget {
  readonly device: string;
  readonly mtu: number;
}

export interface DnsTarget {
  readonly servers: readonly string[];
  /** Whose name servers they are, to systemd-resolved. */
  readonly device?: string;
  /** Of a snapshot: exactly this was in resolv.conf; `null`: there was none. */
  readonly text?: string | null;
}

export interface RouteTarget {
  /** `default` or CIDR form. */
  readonly to: string;
  readonly via: string;
  readonly device: string;
}

/** Our routes carry this protocol number (rtnetlink(7) leaves the numbers over RTPROT_STATIC to administrators). */
export const ROUTE_PROTOCOL = 220;
/**
 * Worse than what a person adds by hand (0), so that a route of the operator's wins. Better than what NetworkManager and netplan give
 * (100 and more), and none of theirs: the kernel has one route of a metric to a destination, and another one would take its place.
 */
export const ROUTE_METRIC = 90;
