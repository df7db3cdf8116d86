import { ownerMark, revisionMark } from "../owner.ts";
import type { NetworkObject } from "./object.ts";

/** Our own bridge, which Neutron never sees: it forwards as a plain switch whether or not anybody controls it. */
export const bridge: NetworkObject = ({ network, hash, revision, hostMac }) => ({
  bridges: [
    {
      name: network.bridge,
      columns: {
        datapath_type: network.datapath,
        // Without a controller and standalone, ovs-vswitchd throws out all flows and forwards as a plain switch again.
        fail_mode: ["standalone"],
        controller: [],
        stp_enable: false,
        rstp_enable: false,
        // Without hwaddr the bridge takes the lowest MAC of its NICs, and changes it with them.
        ...(hostMac === undefined ? {} : { other_config: { hwaddr: hostMac } }),
        external_ids: { ...ownerMark, ...revisionMark(hash, revision) },
      },
    },
  ],
});
