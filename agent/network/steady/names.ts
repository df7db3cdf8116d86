import { describe } from "../describe.ts";
import type { Step } from "../steps.ts";

/** The columns that a step is about, or the thing, for people: `port mgmt0 tag`. */
export function namesOf(step: Step): readonly string[] {
  if ("drift" in step) return step.drift.map(({ object, field }) => `${object} ${field}`);
  const { sign, text } = describe(step);
  return [`${sign === "-" ? "no " : ""}${text}`];
}

/** What makes two steps the same: what they are about, and what it has to be. */
export function nameOf(step: Step): string {
  if (!("drift" in step)) return `${step.kind} ${namesOf(step).join()}`;
  return `${step.kind} ${JSON.stringify(step.drift.map(({ object, field, desired }) => [object, field, desired]))}`;
}
