import type { NetworkSettings } from "../../config/settings.ts";
import { runsOf } from "./vlan-list.ts";

/** Kolla's settings for a host with this network, by their path below /etc/kolla of the machine that deploys. Pure. */
export function kollaFiles(network: NetworkSettings): Readonly<Record<string, string>> | undefined {
  const bridges = Object.entries(network.neutron?.bridges ?? {});
  const management = managementDevice(network);
  if (bridges.length === 0 || management === undefined) return undefined;
  return {
    "globals.d/devcloud-agent.yml": globals(management, bridges),
    "config/neutron/ml2_conf.ini": ml2(network, bridges),
  };
}

type Bridges = readonly (readonly [
  name: string,
  bridge: { readonly physnet: string; readonly vlans: readonly string[] },
])[];

/** Kolla's services listen on the address by which the host is reached. */
function managementDevice({ addresses }: NetworkSettings): string | undefined {
  const entries = Object.entries(addresses);
  return (entries.find(([, { gateway }]) => gateway !== undefined) ?? entries[0])?.[0];
}

function globals(management: string, bridges: Bridges): string {
  const list = (items: readonly string[]): string => JSON.stringify(items.join(","));
  return `---
# For hosts whose Open vSwitch is their own, brought up by devcloud-agent. Written by \`devcloud-agent network kolla\`.
# A fleet of such hosts alone: /etc/kolla/globals.d/ of the machine that deploys. A mixed one: these lines into the inventory, as
# group_vars of these hosts, and none of them into globals.yml or globals.d, because those beat the inventory.

# The host has an Open vSwitch before Docker starts. A second one, in a container, would take its socket away.
enable_openvswitch: "no"
neutron_plugin_agent: "openvswitch"

network_interface: ${JSON.stringify(management)}

# The bridges stand before Neutron's agent starts, which is given them by name.
neutron_bridge_name: ${list(bridges.map(([name]) => name))}
neutron_physical_networks: ${list(bridges.map(([, { physnet }]) => physnet))}
# One for each bridge: Kolla counts them, and with its own Open vSwitch off it plugs none of them in.
neutron_external_interface: ${list(bridges.map((_, at) => `unused${at}`))}
# Else computes get no bridge mappings.
enable_neutron_provider_networks: "yes"
`;
}

function ml2({ vlans }: NetworkSettings, bridges: Bridges): string {
  const ranges = bridges.flatMap(([, { physnet, vlans: names }]) =>
    runsOf(names.flatMap((name) => vlans[name] ?? [])).map(([from, to]) => `${physnet}:${from}:${to}`),
  );
  return `# What the patch ports of the hosts carry, and no others. Written by \`devcloud-agent network kolla\`.
# To be merged by Kolla: /etc/kolla/config/neutron/ml2_conf.ini of the machine that deploys.
[ml2_type_vlan]
network_vlan_ranges = ${ranges.join(",")}
`;
}
