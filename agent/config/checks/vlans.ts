import type { NetworkDraft } from "../draft.ts";
import { suggest } from "../nearest.ts";
import { duplicates, type Finding } from "./finding.ts";

/** Two names for one VLAN: which of them a packet belongs to could not be told. */
export function duplicateVlans({ vlans }: NetworkDraft): Finding[] {
  return duplicates(
    vlans ?? [],
    ([, id]) => id,
    ([name, id], [first]) => ({
      code: "E_CONFIG_DUPLICATE_VLAN",
      message: `VLAN ${id} is called "${name}" and "${first}"`,
      path: ["network", "vlans", name],
      expected: "one name for each VLAN id",
    }),
  );
}

export function addressVlans({ vlans, addresses }: NetworkDraft): Finding[] {
  return [...addresses].flatMap(([name, { vlan }]) => {
    return vlan === undefined ? [] : undeclaredVlan(vlans, vlan, ["network", "addresses", name, "vlan"]);
  });
}

export function nativeVlan({ vlans, bond }: NetworkDraft): Finding[] {
  if (bond?.nativeVlan === undefined) return [];
  return undeclaredVlan(vlans, bond.nativeVlan, ["network", "bond", "native_vlan"]);
}

export function neutronVlans({ vlans, neutronBridges }: NetworkDraft): Finding[] {
  return [...neutronBridges].flatMap(([bridge, { vlans: names }]) => {
    const path = ["network", "neutron", "bridges", bridge, "vlans"];
    const twice = duplicates(
      names,
      (item) => item.value,
      (later) => ({
        code: "E_CONFIG_DUPLICATE_VLAN",
        message: `"${later.value}" is listed twice`,
        path: [...path, later.index],
      }),
    );
    return [...names.flatMap((item) => undeclaredVlan(vlans, item.value, [...path, item.index])), ...twice];
  });
}

function undeclaredVlan(vlans: NetworkDraft["vlans"], name: string, path: Finding["path"]): Finding[] {
  if (!vlans || vlans.has(name)) return [];
  const hint = suggest(name, vlans.keys());
  return [
    {
      code: "E_CONFIG_REFERENCE",
      message: `no VLAN is called "${name}"`,
      path,
      expected: "a name from network.vlans",
      ...(hint !== undefined && { hint }),
    },
  ];
}

/**
 * Neutron must never get a management VLAN: a tenant's network on it would be this host's own.
 *
 * Management VLANs are those called `management` and those of an address that has a gateway. Where there is neither,
 * every VLAN that carries an address of ours counts.
 */
function managementVlans({ vlans, addresses }: NetworkDraft): ReadonlySet<string> {
  const used = [...addresses.values()].filter(({ vlan }) => vlan !== undefined);
  const named = [...(vlans?.keys() ?? [])].filter((name) => name === "management");
  const routed = used.filter(({ gateway }) => gateway !== undefined);
  const found = new Set([...named, ...routed.map(({ vlan }) => vlan ?? "")]);
  return found.size > 0 ? found : new Set(used.map(({ vlan }) => vlan ?? ""));
}

export function neutronTrunksManagement(network: NetworkDraft): Finding[] {
  const management = managementVlans(network);
  return [...network.neutronBridges].flatMap(([bridge, { vlans: names }]) => {
    return names
      .filter((item) => management.has(item.value))
      .map(
        (item): Finding => ({
          code: "E_CONFIG_MANAGEMENT_VLAN",
          message: `Neutron's bridge ${bridge} would trunk the management VLAN "${item.value}"`,
          path: ["network", "neutron", "bridges", bridge, "vlans", item.index],
          expected: "VLANs that carry no management address",
          hint: `Take "${item.value}" out of this list: a virtual machine on it could take over the host's address.`,
        }),
      );
  });
}

/** Neutron's own mapping is from a physical network to one bridge. */
export function duplicatePhysnets({ neutronBridges }: NetworkDraft): Finding[] {
  return duplicates(
    neutronBridges,
    ([, { physnet }]) => physnet,
    ([bridge, { physnet }], [first]) => ({
      code: "E_CONFIG_DUPLICATE_PHYSNET",
      message: `the physical network "${physnet}" belongs to ${first} already`,
      path: ["network", "neutron", "bridges", bridge, "physnet"],
      expected: "one bridge for each physical network",
    }),
  );
}
