import type { Step } from "../steps.ts";

/**
 * Whether putting something of the last good network back may disrupt anything. An address or a route that it lacks may cut somebody off
 * in a plan for another network; in this one it is what they are reached by.
 */
export function disrupts({ kind, risk }: Step): boolean {
  return risk !== "none" && kind !== "add-address" && kind !== "add-route";
}
