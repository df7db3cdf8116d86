import type { ContainerSettings, MetricsSettings, Timing } from "./settings.ts";

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
  uplinkSilentMs: 1_300,
  uplinkProbeMs: 400,
  uplinkWitnessMs: 60_000,
  uplinkMoveMs: 60_000,
  uplinkAllDeafMs: 600_000,
  uplinkFlapHoldMs: 300_000,
  lldpIntervalMs: 60_000,
  deadManGraceMs: 3_000,
};

/** A host whose configuration says nothing of containers: they are watched, and nothing is done to them. */
export const defaultContainers: ContainerSettings = {
  default: "observe",
  restart: [],
  manifest: {},
  budget: 6,
  minFreeMib: 256,
  timing: {
    relistMs: 30_000,
    callTimeoutMs: 5_000,
    actionTimeoutMs: 90_000,
    ownerGraceMs: 15_000,
    unhealthyForMs: 120_000,
    backoffMinMs: 5_000,
    backoffMaxMs: 300_000,
    resetAfterMs: 600_000,
    budgetWindowMs: 600_000,
    quietMs: 300_000,
  },
};

/** A host whose configuration says nothing of metrics serves them on itself and on its management port. */
export const defaultMetrics: MetricsSettings = {
  listen: ["127.0.0.1:9464", "mgmt0:9464"],
  timing: { collectTimeoutMs: 2_000, clientTimeoutMs: 30_000, requestTimeoutMs: 5_000, listenIntervalMs: 5_000 },
};

/** Without a valid configuration nobody knows who may read, or by which web_config: nothing but loopback is opened then. */
export const closedMetrics: MetricsSettings = { ...defaultMetrics, listen: ["127.0.0.1:9464"] };
