import type { At, Path } from "../agent/config/host.ts";
import type { NetworkSettings, Settings } from "../agent/config/settings.ts";
import type { Install } from "./schema.ts";

/** One host of the fleet, valid: how it is installed, and the configuration that its agent will read. */
export interface FleetHost {
  readonly name: string;
  readonly install: Install;
  readonly settings: Settings & { readonly network: NetworkSettings };
  /** The configuration as it is written on the host: shared and own parts merged, without defaults. */
  readonly config: unknown;
}

/** A host whose values are right one by one, and the places where they were written. */
export interface PlacedHost extends FleetHost {
  readonly at: At;
  readonly place: (part: "install" | "config", path: Path) => At;
}
