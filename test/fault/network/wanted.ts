import type { ConfigMap } from "../../lab/config.ts";
import { labVlans } from "../../lab/config.ts";
import { controllerPort } from "../../lab/controller.ts";
import { gatewayAddress } from "../../lab/fabric.ts";
import type { Random } from "../random.ts";
import { type Pace, timingSection } from "./pace.ts";

/** A VLAN that the gateway has and the fabrics prune: a management network there cuts the host off. */
export const prunedVlan = 130;

/** What the rounds vary of a host's network; everything else is the lab's own. */
export interface Wanted {
  /** Round in which it is asked for. Part of the configuration, so that no two rounds ask for the same one. */
  readonly round: number;
  readonly management: number;
  /** VLANs on the trunk beyond the lab's own. */
  readonly trunk: readonly number[];
  /** Names of the VLANs on the patch port to Neutron's bridge. */
  readonly patch: readonly string[];
  readonly probes: readonly string[];
  /** Milliseconds on top of the pace's updelay. */
  readonly updelayMs: number;
  /** Whether the host has a second address, on the storage VLAN. */
  readonly storage: boolean;
  readonly confirmBy: "probes" | "operator";
}

export const start: Wanted = {
  round: 0,
  management: labVlans.management,
  trunk: [],
  patch: ["developers", "general"],
  probes: ["gateway"],
  updelayMs: 0,
  storage: false,
  confirmBy: "probes",
};

/** The second probe that answers whenever the gateway does. */
const controller = `tcp:${gatewayAddress(labVlans.management)}:${controllerPort}`;

/** Changes that leave the way to the management address alone, by name. */
const changes: Readonly<Record<string, (wanted: Wanted, random: Random) => Partial<Wanted>>> = {
  "trunk VLAN": ({ trunk }, random) => ({ trunk: nextTrunk(trunk, random) }),
  "patch VLANs": ({ patch }, random) => ({
    patch: random.pick(
      [["developers"], ["general"], ["developers", "general"]].filter((vlans) => vlans.join() !== patch.join()),
    ),
  }),
  probes: ({ probes }) => ({ probes: probes.length === 1 ? ["gateway", controller] : ["gateway"] }),
  updelay: ({ updelayMs }, random) => ({ updelayMs: (updelayMs + random.between(1, 400)) % 500 }),
  "storage address": ({ storage }) => ({ storage: !storage }),
};

/** Adds a VLAN, or removes the oldest where there are three. */
function nextTrunk(trunk: readonly number[], random: Random): readonly number[] {
  if (trunk.length >= 3) return trunk.slice(1);
  let vlan = random.between(1000, 3999);
  while (trunk.includes(vlan)) vlan += 1;
  return [...trunk, vlan];
}

export interface Changed {
  readonly change: string;
  readonly wanted: Wanted;
}

/** One harmless change, by chance. */
export function changeOf(wanted: Wanted, round: number, random: Random): Changed {
  const change = random.pick(Object.keys(changes));
  return { change, wanted: { ...wanted, ...changes[change]?.(wanted, random), round } };
}

/** What is laid over the lab's configuration of the host with this index; see {@link Wanted}. */
export function overrides(wanted: Wanted, index: number, pace: Pace): ConfigMap {
  const { round, management, trunk, patch, probes, updelayMs, storage, confirmBy } = wanted;
  const extra = Object.fromEntries(trunk.map((vlan) => [`extra${vlan}`, vlan]));
  return {
    network: {
      bond: { updelay: `${pace.updelayMs + updelayMs}ms` },
      vlans: { management, ...extra },
      addresses: storage ? { storage0: { vlan: "storage", ipv4: [`10.1.5.${10 + index}/24`] } } : {},
      neutron: { bridges: { "br-ex": { physnet: "physnet1", vlans: patch } } },
      probes,
      gray_failure: "switch",
      confirm: { deadline: `${pace.confirmDeadlineMs + round}ms`, by: confirmBy, good: pace.confirmGood },
    },
    timing: timingSection(pace),
  };
}
