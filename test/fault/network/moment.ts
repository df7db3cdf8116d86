/**
 * The moments of a change at which a kill can be aimed, in order. Most are lines of the agent's log. For the others its
 * state files are watched: `recording` (the record is being written), `recorded` (it is there), `confirming` (the change is
 * claimed as confirmed), `keeping` (it is being written as the last good one).
 */
export const moments = [
  "recording",
  "recorded",
  "pending",
  "armed",
  "transaction",
  "committed",
  "applied",
  "addressed",
  "verified",
  "probe",
  "confirming",
  "keeping",
] as const;
export type Moment = (typeof moments)[number];

/** How the name of the file begins whose coming is the moment; a file that is being written has a temporary name. */
export const fileOf: Readonly<Partial<Record<Moment, string>>> = {
  recording: ".pending.json.",
  recorded: "pending.json",
  confirming: "confirmed.json",
  keeping: ".last-good.json.",
};

/** Whether a step of the agent's log is `moment` or comes after it: a change without addresses has no `addressed`. */
export function reached(moment: Moment, step: string): boolean {
  if (step === "confirmed") return true;
  const at = (moments as readonly string[]).indexOf(step);
  return at >= moments.indexOf(moment);
}
