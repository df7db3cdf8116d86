import { boot } from "./boot.ts";
import type { Bench } from "./figure.ts";
import { network } from "./network.ts";
import { scrape } from "./scrape.ts";

/** Every benchmark, sorted by name. */
export const benches: readonly Bench[] = [boot, network, scrape];
