/** What applying a step may do to the person who is logged in through the management address. */
export type Risk = "none" | "blip" | "management-path";

const order: readonly Risk[] = ["none", "blip", "management-path"];

/** The highest risk in a list of steps; `none` for an empty one. */
export function highestRisk(steps: readonly { readonly risk: Risk }[]): Risk {
  return steps.reduce<Risk>((worst, { risk }) => (order.indexOf(risk) > order.indexOf(worst) ? risk : worst), "none");
}

/** A difference between what is wanted and what is there. `current` and `desired` are JSON values; `null` means absent. */
export interface Drift {
  readonly object: string;
  readonly field: string;
  readonly current: unknown;
  readonly desired: unknown;
  /** `shared`: of a thing of ours, the part that another program decides. */
  readonly owner: "ours" | "shared" | "foreign";
}
