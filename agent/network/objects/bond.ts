import { nicMark, ownerMark } from "../owner.ts";
import type { NetworkObject } from "./object.ts";

/** The active-backup bond of the uplinks, trunking every VLAN of the configuration and no other. */
export const bond: NetworkObject = ({ network, deviceOf }) => {
  const { name, members, primary, updelayMs, downdelayMs, detect, mtu } = network.bond;
  const devices = members.flatMap((nic) => {
    const device = deviceOf(nic);
    return device === undefined ? [] : [{ nic, device }];
  });
  return {
    links: devices.map(({ device }) => device),
    ports: [
      {
        bridge: network.bridge,
        port: {
          name,
          columns: {
            vlan_mode: ["trunk"],
            tag: [],
            // An empty set would trunk all VLANs; the configuration always has one.
            trunks: Object.values(network.vlans).sort((a, b) => a - b),
            bond_mode: ["active-backup"],
            lacp: ["off"],
            bond_updelay: updelayMs,
            bond_downdelay: downdelayMs,
            other_config: {
              "bond-detect-mode": detect,
              "bond-primary": primary === undefined ? null : (deviceOf(primary) ?? null),
            },
            external_ids: ownerMark,
          },
          interfaces: devices.map(({ nic, device }) => ({
            name: device,
            columns: {
              ...(mtu === undefined ? {} : { mtu_request: [mtu] }),
              external_ids: { ...ownerMark, ...nicMark(nic) },
            },
          })),
        },
      },
    ],
  };
};
