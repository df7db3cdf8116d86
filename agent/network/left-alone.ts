import { findBridge, type Observed, portsOf } from "./observed.ts";
import { isOurs } from "./owner.ts";
import { sameAddress } from "./plan-host.ts";
import type { Target } from "./target.ts";

/** What a plan could be feared to touch and does not, because it is not ours, in words. Pure. */
export function leftAlone(target: Target, { ovs, kernel, ledger }: Observed): readonly string[] {
  const named = new Set(target.bridges.flatMap(({ name, ports }) => [name, ...ports.map((port) => port.name)]));
  const devices = new Set(target.addresses.map(({ device }) => device));
  return [
    ...ovs.bridges.filter((row) => !isOurs(row) && !named.has(row.name)).map(({ name }) => `bridge ${name}`),
    ...target.bridges.flatMap(({ name }) => {
      const row = findBridge(ovs, name);
      return (row === undefined ? [] : portsOf(ovs, row))
        .filter((port) => !isOurs(port) && !named.has(port.name))
        .map((port) => `port ${port.name} on ${name}`);
    }),
    ...kernel.addresses
      .filter((entry) => devices.has(entry.device))
      .filter((entry) => ![...target.addresses, ...ledger].some((ours) => sameAddress(ours, entry)))
      .map(({ device, address }) => `address ${address} on ${device}`),
  ];
}
