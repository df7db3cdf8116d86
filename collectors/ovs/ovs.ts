import {
  type Collector,
  collector,
  type Metric,
  type MetricType,
  perRow,
  type Sample,
  type Value,
} from "../collector.ts";

/** Open vSwitch as the agent sees it now. main.ts fills this from its replica of the database. */
export interface OvsState {
  readonly version?: string;
  readonly bridges: readonly OvsBridge[];
}

export interface OvsBridge {
  readonly name: string;
  readonly ports: readonly OvsPort[];
}

export interface OvsPort {
  readonly name: string;
  readonly interfaces: readonly OvsInterface[];
  /** The port is a bond; the member that carries the traffic, if one does. */
  readonly bond?: { readonly active?: string };
}

export interface OvsInterface {
  readonly name: string;
  readonly type: string;
  /** Absent: Open vSwitch does not say. */
  readonly link?: "up" | "down";
  readonly error?: string;
}

export interface OvsSource {
  /** Rejects when Open vSwitch cannot be observed. */
  observe(): Promise<OvsState>;
}

interface Row extends OvsInterface {
  readonly bridge: string;
  readonly port: string;
}

interface Bond {
  readonly bridge: string;
  readonly name: string;
  readonly active: string | undefined;
  readonly members: readonly OvsInterface[];
}

interface Seen {
  readonly state: OvsState;
  readonly interfaces: readonly Row[];
  readonly bonds: readonly Bond[];
}

const isUp = ({ link }: OvsInterface): boolean => link === "up";

const ofInterface = (name: string, help: string, value: (row: Row) => Value | undefined): Metric<Seen> => ({
  name: `ovs_interface_${name}`,
  help,
  type: "gauge",
  labels: ["bridge", "interface", "port", "type"],
  samples: ({ interfaces }) =>
    perRow(interfaces, ({ bridge, name: own, port, type }) => [bridge, own, port, type], value),
});

const ofMember = (name: string, help: string, value: (member: OvsInterface, bond: Bond) => Value): Metric<Seen> => ({
  name: `ovs_bond_${name}`,
  help,
  type: "gauge",
  labels: ["bond", "bridge", "member"],
  samples: ({ bonds }) =>
    bonds.flatMap((bond) =>
      bond.members.map(
        (member): Sample => ({
          labels: [bond.name, bond.bridge, member.name],
          value: value(member, bond),
        }),
      ),
    ),
});

const ofBond = (
  name: string,
  help: string,
  labels: readonly ["bond", "bridge"] | readonly ["master"],
  value: (bond: Bond) => Value,
  type: MetricType = "gauge",
): Metric<Seen> => ({
  name,
  help,
  type,
  labels,
  samples: ({ bonds }) =>
    perRow(bonds, (bond) => (labels[0] === "master" ? [bond.name] : [bond.name, bond.bridge]), value),
});

const membersUp = ({ members }: Bond): number => members.filter(isUp).length;

const metrics: readonly Metric<Seen>[] = [
  {
    name: "ovs_build_info",
    help: "Version of Open vSwitch, value is always 1.",
    type: "gauge",
    labels: ["version"],
    samples: ({ state }) => (state.version === undefined ? [] : [{ labels: [state.version], value: 1 }]),
  },
  {
    name: "ovs_bridge_ports",
    help: "Number of ports of the bridge.",
    type: "gauge",
    labels: ["bridge"],
    samples: ({ state }) =>
      perRow(
        state.bridges,
        ({ name }) => [name],
        ({ ports }) => ports.length,
      ),
  },
  ofInterface("link_state", "Whether the interface has link (1) or not (0).", ({ link }) =>
    link === undefined ? undefined : link === "up" ? 1 : 0,
  ),
  ofInterface("error", "Whether Open vSwitch could not open the interface (1).", ({ error }) =>
    error === undefined ? 0 : 1,
  ),
  ofBond("ovs_bond_members", "Number of members of the bond.", ["bond", "bridge"], ({ members }) => members.length),
  ofBond("ovs_bond_members_up", "Number of members of the bond that have link.", ["bond", "bridge"], membersUp),
  ofMember("active_member", "Whether this member carries the bond's traffic (1) or not (0).", ({ name }, { active }) =>
    name === active ? 1 : 0,
  ),
  ofMember("member_link_state", "Whether this member of the bond has link (1) or not (0).", (member) =>
    isUp(member) ? 1 : 0,
  ),
  // The kernel knows nothing of a bond of Open vSwitch. Under these names alerts made for kernel bonds work for it as well.
  ofBond("node_bonding_active", "Number of active slaves per bonding interface.", ["master"], membersUp),
  ofBond(
    "node_bonding_slaves",
    "Number of configured slaves per bonding interface.",
    ["master"],
    ({ members }) => members.length,
  ),
];

export function ovs(source: OvsSource): Collector {
  return collector({
    name: "ovs",
    metrics,
    async read() {
      const state = await source.observe();
      const ports = state.bridges.flatMap(({ name: bridge, ports: own }) => own.map((port) => ({ bridge, ...port })));
      return {
        state,
        interfaces: ports.flatMap(({ bridge, name: port, interfaces }) =>
          interfaces.map((each): Row => ({ ...each, bridge, port })),
        ),
        bonds: ports.flatMap(({ bridge, name, interfaces, bond }): readonly Bond[] =>
          bond === undefined ? [] : [{ bridge, name, active: bond.active, members: interfaces }],
        ),
      };
    },
  });
}
