import { dnsSnapshot } from "./dns.ts";
import { findInterface, interfacesOf, type Observed, type OvsObserved, portsOf } from "./observed.ts";
import { isOurs } from "./owner.ts";
import { sameAddress } from "./plan-host.ts";
import type { BridgeRow, InterfaceRow, PortRow } from "./schema.ts";
import type {
  BridgeColumns,
  BridgeTarget,
  InterfaceColumns,
  InterfaceTarget,
  Keys,
  MtuTarget,
  PortColumns,
  PortTarget,
  Target,
} from "./target.ts";

/**
 * The host as it is now, as a target to come back to after `change` was applied: `plan(snapshot(before, change), after)` undoes
 * the change. It holds the rows that are ours and the rows that the change touches; of maps, only keys that are ours to write.
 */
export function snapshot(observed: Observed, change: Target): Target {
  const { ovs, kernel, ledger, systemIdFile } = observed;
  const bridges = ovs.bridges.filter(
    (row) => isOurs(row) || portsOf(ovs, row).some(isOurs) || change.bridges.some(({ name }) => name === row.name),
  );
  const bridgesNow = bridges.map((row) => bridgeSnapshot(row, ovs, change));
  // The change may remove a port of ours: it has to come back up.
  const devices = bridgesNow.flatMap(({ ports }) =>
    ports.flatMap(({ interfaces }) => interfaces.map(({ name }) => name)),
  );
  const dns = dnsSnapshot(observed.dns, change.dns);
  const links = new Set([...change.links, ...devices]);
  const mtus = mtusNow(observed, change);
  return {
    bridges: bridgesNow,
    managers: ovs.managers.filter(isOurs).map((row) => row.target),
    externalIds: keysNow(ovs.root.external_ids, change.externalIds, {}),
    ...(systemIdFile === undefined ? {} : { systemIdFile }),
    ...(dns === undefined ? {} : { dns }),
    links: kernel.links.filter((link) => link.up && links.has(link.name)).map((link) => link.name),
    ...(mtus.length === 0 ? {} : { mtus }),
    addresses: ledger.filter((entry) => kernel.addresses.some((address) => sameAddress(address, entry))),
    routes: kernel.routes,
  };
}

function bridgeSnapshot(row: BridgeRow, ovs: OvsObserved, change: Target): BridgeTarget {
  const changed = change.bridges.find(({ name }) => name === row.name);
  const desired: BridgeColumns = { ...changed?.initial, ...changed?.columns };
  const columns: BridgeColumns = {
    datapath_type: row.datapath_type,
    other_config: keysNow(row.other_config, desired.other_config, isOurs(row) ? row.other_config : {}),
    external_ids: keysNow(row.external_ids, desired.external_ids, isOurs(row) ? row.external_ids : {}),
    // Only where the change looks after it: on Neutron's bridges it is Neutron's.
    ...(changed?.columns.fail_mode === undefined ? {} : { fail_mode: row.fail_mode }),
    ...(changed?.columns.stp_enable === undefined ? {} : { stp_enable: row.stp_enable }),
    ...(changed?.columns.rstp_enable === undefined ? {} : { rstp_enable: row.rstp_enable }),
  };
  const { fail_mode, stp_enable, rstp_enable } = row;
  const ports = portsOf(ovs, row).filter(
    (port) =>
      port.name !== row.name && (isOurs(port) || changed?.ports.some(({ name }) => name === port.name) === true),
  );
  return {
    name: row.name,
    columns,
    // A bridge that the change removes comes back as it was, and is then its user's again.
    ...(changed === undefined ? { initial: { fail_mode, stp_enable, rstp_enable } } : {}),
    ports: ports.map((port) =>
      portSnapshot(
        port,
        ovs,
        changed?.ports.find(({ name }) => name === port.name),
      ),
    ),
  };
}

function portSnapshot(row: PortRow, ovs: OvsObserved, changed: PortTarget | undefined): PortTarget {
  const desired: PortColumns = changed?.columns ?? {};
  return {
    name: row.name,
    columns: {
      vlan_mode: row.vlan_mode,
      tag: row.tag,
      trunks: row.trunks,
      bond_mode: row.bond_mode,
      lacp: row.lacp,
      bond_updelay: row.bond_updelay,
      bond_downdelay: row.bond_downdelay,
      other_config: keysNow(row.other_config, desired.other_config, isOurs(row) ? row.other_config : {}),
      external_ids: keysNow(row.external_ids, desired.external_ids, isOurs(row) ? row.external_ids : {}),
    },
    interfaces: interfacesOf(ovs, row).map((entry) =>
      interfaceSnapshot(
        entry,
        changed?.interfaces.find(({ name }) => name === entry.name),
      ),
    ),
  };
}

function interfaceSnapshot(row: InterfaceRow, changed: InterfaceTarget | undefined): InterfaceTarget {
  const desired: InterfaceColumns = changed?.columns ?? {};
  // The change removes what it does not name, and with it every key.
  const whole = isOurs(row) || changed === undefined;
  return {
    name: row.name,
    columns: {
      type: row.type,
      mac: row.mac,
      mtu_request: row.mtu_request,
      options: keysNow(row.options, desired.options, whole ? row.options : {}),
      external_ids: keysNow(row.external_ids, desired.external_ids, whole ? row.external_ids : {}),
    },
  };
}

/** Of the devices for which nobody asks before the change: Open vSwitch leaves an MTU as it is when the request for it goes. */
function mtusNow({ ovs, kernel }: Observed, change: Target): readonly MtuTarget[] {
  const asked = change.bridges
    .flatMap(({ ports }) => ports.flatMap(({ interfaces }) => interfaces))
    .filter(({ name, columns }) => columns.mtu_request !== undefined && !findInterface(ovs, name)?.mtu_request.length);
  return asked.flatMap(({ name: device }) =>
    kernel.links.filter(({ name }) => name === device).map(({ mtu }) => ({ device, mtu })),
  );
}

/** The keys of a map that the change writes, and those that are ours already, with their values of now. */
function keysNow(current: Readonly<Record<string, string>>, changed: Keys | undefined, ours: Keys): Keys {
  const names = [...Object.keys(changed ?? {}), ...Object.keys(ours)];
  return Object.fromEntries(names.map((key) => [key, current[key] ?? null]));
}
