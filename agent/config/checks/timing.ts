import type { Draft } from "../draft.ts";
import type { Finding } from "./finding.ts";

export function backoff({ backoffMinMs, backoffMaxMs }: Draft): Finding[] {
  if (backoffMinMs === undefined || backoffMaxMs === undefined || backoffMinMs <= backoffMaxMs) return [];
  const message = "the first pause is longer than the longest";
  return [{ code: "E_CONFIG_TIMING", message, path: ["timing", "backoff_min"], expected: `at most ${backoffMaxMs}ms` }];
}

interface Bound {
  readonly key: string;
  readonly of: (draft: Draft) => number | undefined;
  readonly fits: (ms: number) => boolean;
  readonly message: string;
  readonly expected: string;
  readonly why: string;
}

/** What others count by as well, systemd and the switches: a value beyond would be valid, and the host restarted or moved for it. */
const BOUNDS: readonly Bound[] = [
  {
    key: "boot_budget",
    of: ({ bootBudgetMs }) => bootBudgetMs,
    fits: (ms) => ms <= 80_000,
    message: "READY would come too late",
    expected: "at most 80s",
    why: "systemd ends an agent that is not READY after 90 s (TimeoutStartSec), in the middle of its ladder, again and again.",
  },
  {
    key: "apply_timeout",
    of: ({ applyTimeoutMs }) => applyTimeoutMs,
    fits: (ms) => ms <= 20_000,
    message: "waiting so long looks like a loop that is stuck",
    expected: "at most 20s",
    why: "A change and its way back may each take it. After 45 s without progress systemd's watchdog ends the agent.",
  },
  {
    key: "ovsdb_timeout",
    of: ({ ovsdbTimeoutMs }) => ovsdbTimeoutMs,
    fits: (ms) => ms <= 20_000,
    message: "waiting so long looks like a loop that is stuck",
    expected: "at most 20s",
    why: "Connecting and looking may each take it. A pass without progress for 45 s is ended by systemd's watchdog.",
  },
  {
    key: "uplink_silent",
    of: ({ uplinkSilentMs }) => uplinkSilentMs,
    fits: (ms) => ms > 1_000,
    message: "so short a silence is none",
    expected: "more than 1s",
    why: "The gateway is asked once a second: an uplink that works would be suspected between two answers.",
  },
];

/** Durations that fit by themselves, and not to what watches the agent. */
export function bounds(draft: Draft): Finding[] {
  return BOUNDS.flatMap(({ key, of, fits, message, expected, why }): Finding[] => {
    const ms = of(draft);
    if (ms === undefined || fits(ms)) return [];
    return [{ code: "E_CONFIG_TIMING", message, path: ["timing", key], expected, hint: why }];
  });
}
