import type { NetworkConfig } from "../desired.ts";
import type { Step } from "../steps.ts";

const FIELD = "other_config:bond-primary";

/**
 * Of a plan, what moves the bond to the member that it has to prefer now, and nothing else: an operator's drain, a fabric that was
 * found dead. It is not drift, and may be done while that is left alone. Pure.
 */
export function movesOf({ network }: NetworkConfig, steps: readonly Step[]): readonly Step[] {
  return steps.flatMap((step): Step[] => {
    if (step.kind !== "update-port" || step.name !== network.bond.name) return [];
    const drift = step.drift.filter(({ field }) => field === FIELD);
    if (drift.length === 0) return [];
    const primary = step.columns.other_config?.["bond-primary"] ?? null;
    return [{ ...step, drift, columns: { other_config: { "bond-primary": primary } } }];
  });
}
