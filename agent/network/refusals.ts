import { AgentError, type Problem } from "../core/errors.ts";
import type { NetworkConfig } from "./desired.ts";
import type { OvsObserved } from "./observed.ts";

/** Keys of ovn-controller in Open_vSwitch.external_ids (ovn-controller(8)): where it is told what to control. */
const OVN_KEYS: readonly string[] = ["ovn-remote", "ovn-bridge-mappings"];

/** OVN at work on a host whose configuration gives bridges to Neutron's own agent. Pure. */
export function foreignControl({ network }: Pick<NetworkConfig, "network">, { root }: OvsObserved): readonly Problem[] {
  const found = OVN_KEYS.filter((key) => root.external_ids[key] !== undefined);
  if (network.neutron === undefined || found.length === 0) return [];
  return [
    {
      code: "E_NETWORK_OVN",
      message: `OVN controls this host's Open vSwitch (external_ids: ${found.join(", ")})`,
      path: "network.neutron",
      expected: "ML2 with neutron-openvswitch-agent",
      hint:
        "Two controllers would write to Neutron's bridges. Set neutron_plugin_agent: openvswitch in Kolla and remove these keys " +
        "(ovs-vsctl remove Open_vSwitch . external_ids KEY), or take `neutron` out of the configuration.",
    },
  ];
}

/** Throws E_NETWORK_OVN. Only before something new is begun: what stands is never given up for it. */
export function refuseForeignControl(config: Pick<NetworkConfig, "network">, ovs: OvsObserved): void {
  const [problem] = foreignControl(config, ovs);
  if (problem !== undefined) throw new AgentError(problem);
}
