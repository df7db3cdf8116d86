import type { Problem } from "../../core/errors.ts";
import type { Drift } from "../../core/step.ts";
import { candidatesOf, linkOf, type NetworkConfig } from "../desired.ts";
import { bridgeOf, findBridge, findPort, interfacesOf, type Observed, portsOf } from "../observed.ts";
import { isOurs } from "../owner.ts";
import type { Target } from "../target.ts";
import { thievesOf } from "./thieves.ts";

/** What somebody does with the NICs of the bond. Pure. */
export function nicProblems({ network }: NetworkConfig, observed: Observed): readonly Problem[] {
  const { ovs, kernel } = observed;
  return network.bond.members.flatMap((nic): Problem[] => {
    const path = `network.nics.${nic}`;
    const twins = candidatesOf(nic, network, kernel.links).map(({ name }) => name);
    const link = linkOf(nic, network, kernel.links);
    if (link === undefined) return [];
    const bond = findPort(ovs, network.bond.name);
    const held = bond !== undefined && interfacesOf(ovs, bond).some(({ name }) => name === link.name);
    const thieves = thievesOf(link.name, ovs);
    const master = held && link.master !== "ovs-system" ? link.master : undefined;
    return [
      ...thieves.map((port) => {
        const row = findPort(ovs, port);
        const bridge = (row && bridgeOf(ovs, row)?.name) ?? "no bridge";
        return {
          code: "E_NIC_STOLEN",
          message: `NIC ${nic} (${link.name}) was put into port ${port} of ${bridge} as well; the bond is kept off it`,
          path,
          hint: `It is used again by itself after: ovs-vsctl del-port ${bridge} ${port}`,
        };
      }),
      ...(master === undefined
        ? []
        : [
            {
              code: "E_NIC_STOLEN",
              message: `NIC ${nic} (${link.name}) was enslaved to ${master}, and is a member of our bond`,
              path,
              hint: `ip link set ${link.name} nomaster`,
            },
          ]),
      ...(twins.length < 2
        ? []
        : [
            {
              code: "E_NIC_DUPLICATE",
              message: `NIC ${nic} is not clear: ${twins.join(" and ")} have its address; ${link.name} is used`,
              path,
              hint: "Say which one by its PCI address (pci), or give the other another MAC address.",
            },
          ]),
    ];
  });
}

/**
 * What is different on this host and not ours to change: ports of others on our bridge, their addresses on our devices
 * (`foreign`), and what Neutron chose for its bridge (`shared`). Pure.
 */
export function othersOf(config: NetworkConfig, target: Target, { ovs, kernel, ledger }: Observed): readonly Drift[] {
  const { network } = config;
  const bridge = findBridge(ovs, network.bridge);
  const ports = bridge === undefined ? [] : portsOf(ovs, bridge);
  const known = [...target.addresses, ...ledger].map(({ device, address }) => `${device} ${address}`);
  return [
    ...ports
      .filter((port) => !isOurs(port) && port.name !== network.bridge)
      .map(({ name }) => drift(`bridge ${network.bridge}`, "ports", name, null, "foreign")),
    ...kernel.addresses
      .filter(({ device }) => network.addresses[device] !== undefined)
      .filter(({ device, address }) => !known.includes(`${device} ${address}`))
      .map(({ device, address }) => drift(`device ${device}`, "addresses", address, null, "foreign")),
    ...Object.keys(network.neutron?.bridges ?? {}).flatMap((name) => {
      const row = findBridge(ovs, name);
      if (row === undefined || row.fail_mode[0] === "standalone" || row.fail_mode.length === 0) return [];
      return [drift(`bridge ${name}`, "fail_mode", row.fail_mode[0], null, "shared")];
    }),
  ];
}

function drift(object: string, field: string, current: unknown, desired: unknown, owner: Drift["owner"]): Drift {
  return { object, field, current, desired, owner };
}
