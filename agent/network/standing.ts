import type { Problem } from "../core/errors.ts";
import { linkOf, type NetworkConfig, targetOf } from "./desired.ts";
import { dnsProblems } from "./dns.ts";
import { anyCarrier, faults } from "./faults.ts";
import { leftoverProblems } from "./leftovers.ts";
import type { Observed } from "./observed.ts";
import { sameAddress } from "./plan-host.ts";
import { foreignControl } from "./refusals.ts";
import { nicProblems } from "./steady/strangers.ts";
import type { Target } from "./target.ts";

/** Whether any member of the bond has carrier, as Open vSwitch sees it. */
export function hasCarrier({ network }: NetworkConfig, observed: Observed): boolean {
  const devices = network.bond.members.flatMap((nic) => linkOf(nic, network, observed.kernel.links)?.name ?? []);
  return anyCarrier(devices, observed);
}

/** Addresses of a network that the host does not have, where nobody is to put them back. */
export function missingAddresses(config: NetworkConfig, observed: Observed): readonly Problem[] {
  return targetOf(config, observed)
    .addresses.filter((entry) => !observed.kernel.addresses.some((other) => sameAddress(other, entry)))
    .map(({ device, address }) => ({
      code: "E_NETWORK_ADDRESS",
      message: `address ${address} of the last good network is not on ${device}, and network.mode says observe`,
      path: "network.mode",
      hint: "Set network.mode to enforce, and it is put back.",
    }));
}

/** What is wrong with a network that stands: interfaces that Open vSwitch does not use, NICs that are missing or dead. */
export function standingProblems(config: NetworkConfig, observed: Observed, target: Target): readonly Problem[] {
  return [
    ...faults(target, observed),
    ...dnsProblems(target, observed),
    ...foreignControl(config, observed.ovs),
    ...nicProblems(config, observed),
    ...leftoverProblems(config, target, observed),
    ...config.network.bond.members.flatMap((nic) => nicProblem(nic, config, observed)),
  ];
}

function nicProblem(nic: string, { network }: NetworkConfig, observed: Observed): Problem[] {
  const link = linkOf(nic, network, observed.kernel.links);
  const path = `network.nics.${nic}`;
  if (link === undefined) {
    return [{ code: "E_NIC_MISSING", message: `NIC ${nic} is not there`, path, hint: "ip link; lspci" }];
  }
  if (anyCarrier([link.name], observed)) return [];
  const message = `NIC ${nic} (${link.name}) has no carrier`;
  return [{ code: "E_NIC_NO_CARRIER", message, path, hint: "Check the cable and the switch port." }];
}
