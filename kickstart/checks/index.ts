import type { Problem } from "../../agent/config/host.ts";
import type { PlacedHost } from "../host.ts";
import { addressesOnce, disksOnce, macsOnce, namesOnce, vlansAgree } from "./across.ts";
import { installNic, macsKnown, management, modeEnforced, named } from "./host.ts";
import { placeholdersFilled, placeholdersMeant } from "./placeholders.ts";
import { sourceFits } from "./source.ts";

const EACH: readonly ((host: PlacedHost) => readonly Problem[])[] = [
  named,
  placeholdersFilled,
  management,
  macsKnown,
  installNic,
  modeEnforced,
  sourceFits,
];

const ALL: readonly ((hosts: readonly PlacedHost[]) => readonly Problem[])[] = [
  namesOnce,
  addressesOnce,
  macsOnce,
  vlansAgree,
  disksOnce,
];

/** What is wrong with one host although each of its values is right. Pure, as are the others. */
export function hostChecks(host: PlacedHost): readonly Problem[] {
  return EACH.flatMap((check) => check(host));
}

export function hostWarnings(host: PlacedHost): readonly Problem[] {
  return placeholdersMeant(host);
}

/** What no host has wrong by itself. A line that many hosts share is told of once. */
export function fleetChecks(hosts: readonly PlacedHost[]): readonly Problem[] {
  const told = new Set<string>();
  return ALL.flatMap((check) => check(hosts)).filter(({ code, line, column }) => {
    const id = JSON.stringify([code, line, column]);
    return !told.has(id) && told.add(id);
  });
}
