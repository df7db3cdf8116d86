import type { ContainerSettings, DeclaredContainer } from "../config/settings.ts";
import { isKolla, isOneShot, isOpenvswitch, type Kind, kindOf } from "./kolla.ts";
import type { Container, Observed } from "./observed.ts";

/** What is wanted of one container, and how much may be done for it. */
export interface Wanted {
  readonly name: string;
  readonly kind: Kind;
  /** Restart it, or only look. */
  readonly mode: "observe" | "restart";
  /** adopted: Kolla made it and it was found; declared: the manifest names it; foreign: somebody else's. */
  readonly origin: "adopted" | "declared" | "foreign";
  readonly declared?: DeclaredContainer;
}

/**
 * Every container that there is, should be by the manifest, or should be by an enabled unit; sorted by name. Only kolla-ansible
 * creates and removes: what is missing is reported and never made.
 */
export function desiredOf(settings: ContainerSettings, observed: Observed): readonly Wanted[] {
  const found = new Map(observed.containers.map((container) => [container.name, container]));
  const units = observed.units === "unknown" ? [] : [...observed.units].filter(([, { enabled }]) => enabled);
  const names = new Set([...found.keys(), ...Object.keys(settings.manifest), ...units.map(([name]) => name)]);
  return [...names].sort().map((name) => wantedOf(name, found.get(name), settings));
}

function wantedOf(name: string, container: Container | undefined, settings: ContainerSettings): Wanted {
  const declared = settings.manifest[name];
  // A unit of Kolla's without its container is Kolla's as well.
  const ours = container === undefined || isKolla(container);
  const origin = declared !== undefined ? "declared" : ours ? "adopted" : "foreign";
  const kind = kindFor(name, container, declared, origin);
  const named = settings.restart.includes(name);
  const byDefault = settings.default === "restart" && (kind === "free" || kind === "careful");
  const mode = kind !== "ignored" && (named || byDefault) ? "restart" : "observe";
  return { name, kind, mode, origin, ...(declared === undefined ? {} : { declared }) };
}

function kindFor(
  name: string,
  container: Container | undefined,
  declared: DeclaredContainer | undefined,
  origin: Wanted["origin"],
): Kind {
  // Whatever the configuration says: a second Open vSwitch takes the bond down, and a clean-up removes ports.
  if (isOpenvswitch(name)) return "observe";
  if (isOneShot(name, container) || origin === "foreign") return "ignored";
  return declared?.class ?? kindOf(name);
}
