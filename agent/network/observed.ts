import type { BridgeRow, InterfaceRow, ManagerRow, OpenVswitchRow, PortRow } from "./schema.ts";
import type { AddressTarget, RouteTarget } from "./target.ts";

/** The host's network as it was seen at one moment. */
export interface Observed {
  readonly ovs: OvsObserved;
  readonly kernel: KernelObserved;
  /** Addresses that we put on the host; only these are ever removed. */
  readonly ledger: readonly AddressTarget[];
  /** The content of system-id.conf, if there is one. */
  readonly systemIdFile?: string;
}

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

export interface Link {
  readonly name: string;
  /** The permanent MAC address where the driver tells it, else the current one. Lower case. */
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly carrier: boolean;
  /** It has an IPv6 address of its own making, so it speaks IPv6 on the wire. */
  readonly linkLocal: boolean;
  /** PCI address of the device, e.g. `0000:3b:00.1`. */
  readonly pci?: string;
  /** What made the device, e.g. `vlan`, `veth`, `openvswitch` or `tun`; absent for hardware. */
  readonly kind?: string;
  /** The device that this one stands on: the NIC of a kernel VLAN. */
  readonly parent?: string;
  /** The device that this one is enslaved to. */
  readonly master?: string;
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
