import type { ControllerTiming } from "../../../agent/config/settings.ts";

/** The shipped values; a test of the configuration compares the schema's defaults with them. */
export const linkTiming: ControllerTiming = {
  connectTimeoutMs: 10_000,
  ackTimeoutMs: 20_000,
  pingAfterMs: 15_000,
  silentForMs: 35_000,
  heartbeatMs: 30_000,
  reportIntervalMs: 2_000,
  backoffMinMs: 1_000,
  backoffMaxMs: 120_000,
  healthyAfterMs: 60_000,
  retryAfterMinMs: 30_000,
  retryAfterMaxMs: 86_400_000,
};
