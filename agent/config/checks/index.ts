import type { Draft, NetworkDraft } from "../draft.ts";
import * as addresses from "./addresses.ts";
import * as confirm from "./confirm.ts";
import type { Finding } from "./finding.ts";
import * as names from "./names.ts";
import * as outside from "./outside.ts";
import * as probes from "./probes.ts";
import * as timing from "./timing.ts";
import * as uplinks from "./uplinks.ts";
import * as vlans from "./vlans.ts";

/** Everything that concerns more than one value, in no particular order; each looks at the draft alone. */
const WHOLE: readonly ((draft: Draft) => readonly Finding[])[] = [
  confirm.gatewayProbe,
  probes.ownProbes,
  confirm.confirmable,
  timing.backoff,
  timing.bounds,
  outside.endpoints,
  outside.proxy,
  outside.listeners,
  outside.openings,
];

const NETWORK: readonly ((network: NetworkDraft) => readonly Finding[])[] = [
  names.nameClashes,
  names.takenNames,
  uplinks.bondMembers,
  uplinks.bondPrimary,
  uplinks.bondFailback,
  uplinks.nicIdentities,
  uplinks.nicMacs,
  uplinks.oneFabric,
  vlans.duplicateVlans,
  vlans.addressVlans,
  vlans.nativeVlan,
  vlans.neutronVlans,
  vlans.neutronTrunksManagement,
  vlans.duplicatePhysnets,
  addresses.hostAddresses,
  addresses.duplicateAddresses,
  addresses.gateways,
  addresses.routes,
  addresses.oneDefaultRoute,
  addresses.oneRouteToEachNet,
  addresses.mtus,
  addresses.doubtfulAddresses,
];

export function findingsOf(draft: Draft): Finding[] {
  const { network } = draft;
  return [...WHOLE.flatMap((check) => check(draft)), ...(network ? NETWORK.flatMap((check) => check(network)) : [])];
}
