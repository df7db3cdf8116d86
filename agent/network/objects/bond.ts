import type { BondSettings } from "../../config/settings.ts";
import { nicMark, ownerMark } from "../owner.ts";
import { thievesOf } from "../steady/thieves.ts";
import { preferred } from "../uplinks/avoid.ts";
import { activeMember } from "../uplinks/failover.ts";
import type { NetworkObject } from "./object.ts";

/** The active-backup bond of the uplinks, trunking every VLAN of the configuration and no other. */
export const bond: NetworkObject = ({ network, deviceOf, observed }) => {
  const { name, members, nativeVlan, updelayMs, downdelayMs, detect, mtu } = network.bond;
  const native = nativeVlan === undefined ? undefined : network.vlans[nativeVlan];
  const devices = members.flatMap((nic) => {
    const device = deviceOf(nic);
    return device === undefined ? [] : [{ nic, device }];
  });
  // What arrives on a NIC that another bridge has as well goes there.
  const stolen = devices.filter(({ device }) => thievesOf(device, observed.ovs).length > 0);
  const avoided = [...observed.avoid, ...stolen].map(({ nic }) => nic).filter((nic) => members.includes(nic));
  const active = activeMember(observed.ovs, name);
  const primary = primaryNow(network.bond, avoided, devices.find(({ device }) => device === active)?.nic);
  return {
    links: devices.map(({ device }) => device),
    ports: [
      {
        bridge: network.bridge,
        port: {
          name,
          columns: {
            vlan_mode: [native === undefined ? "trunk" : "native-untagged"],
            tag: native === undefined ? [] : [native],
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

/**
 * Open vSwitch goes back to its primary by itself. Where it must not, the bond has one only as long as no member carries traffic, at
 * its first choice; and while another member is avoided, to leave that one and to stay off it.
 */
function primaryNow(bond: BondSettings, avoided: readonly string[], active: string | undefined): string | undefined {
  const primary = preferred(bond, avoided);
  const isChoice = bond.failback === "never" && primary !== undefined && primary === bond.primary;
  if (!isChoice || active === undefined) return primary;
  const isRefuge = avoided.length > 0 && !avoided.includes(primary);
  return isRefuge && [primary, ...avoided].includes(active) ? primary : undefined;
}
