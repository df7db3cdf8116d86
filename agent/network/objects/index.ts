import { address } from "./address.ts";
import { bond } from "./bond.ts";
import { bridge } from "./bridge.ts";
import { dns } from "./dns.ts";
import { neutronHost } from "./neutron-host.ts";
import type { NetworkObject } from "./object.ts";
import { patch } from "./patch.ts";

/** Everything that a configuration can ask for, sorted by name. */
export const objects: readonly NetworkObject[] = [address, bond, bridge, dns, neutronHost, patch];
