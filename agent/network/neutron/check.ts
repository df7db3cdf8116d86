import type { NetworkSettings } from "../../config/settings.ts";
import type { Problem } from "../../core/errors.ts";
import { linkOf } from "../desired.ts";
import { findBridge, interfacesOf, type Observed, portsOf } from "../observed.ts";
import { bridgeFindings, identityFindings, tunnelFindings } from "./host.ts";
import type { NeutronTold, Said } from "./told.ts";
import { vlanWords } from "./vlan-list.ts";

/** What the check was about, for people who want to see that it looked, and everything that is wrong. */
export interface NeutronVerdict {
  readonly mappings: readonly MappingVerdict[];
  readonly problems: readonly Problem[];
  /** Worth knowing, and nothing wrong. */
  readonly remarks: readonly string[];
}

export interface MappingVerdict {
  readonly physnet: string;
  readonly bridge: string;
  /** What the patch port between our bridge and this one lets through now; undefined: there is none. */
  readonly trunk?: readonly number[];
  /** What Neutron may give to networks by itself; absent: not said here. */
  readonly ranges?: string;
  /** VLANs of provider networks with ports on this host. */
  readonly used: readonly number[];
  readonly mtu: number;
}

/** Whether what Neutron was told fits what this host has. Pure. */
export function checkNeutron(network: NetworkSettings, told: NeutronTold, observed: Observed): NeutronVerdict {
  const mappings = told.mappings.map(({ value }) => verdictOf(value, network, told, observed));
  return {
    mappings,
    problems: [
      ...told.problems,
      ...taken(network, told),
      ...mapped(network, told, observed),
      ...mappings.flatMap((mapping) => [
        ...trunked(network, mapping, observed),
        ...ranged(told, mapping),
        ...usedVlans(mapping),
        ...mtus(network, told, mapping, observed),
      ]),
      ...bridgeFindings(network, told, observed),
      ...identityFindings(told, observed),
      ...tunnelFindings(told, observed),
    ],
    remarks: remarksOf(told, mappings),
  };
}

function verdictOf(
  { physnet, bridge }: { readonly physnet: string; readonly bridge: string },
  network: NetworkSettings,
  told: NeutronTold,
  { ovs }: Observed,
): MappingVerdict {
  const trunk = trunkTo(bridge, network, ovs);
  const ranges = told.ranges.flatMap(({ value }) => (value.physnet === physnet ? [value] : []));
  const words = ranges.map(({ from, to }) => (from === undefined || to === undefined ? "any" : vlanSpan(from, to)));
  const used = ovs.ports.flatMap(({ other_config: { physical_network, segmentation_id, network_type } }) =>
    physical_network === physnet && network_type === "vlan" ? [Number(segmentation_id)] : [],
  );
  return {
    physnet,
    bridge,
    ...(trunk === undefined ? {} : { trunk }),
    ...(told.rangesKnown ? { ranges: words.join(", ") } : {}),
    used: [...new Set(used)].filter(Number.isInteger).sort((a, b) => a - b),
    mtu: told.physnetMtus.find(({ value }) => value.physnet === physnet)?.value.mtu ?? told.globalMtu.value,
  };
}

function vlanSpan(from: number, to: number): string {
  return from === to ? String(from) : `${from}-${to}`;
}

/** What really gets from our bridge to this one: the trunk of whichever patch port leads there. Empty trunks are all VLANs. */
function trunkTo(name: string, network: NetworkSettings, ovs: Observed["ovs"]): readonly number[] | undefined {
  const ours = findBridge(ovs, network.bridge);
  const theirs = findBridge(ovs, name);
  if (ours === undefined || theirs === undefined) return undefined;
  const there = new Set(portsOf(ovs, theirs).map((port) => port.name));
  const [port] = portsOf(ovs, ours).filter((each) =>
    interfacesOf(ovs, each).some(({ type, options }) => type === "patch" && there.has(options.peer ?? "")),
  );
  if (port === undefined) return undefined;
  if (port.trunks.length > 0) return [...port.trunks].sort((a, b) => a - b);
  return port.tag.length > 0 ? port.tag : Object.values(network.vlans).sort((a, b) => a - b);
}

/** The one thing that may never happen: Neutron's agent makes every bridge that it is given secure, and drops what it does not know. */
function taken(network: NetworkSettings, told: NeutronTold): readonly Problem[] {
  const given: readonly Said<string>[] = [
    ...told.mappings.map(({ value, at }) => ({ value: value.bridge, at })),
    told.integrationBridge,
    ...(told.tunnelBridge === undefined ? [] : [told.tunnelBridge]),
  ];
  return given
    .filter(({ value }) => value === network.bridge)
    .map(({ at }) => ({
      code: "E_NEUTRON_UPLINK",
      message: `Neutron is given ${network.bridge}, which holds the bond and this host's address: its agent would cut the host off`,
      ...at,
      hint: `Give it ${Object.keys(network.neutron?.bridges ?? {}).join(", ") || "a bridge of network.neutron.bridges"}, before its agent starts.`,
    }));
}

/** Each mapping of Neutron's against each bridge of ours. */
function mapped(network: NetworkSettings, told: NeutronTold, { ovs }: Observed): readonly Problem[] {
  const bridges = Object.entries(network.neutron?.bridges ?? {});
  const at = told.mappingsAt;
  const lost = bridges
    .filter(([name]) => !told.mappings.some(({ value }) => value.bridge === name))
    .map(([name, { physnet }]) => ({
      code: "E_NEUTRON_MAPPING",
      message: `bridge_mappings has nothing for ${name}: no provider network of ${physnet} works on this host`,
      ...at,
      expected: `${physnet}:${name}`,
      hint: 'In Kolla: enable_neutron_provider_networks: "yes", neutron_bridge_name and neutron_physical_networks (devcloud-agent network kolla).',
    }));
  const wrong = told.mappings.flatMap(({ value: { physnet, bridge }, at: place }) => {
    const ours = network.neutron?.bridges[bridge];
    if (bridge === network.bridge) return [];
    if (findBridge(ovs, bridge) === undefined) {
      const message = `bridge ${bridge} of bridge_mappings is not there: neutron-openvswitch-agent ends at its start`;
      const hint =
        ours === undefined
          ? "Add it to network.neutron.bridges, or take the mapping out."
          : "devcloud-agent network plan";
      return [{ code: "E_NEUTRON_BRIDGE", message, ...place, hint }];
    }
    if (ours === undefined) {
      const message = `${physnet} is on ${bridge}, which network.neutron.bridges does not have: nothing joins it to the uplinks`;
      return [{ code: "E_NEUTRON_MAPPING", message, ...place, hint: "Add it there, or take the mapping out." }];
    }
    if (ours.physnet === physnet) return [];
    const message = `${bridge} is ${physnet} for Neutron, and ${ours.physnet} in this host's configuration`;
    return [
      {
        code: "E_NEUTRON_MAPPING",
        message,
        ...place,
        hint: `Correct one of them: neutron_physical_networks, or network.neutron.bridges.${bridge}.physnet.`,
      },
    ];
  });
  return [...lost, ...wrong, ...twice(told)];
}

/** Neutron's agent ends at its start where a physnet or a bridge is mapped twice. */
function twice({ mappings, mappingsAt }: NeutronTold): readonly Problem[] {
  return (["physnet", "bridge"] as const).flatMap((what) => {
    const names = mappings.map(({ value }) => value[what]);
    const double = [...new Set(names.filter((name, at) => names.indexOf(name) !== at))];
    return double.map((name) => ({
      code: "E_NEUTRON_MAPPING",
      message: `bridge_mappings has ${name} twice: neutron-openvswitch-agent ends at its start`,
      ...mappingsAt,
      hint: "Map each physical network to a bridge of its own.",
    }));
  });
}

/** The patch port against what the configuration says of it. */
function trunked(network: NetworkSettings, { bridge, trunk }: MappingVerdict, { ovs }: Observed): readonly Problem[] {
  const ours = network.neutron?.bridges[bridge];
  if (ours === undefined || findBridge(ovs, bridge) === undefined) return [];
  const hint = "devcloud-agent network plan says what is to be done; with mode enforce the agent does it.";
  if (trunk === undefined) {
    const message = `no patch port joins ${bridge} to ${network.bridge}: nothing of Neutron reaches the uplinks`;
    return [{ code: "E_NEUTRON_BRIDGE", message, path: `network.neutron.bridges.${bridge}`, hint }];
  }
  const wanted = new Set(ours.vlans.flatMap((name) => network.vlans[name] ?? []));
  const missing = [...wanted].filter((vlan) => !trunk.includes(vlan));
  const surplus = trunk.filter((vlan) => !wanted.has(vlan));
  const differs = [
    ...(missing.length === 0 ? [] : [`lacks ${vlanWords(missing)}`]),
    ...(surplus.length === 0 ? [] : [`lets ${vlanWords(surplus)} through besides`]),
  ];
  if (differs.length === 0) return [];
  const message = `the patch port to ${bridge} ${differs.join(" and ")}`;
  return [{ code: "E_NEUTRON_TRUNK", message, path: `network.neutron.bridges.${bridge}.vlans`, hint }];
}

/** What Neutron may choose by itself has to be on the trunk, or the networks that it makes are dead on this host. */
function ranged({ ranges }: NeutronTold, { physnet, bridge, trunk }: MappingVerdict): readonly Problem[] {
  if (trunk === undefined) return [];
  return ranges.flatMap(({ value: { physnet: name, from, to }, at }) => {
    if (name !== physnet || from === undefined || to === undefined) return [];
    const all = Array.from({ length: to - from + 1 }, (_, step) => from + step);
    const dead = all.filter((vlan) => !trunk.includes(vlan));
    if (dead.length === 0) return [];
    return [
      {
        code: "E_NEUTRON_VLAN",
        message: `network_vlan_ranges gives ${physnet} VLAN ${vlanSpan(from, to)}, and ${vlanWords(dead)} ${dead.length === 1 ? "does" : "do"} not get to ${bridge}`,
        ...at,
        expected: `at most ${vlanWords(trunk)}`,
        hint: `Narrow the range, or add the VLANs to network.vlans and network.neutron.bridges.${bridge}.vlans (and to the switch ports).`,
      },
    ];
  });
}

/** Networks with a port on this host, as Neutron's agent notes them in the database. */
function usedVlans({ physnet, bridge, trunk, used }: MappingVerdict): readonly Problem[] {
  const dead = trunk === undefined ? [] : used.filter((vlan) => !trunk.includes(vlan));
  if (dead.length === 0) return [];
  return [
    {
      code: "E_NEUTRON_VLAN",
      message: `machines of this host are on VLAN ${vlanWords(dead)} of ${physnet}, and that does not get to ${bridge}: they reach nobody`,
      path: `network.neutron.bridges.${bridge}.vlans`,
      hint: "Add the VLAN to network.vlans and there (and to the switch ports), or move the provider network.",
    },
  ];
}

/** Neutron tells machines the MTU of their network; frames larger than the NICs' are lost without a word. */
function mtus(
  network: NetworkSettings,
  told: NeutronTold,
  { physnet, mtu }: MappingVerdict,
  { kernel }: Observed,
): readonly Problem[] {
  const said = told.physnetMtus.find(({ value }) => value.physnet === physnet);
  return network.bond.members.flatMap((nic) => {
    const link = linkOf(nic, network, kernel.links);
    if (link === undefined || mtu <= link.mtu) return [];
    return [
      {
        code: "E_NEUTRON_MTU",
        message: `networks of ${physnet} have MTU ${mtu}, and ${nic} has ${link.mtu}: larger frames are lost`,
        ...(said ?? told.globalMtu).at,
        hint: `Raise network.bond.mtu (and the switch ports), or lower ${said === undefined ? "global_physnet_mtu" : "physical_network_mtus"}.`,
      },
    ];
  });
}

function remarksOf(told: NeutronTold, mappings: readonly MappingVerdict[]): readonly string[] {
  const known = told.rangesKnown
    ? mappings
        .filter(({ ranges }) => ranges === "")
        .map(({ physnet }) => `network_vlan_ranges has nothing for ${physnet}: no network of it can be made`)
    : ["network_vlan_ranges is not on this host (only neutron-server is told it)"];
  const free = mappings.flatMap(({ physnet, trunk = [], ranges, used }) => {
    const spans = told.ranges.flatMap(({ value }) => (value.physnet === physnet ? [value] : []));
    const outside = trunk.filter((vlan) => !spans.some(({ from = 1, to = 4094 }) => vlan >= from && vlan <= to));
    if (ranges === undefined || ranges === "" || outside.length === 0) return [];
    const idle = outside.filter((vlan) => !used.includes(vlan));
    return idle.length === 0
      ? []
      : [`VLAN ${vlanWords(idle)} gets to ${physnet} and is in no range: for provider networks of administrators`];
  });
  return [...known, ...free];
}
