import { hashOf } from "../../agent/config/hash.ts";
import type { NetworkSettings } from "../../agent/config/settings.ts";
import type { NetworkConfig } from "../../agent/network/desired.ts";
import type { Target } from "../../agent/network/target.ts";

/** A network that is right for a {@link FakeHost}. */
export function networkSettings(changes: Partial<NetworkSettings> = {}): NetworkSettings {
  return {
    mode: "enforce",
    datapath: "system",
    nics: { em1: { fabric: "A" }, em2: { fabric: "B" } },
    bond: {
      name: "bond0",
      members: ["em1", "em2"],
      mode: "active-backup",
      updelayMs: 30_000,
      downdelayMs: 0,
      detect: "carrier",
    },
    bridge: "br-uplink",
    vlans: { management: 100, storage: 105, developers: 110 },
    addresses: {
      mgmt0: { vlan: "management", ipv4: ["10.1.0.17/24"], ipv6: [], gateway: "10.1.0.1", routes: [] },
    },
    neutron: { bridges: { "br-ex": { physnet: "physnet1", vlans: ["developers"] } }, systemId: "keep" },
    probes: [{ kind: "gateway" }],
    grayFailure: "alert",
    confirm: { deadlineMs: 120_000, by: "probes", good: 3 },
    ...changes,
  };
}

export function configOf(network: NetworkSettings, revision = 1, dns?: readonly string[]): NetworkConfig {
  return { network, hash: hashOf({ network, dns }), revision, ...(dns === undefined ? {} : { dns }) };
}

/** The same network with its management address on another VLAN. */
export function onVlan(id: number): NetworkSettings {
  return networkSettings({ vlans: { management: id, storage: 105, developers: 110 } });
}

/** A host on which nothing of ours has to be. */
export const emptyTarget: Target = { bridges: [], managers: [], externalIds: {}, links: [], addresses: [], routes: [] };
