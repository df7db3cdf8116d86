import { ownerMark } from "../owner.ts";
import type { PortTarget } from "../target.ts";
import type { NetworkObject } from "./object.ts";

/** Neutron's bridges, each joined to ours by a pair of patch ports that trunks the VLANs meant for it and no others. */
export const patch: NetworkObject = ({ network }) => {
  const neutron = Object.entries(network.neutron?.bridges ?? {});
  return {
    bridges: neutron.map(([name]) => ({
      name,
      // A patch port joins bridges of one datapath type only. The rest is Neutron's to choose, who makes it secure.
      columns: { datapath_type: network.datapath },
      initial: { fail_mode: ["standalone"], external_ids: ownerMark },
    })),
    ports: neutron.flatMap(([name, { vlans }]) => {
      const ours = `to-${name}`;
      const theirs = `up-${name}`;
      const trunks = vlans.flatMap((vlan) => network.vlans[vlan] ?? []).sort((a, b) => a - b);
      return [
        { bridge: network.bridge, port: patchPort(ours, theirs, { vlan_mode: ["trunk"], tag: [], trunks }) },
        { bridge: name, port: patchPort(theirs, ours, {}) },
      ];
    }),
  };
};

function patchPort(name: string, peer: string, columns: PortTarget["columns"]): PortTarget {
  return {
    name,
    columns: { ...columns, external_ids: ownerMark },
    interfaces: [{ name, columns: { type: "patch", options: { peer }, external_ids: ownerMark } }],
  };
}
