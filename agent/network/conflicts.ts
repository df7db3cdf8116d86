import { findBridge, findInterface, findPort, interfacesOf, type Observed, type OvsObserved } from "./observed.ts";
import { isOurs } from "./owner.ts";
import type { PortTarget, Target } from "./target.ts";

/** What the target would take from somebody else, in words: such a change is refused before anything is touched. */
export function conflicts(target: Target, observed: Observed): readonly string[] {
  const ports = target.bridges.flatMap((bridge) => bridge.ports.map((port) => ({ bridge: bridge.name, port })));
  return [
    ...ports.flatMap(({ bridge, port }) => takenPort(bridge, port, observed.ovs)),
    ...ports.flatMap(({ port }) => takenInterfaces(port, observed.ovs)),
    ...ports.flatMap(({ port }) => nicsToTake(port, observed.ovs)).flatMap((nic) => takenNic(nic, observed)),
  ];
}

function takenPort(bridge: string, port: PortTarget, ovs: OvsObserved): string[] {
  const row = findPort(ovs, port.name);
  if (row === undefined || isOurs(row) || findBridge(ovs, bridge)?.ports.includes(row._uuid) === true) return [];
  return [`port ${port.name} is on another bridge and not ours`];
}

function takenInterfaces(port: PortTarget, ovs: OvsObserved): string[] {
  return port.interfaces.flatMap(({ name }) => {
    const row = findInterface(ovs, name);
    if (row === undefined) return [];
    const holders = ovs.ports.filter((other) => other.interfaces.includes(row._uuid));
    return holders
      .filter((holder) => holder.name !== port.name && !isOurs(holder))
      .map((holder) => `interface ${name} is in port ${holder.name} of Open vSwitch, which is not ours`);
  });
}

function takenNic(nic: string, { kernel }: Observed): string[] {
  const link = kernel.links.find(({ name }) => name === nic);
  const onTop = kernel.links.filter(({ parent, kind }) => parent === nic && kind === "vlan").map(({ name }) => name);
  const addresses = kernel.addresses.filter(({ device }) => device === nic || onTop.includes(device));
  const master = link?.master;
  return [
    ...(master === undefined || master === "ovs-system" ? [] : [`NIC ${nic} is enslaved to ${master}`]),
    ...addresses.map(({ device, address }) => `${device} carries the address ${address}, which would stop working`),
  ];
}

/** What is on a NIC that our port holds already does not work since then: it must not keep us from repairing the rest. */
function nicsToTake({ name: port, interfaces }: PortTarget, ovs: OvsObserved): string[] {
  const row = findPort(ovs, port);
  const held = row === undefined || !isOurs(row) ? [] : interfacesOf(ovs, row).map(({ name }) => name);
  return interfaces
    .filter(({ name, columns }) => (columns.type ?? "") === "" && !held.includes(name))
    .map(({ name }) => name);
}
