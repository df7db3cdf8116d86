import type { Timing } from "./settings.ts";

/** What the schema's defaults say, for the time before a configuration was read. A test holds the two together. */
export const defaultTiming: Timing = {
  bootBudgetMs: 60_000,
  ovsdbTimeoutMs: 5_000,
  applyTimeoutMs: 10_000,
  probeIntervalMs: 1_000,
  probeTimeoutMs: 1_000,
  backoffMinMs: 500,
  backoffMaxMs: 30_000,
  driftIntervalMs: 30_000,
  deadManGraceMs: 3_000,
};
