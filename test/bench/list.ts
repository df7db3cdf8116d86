import { boot } from "./boot.ts";
import { failover } from "./failover.ts";
import type { Bench } from "./figure.ts";
import { framing } from "./framing.ts";
import { idle } from "./idle.ts";
import { network } from "./network.ts";
import { replica } from "./replica.ts";
import { scrape } from "./scrape.ts";

/** Every benchmark, sorted by name. */
export const benches: readonly Bench[] = [boot, failover, framing, idle, network, replica, scrape];
