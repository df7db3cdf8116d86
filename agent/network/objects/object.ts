import type { NetworkSettings } from "../../config/settings.ts";
import type { Observed } from "../observed.ts";
import type { BridgeTarget, PortTarget, Target } from "../target.ts";

/** What an object needs to say what it wants: the configuration, and the few facts of the host that it depends on. */
export interface Context {
  readonly network: NetworkSettings;
  /** `host.name` of the configuration. */
  readonly hostName?: string;
  /** `host.dns` of the configuration. */
  readonly dns: readonly string[];
  readonly hash: string;
  readonly revision: number;
  readonly observed: Observed;
  /** The device behind a NIC of the configuration; absent while it is missing and another NIC has its name. */
  readonly deviceOf: (nic: string) => string | undefined;
  /** The MAC address that stands for the host: the permanent one of the first member. Absent while it is not known. */
  readonly hostMac?: string;
}

/** A part of the target. Ports name the bridge that they belong to. */
export interface Part extends Partial<Omit<Target, "bridges">> {
  readonly bridges?: readonly Omit<BridgeTarget, "ports">[];
  readonly ports?: readonly { readonly bridge: string; readonly port: PortTarget }[];
}

/** One kind of thing in the network. Pure: the same context gives the same part. */
export type NetworkObject = (context: Context) => Part;
