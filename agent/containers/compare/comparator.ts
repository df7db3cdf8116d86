import type { Drift } from "../../core/step.ts";
import type { Wanted } from "../desired.ts";
import type { Container, Unit } from "../observed.ts";

export interface Compared {
  readonly wanted: Wanted;
  readonly container: Container;
  readonly unit?: Unit;
}

/** One field in which a container can differ from what is wanted. Pure. `undefined`: no difference, or nothing is wanted. */
export type Comparator = (compared: Compared) => Pick<Drift, "field" | "current" | "desired"> | undefined;
