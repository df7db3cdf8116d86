import type { Problem } from "../../agent/config/host.ts";
import type { PlacedHost } from "../host.ts";
import { addressesOnce, disksOnce, macsOnce, namesOnce, vlansAgree } from "./across.ts";
import { installNic, macsKnown, management, modeEnforced } from "./host.ts";
import { sourceFits } from "./source.ts";

const EACH: readonly ((host: PlacedHost) => readonly Problem[])[] = [
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

/** What is wrong although each value is right. Pure. */
export function fleetChecks(hosts: readonly PlacedHost[]): readonly Problem[] {
  return [...EACH.flatMap((check) => hosts.flatMap(check)), ...ALL.flatMap((check) => check(hosts))];
}
