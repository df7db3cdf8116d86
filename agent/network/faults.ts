import type { Problem } from "../core/errors.ts";
import { findBridge, findInterface, type Observed } from "./observed.ts";
import type { Target } from "./target.ts";

/**
 * What is wrong although the database says what it has to: bridges without a datapath, interfaces that Open vSwitch could not
 * open, NICs that are missing. No step of a plan mends these; a person or a cable does. Meaningful once vswitchd has caught up
 * (cur_cfg), because these columns survive a reboot.
 */
export function faults(target: Target, observed: Observed): readonly Problem[] {
  const { ovs } = observed;
  const found: Problem[] = [];
  for (const bridge of target.bridges) {
    if ((findBridge(ovs, bridge.name)?.datapath_id.length ?? 0) === 0) {
      found.push({
        code: "E_OVS_NO_DATAPATH",
        message: `Open vSwitch could not create the datapath of bridge ${bridge.name}`,
        path: `network.datapath`,
        expected: "a datapath type that this kernel has",
        hint: "Is the openvswitch kernel module there (modprobe openvswitch)? See ovs-vswitchd's log.",
      });
    }
    for (const { name, columns } of bridge.ports.flatMap(({ interfaces }) => interfaces)) {
      const row = findInterface(ovs, name);
      const error = row?.error[0];
      found.push(...wrongMtu(name, columns.mtu_request?.[0], observed));
      if (row === undefined || (error === undefined && (row.ofport[0] ?? -1) > 0)) continue;
      found.push({
        code: "E_OVS_INTERFACE",
        message: `Open vSwitch does not use interface ${name}: ${error ?? "it has no OpenFlow port"}`,
        hint: `ip link show ${name}; ovs-vsctl list interface ${name}`,
      });
    }
  }
  return found;
}

/** Asked for is not set: a driver may refuse an MTU, and then large frames are lost without a word. */
function wrongMtu(device: string, wanted: number | undefined, { kernel }: Observed): Problem[] {
  const mtu = kernel.links.find(({ name }) => name === device)?.mtu;
  if (wanted === undefined || mtu === undefined || mtu === wanted) return [];
  const message = `${device} has MTU ${mtu}, not ${wanted}`;
  return [{ code: "E_OVS_MTU", message, hint: `Can its driver do that? ip -d link show ${device} has the limits.` }];
}

/** Whether any uplink has carrier, as Open vSwitch sees it. */
export function anyCarrier(members: readonly string[], { ovs }: Observed): boolean {
  return members.some((name) => findInterface(ovs, name)?.link_state[0] === "up");
}
