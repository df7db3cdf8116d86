import { gatewayAddress } from "./fabric.ts";

/** A configuration as plain values, in the YAML form's keys. */
export interface ConfigMap {
  readonly [key: string]: ConfigValue;
}
export type ConfigValue = string | number | boolean | null | readonly ConfigValue[] | ConfigMap;

/** The VLANs that the lab's fabrics carry, as in the contract's example. */
export const labVlans = { management: 100, storage: 105, developers: 110, general: 120 } as const;

/** The management address of the nth host, counted from 1, without its prefix length. */
export function managementAddress(index: number): string {
  return `10.1.0.${10 + index}`;
}

/** A configuration that is right for the nth host of the lab, with short durations. `overrides` merge by key; null deletes. */
export function hostConfig(index: number, overrides: ConfigMap = {}): ConfigMap {
  const config: ConfigMap = {
    version: 1,
    network: {
      mode: "enforce",
      datapath: "netdev",
      nics: { em1: { fabric: "A" }, em2: { fabric: "B" } },
      bond: {
        name: "bond0",
        members: ["em1", "em2"],
        mode: "active-backup",
        updelay: "200ms",
        downdelay: "0s",
        detect: "carrier",
      },
      bridge: "br-uplink",
      vlans: labVlans,
      addresses: {
        mgmt0: {
          vlan: "management",
          ipv4: [`${managementAddress(index)}/24`],
          gateway: gatewayAddress(labVlans.management),
        },
      },
      neutron: { bridges: { "br-ex": { physnet: "physnet1", vlans: ["developers", "general"] } } },
      probes: ["gateway"],
      confirm: { deadline: "8s", by: "probes", good: 2 },
    },
    timing: {
      boot_budget: "20s",
      ovsdb_timeout: "3s",
      apply_timeout: "5s",
      probe_interval: "200ms",
      probe_timeout: "500ms",
      backoff_min: "100ms",
      backoff_max: "2s",
      drift_interval: "5s",
      uplink_witness: "12s",
      dead_man_grace: "2s",
    },
  };
  return merge(config, overrides);
}

/** Maps merge by key, everything else replaces, null deletes: the rule of the fragments. */
function merge(below: ConfigMap, above: ConfigMap): ConfigMap {
  const merged: Record<string, ConfigValue> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const old = merged[key];
    if (value === null) delete merged[key];
    else merged[key] = isMap(value) ? merge(isMap(old) ? old : {}, value) : value;
  }
  return merged;
}

function isMap(value: ConfigValue | undefined): value is ConfigMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
