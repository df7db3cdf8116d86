import type { Problem } from "../core/errors.ts";
import { linkOf, type NetworkConfig } from "./desired.ts";
import { findPort, interfacesOf, type Observed } from "./observed.ts";
import { isOurs } from "./owner.ts";
import { sameAddress } from "./plan-host.ts";
import type { IpStep } from "./steps.ts";
import type { AddressTarget, Target } from "./target.ts";

type Removal = Extract<IpStep, { kind: "remove-address" }>;

/*
 * What is on a NIC that our port holds receives nothing there, while its route goes on to take what the host sends: the initramfs
 * (ip= on the kernel's command line) leaves such addresses, and so does whoever configured the NIC before.
 */

/**
 * Takes the host's own addresses off its members once they are on their ports. The ledger does not know them, but exactly the same
 * address cannot be somebody else's here. A NIC that carries anything more is left alone: the kernel may drop that with it. Pure.
 */
export function planLeftovers(target: Target, observed: Observed): Removal[] {
  const { kernel } = observed;
  const moved = target.addresses.filter((entry) => kernel.addresses.some((address) => sameAddress(address, entry)));
  // An adoption has its own steps, and an order, for what is on these.
  const adopted = [target.taken, target.given].flatMap((image) => image?.links.map(({ name }) => name) ?? []);
  return heldNics(target, observed)
    .filter((nic) => !adopted.includes(nic))
    .flatMap((nic) => {
      const own = leftOn(nic, observed);
      const known = own.every(({ address }) => moved.some((entry) => entry.address === address));
      return known ? own : [];
    })
    .map((entry): Removal => ({ kind: "remove-address", ...entry, why: "left on a member", risk: "none" }));
}

/** What of it stays, because it is none of the host's addresses. Pure. */
export function leftoverProblems({ network }: NetworkConfig, target: Target, observed: Observed): readonly Problem[] {
  const { kernel } = observed;
  const going = planLeftovers(target, observed);
  const held = heldNics(target, observed);
  return network.bond.members.flatMap((nic) => {
    const device = linkOf(nic, network, kernel.links)?.name;
    if (device === undefined || !held.includes(device)) return [];
    const above = kernel.links.filter(({ kind, parent }) => kind === "vlan" && parent === device);
    return [device, ...above.map(({ name }) => name)]
      .flatMap((name) => leftOn(name, observed))
      .filter((entry) => !going.some((step) => sameAddress(step, entry)))
      .map((entry) => ({
        code: "E_NIC_ADDRESS",
        message: `${entry.device} carries the address ${entry.address}, which does not work there: NIC ${nic} is a member of ${network.bond.name}`,
        path: `network.nics.${nic}`,
        hint: `Put it under network.addresses, or: ip address del ${entry.address} dev ${entry.device}`,
      }));
  });
}

/** Hardware that our ports have to hold, and do. */
function heldNics(target: Target, { ovs, kernel }: Observed): readonly string[] {
  return target.bridges
    .flatMap(({ ports }) => ports)
    .flatMap(({ name, interfaces }) => {
      const row = findPort(ovs, name);
      const held = row === undefined || !isOurs(row) ? [] : interfacesOf(ovs, row);
      const wanted = interfaces.filter(({ columns }) => (columns.type ?? "") === "").map((entry) => entry.name);
      return held.map((entry) => entry.name).filter((nic) => wanted.includes(nic));
    })
    .filter((nic) => {
      // In a stranger's bridge it may well work.
      const master = kernel.links.find(({ name }) => name === nic)?.master;
      return master === undefined || master === "ovs-system";
    });
}

/** What our ledger has on a NIC is of a lower rung, and goes by its own step. */
function leftOn(name: string, { kernel, ledger }: Observed): readonly AddressTarget[] {
  return kernel.addresses
    .filter(({ device }) => device === name)
    .filter((entry) => !ledger.some((ours) => sameAddress(ours, entry)));
}
