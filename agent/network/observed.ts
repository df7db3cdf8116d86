import type { KernelWhole, Link } from "./kernel.ts";
import type { BridgeRow, InterfaceRow, ManagerRow, OpenVswitchRow, PortRow } from "./schema.ts";
import type { AddressTarget, RouteTarget } from "./target.ts";
import type { Avoided } from "./uplinks/avoid.ts";

export type { Link } from "./kernel.ts";

/** The host's network as it was seen at one moment. */
export interface Observed extends HostObserved {
  readonly ovs: OvsObserved;
  /** NICs that the bond is kept off for now. */
  readonly avoid: readonly Avoided[];
}

/** What of the host can be seen without Open vSwitch. */
export interface HostObserved {
  readonly kernel: KernelObserved;
  /** Addresses that we put on the host; only these are ever removed. */
  readonly ledger: readonly AddressTarget[];
  /** The content of system-id.conf, if there is one. */
  readonly systemIdFile?: string;
  /** Absent where nobody looked. */
  readonly dns?: DnsObserved;
  /** Everything that the kernel holds; absent where nobody looked. */
  readonly whole?: KernelWhole;
}

/**
 * Who answers for /etc/resolv.conf. `file`: nobody but the file itself (`null`: there is none). `resolved`: it is a link to
 * systemd-resolved's, which runs and asks these. `foreign`: it is a link to somebody else's.
 */
export type DnsObserved =
  | { readonly way: "file"; readonly text: string | null }
  | { readonly way: "resolved"; readonly servers: readonly string[] }
  | { readonly way: "foreign"; readonly to: string };

export interface OvsObserved {
  readonly root: OpenVswitchRow;
  readonly bridges: readonly BridgeRow[];
  readonly ports: readonly PortRow[];
  readonly interfaces: readonly InterfaceRow[];
  readonly managers: readonly ManagerRow[];
}

export interface KernelObserved {
  readonly links: readonly Link[];
  /** Global addresses of every device. */
  readonly addresses: readonly AddressTarget[];
  /** Only the routes that carry our protocol number. */
  readonly routes: readonly RouteTarget[];
}

export function findBridge(ovs: OvsObserved, name: string): BridgeRow | undefined {
  return ovs.bridges.find((row) => row.name === name);
}

export function findPort(ovs: OvsObserved, name: string): PortRow | undefined {
  return ovs.ports.find((row) => row.name === name);
}

export function findInterface(ovs: OvsObserved, name: string): InterfaceRow | undefined {
  return ovs.interfaces.find((row) => row.name === name);
}

export function portsOf(ovs: OvsObserved, bridge: BridgeRow): readonly PortRow[] {
  return ovs.ports.filter((row) => bridge.ports.includes(row._uuid));
}

export function interfacesOf(ovs: OvsObserved, port: PortRow): readonly InterfaceRow[] {
  return ovs.interfaces.filter((row) => port.interfaces.includes(row._uuid));
}

export function bridgeOf(ovs: OvsObserved, port: PortRow): BridgeRow | undefined {
  return ovs.bridges.find((row) => row.ports.includes(port._uuid));
}
