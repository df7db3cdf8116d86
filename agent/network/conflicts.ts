import { findBridge, findInterface, findPort, interfacesOf, type Observed, type OvsObserved } from "./observed.ts";
import { isOurs } from "./owner.ts";
import { sameAddress } from "./plan-host.ts";
import type { PortTarget, Target } from "./target.ts";

/** Something that the target has and somebody else uses. */
export interface Conflict {
  readonly kind: "port" | "nic";
  readonly name: string;
  readonly message: string;
}

/** What the target would take from somebody else, in words: such a change is refused before anything is touched. */
export function conflicts(target: Target, observed: Observed): readonly string[] {
  return conflictsOf(target, observed).map(({ message }) => message);
}

export function conflictsOf(target: Target, observed: Observed): readonly Conflict[] {
  const ports = target.bridges.flatMap((bridge) => bridge.ports.map((port) => ({ bridge: bridge.name, port })));
  return [
    ...ports.flatMap(({ bridge, port }) => takenPort(bridge, port, observed.ovs)),
    ...ports.flatMap(({ port }) => takenInterfaces(port, observed.ovs)),
    ...ports
      .flatMap(({ port }) => nicsToTake(port, observed.ovs))
      .filter((nic) => !target.taken?.links.some(({ name }) => name === nic))
      .flatMap((nic) => takenNic(nic, observed)),
  ];
}

function takenPort(bridge: string, { name }: PortTarget, ovs: OvsObserved): Conflict[] {
  const row = findPort(ovs, name);
  if (row === undefined || isOurs(row) || findBridge(ovs, bridge)?.ports.includes(row._uuid) === true) return [];
  return [{ kind: "port", name, message: `port ${name} is on another bridge and not ours` }];
}

function takenInterfaces(port: PortTarget, ovs: OvsObserved): Conflict[] {
  return port.interfaces.flatMap(({ name }) => {
    const row = findInterface(ovs, name);
    if (row === undefined) return [];
    const holders = ovs.ports.filter((other) => other.interfaces.includes(row._uuid));
    // Our port has it all the same: that somebody else does too is told, and must not keep us from repairing the rest.
    if (holders.some((holder) => holder.name === port.name && isOurs(holder))) return [];
    return holders
      .filter((holder) => holder.name !== port.name && !isOurs(holder))
      .map((holder): Conflict => {
        const message = `interface ${name} is in port ${holder.name} of Open vSwitch, which is not ours`;
        return { kind: "nic", name, message };
      });
  });
}

function takenNic(nic: string, { kernel, ledger }: Observed): Conflict[] {
  const link = kernel.links.find(({ name }) => name === nic);
  const onTop = kernel.links.filter(({ parent, kind }) => parent === nic && kind === "vlan").map(({ name }) => name);
  const addresses = kernel.addresses
    .filter(({ device }) => device === nic || onTop.includes(device))
    // What a lower rung of the ladder put there moves to its place with this very plan.
    .filter((entry) => !ledger.some((ours) => sameAddress(ours, entry)));
  const master = link?.master;
  const messages = [
    ...(master === undefined || master === "ovs-system" ? [] : [`NIC ${nic} is enslaved to ${master}`]),
    ...addresses.map(({ device, address }) => `${device} carries the address ${address}, which would stop working`),
  ];
  return messages.map((message) => ({ kind: "nic", name: nic, message }));
}

/** What is on a NIC that our port holds already does not work since then: it must not keep us from repairing the rest. */
export function nicsToTake({ name: port, interfaces }: PortTarget, ovs: OvsObserved): string[] {
  const row = findPort(ovs, port);
  const held = row === undefined || !isOurs(row) ? [] : interfacesOf(ovs, row).map(({ name }) => name);
  return interfaces
    .filter(({ name, columns }) => (columns.type ?? "") === "" && !held.includes(name))
    .map(({ name }) => name);
}
