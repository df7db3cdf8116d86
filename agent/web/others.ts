import type { Drift } from "../core/step.ts";

/** What somebody else has on our bridge or devices, or chose for a thing of ours, as a person reads it. */
export function describeOther({ object, field, current }: Drift): string {
  const name = object.replace(/^\S+ /, "");
  const value = String(current);
  if (field === "ports") return `port ${value} on ${name}`;
  if (field === "addresses") return `address ${value} on ${name}`;
  return `${name}: ${field} ${value}`;
}
