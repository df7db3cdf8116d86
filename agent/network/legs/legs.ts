import type { NetworkSettings } from "../../config/settings.ts";
import type { Problem } from "../../core/errors.ts";
import type { Neighbor, Neighbors } from "./neighbors.ts";

/** The cables of the bond, and where each ends. */
export type Legs =
  /** `why`: nobody tells. */
  { readonly state: "unknown"; readonly why: string } | { readonly state: "told"; readonly legs: readonly Leg[] };

export interface Leg {
  readonly nic: string;
  readonly device: string;
  /** Empty: nothing was heard on this cable yet. More than one: a hub or a switch that passes LLDP on lies between. */
  readonly neighbors: readonly Neighbor[];
}

/** `deviceOf` gives the device of a NIC of the configuration. */
export function legsOf(members: readonly string[], deviceOf: (nic: string) => string, told: Neighbors): Legs {
  if (told.state === "absent") return { state: "unknown", why: told.why };
  const legs = members.map((nic) => {
    const device = deviceOf(nic);
    return { nic, device, neighbors: told.neighbors.filter((neighbor) => neighbor.device === device) };
  });
  return { state: "told", legs };
}

/** What a person has to know of the wiring. Warnings all: the host works, and is less safe than it looks. */
export function legProblems({ bond, nics }: NetworkSettings, legs: Legs): readonly Problem[] {
  const labels = new Map(bond.members.flatMap((nic) => (nics[nic] === undefined ? [] : [[nic, nics[nic].fabric]])));
  const told = legs.state === "told" ? legs.legs : [];
  return [...oneFabric(labels), ...oneSwitch(told), ...crossed(told, labels)];
}

type Labels = ReadonlyMap<string, string>;

function oneFabric(labels: Labels): readonly Problem[] {
  const fabrics = new Set(labels.values());
  const [only] = fabrics;
  if (fabrics.size !== 1 || labels.size < 2 || only === undefined) return [];
  return [
    {
      code: "E_LEGS_ONE_FABRIC",
      message: `${andOf([...labels.keys()])} lead to one fabric, ${only}: if it fails, so does the bond`,
      path: "network.nics",
      hint: "Lead one cable to another fabric, or correct `fabric`.",
    },
  ];
}

function oneSwitch(legs: readonly Leg[]): readonly Problem[] {
  const chassis = new Map<string, { readonly name: string; readonly nics: Set<string> }>();
  for (const { nic, neighbors } of legs) {
    for (const { chassis: id, name = id } of neighbors) {
      const entry = chassis.get(id) ?? { name, nics: new Set() };
      chassis.set(id, entry);
      entry.nics.add(nic);
    }
  }
  return [...chassis.values()]
    .filter(({ nics }) => nics.size > 1)
    .map(({ name, nics }) => ({
      code: "E_LEGS_ONE_SWITCH",
      message: `${andOf([...nics])} are plugged into one switch, ${name}: if it fails, so does the bond`,
      hint: "Lead one cable to a switch of the other fabric.",
    }));
}

/** A cable counts as wrong only where the switch's name has another leg's label, as a word of its own, and not this leg's. */
function crossed(legs: readonly Leg[], labels: Labels): readonly Problem[] {
  return legs.flatMap(({ nic, neighbors }) => {
    const own = labels.get(nic);
    if (own === undefined) return [];
    const others = [...new Set(labels.values())].filter((label) => label !== own);
    return neighbors.flatMap(({ name }) => {
      if (name === undefined || hasWord(name, own)) return [];
      const other = others.find((label) => hasWord(name, label));
      if (other === undefined) return [];
      return [
        {
          code: "E_LEGS_CROSSED",
          message: `${nic} is to lead to fabric ${own}, and its switch is called ${name}: that looks like fabric ${other}`,
          path: `network.nics.${nic}.fabric`,
          hint: "Are two cables swapped? Else correct `fabric`.",
        },
      ];
    });
  });
}

/** `leaf-a1.dc1` has the words leaf, a, 1, dc and 1, and a label of several words is looked for as a whole. */
function hasWord(name: string, label: string): boolean {
  const words = (text: string): string => ` ${(text.toLowerCase().match(/\p{L}+|\p{N}+/gu) ?? []).join(" ")} `;
  return words(label) !== "  " && words(name).includes(words(label));
}

function andOf(names: readonly string[]): string {
  return names.join(" and ");
}
