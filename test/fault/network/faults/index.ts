import { duringChange } from "./change.ts";
import { cutOffAgent, cutOffDeadMan } from "./cut-off.ts";
import type { NetworkFault } from "./fault.ts";
import { idle } from "./idle.ts";
import { duringRollback } from "./rollback.ts";
import { starting } from "./starting.ts";
import { twice } from "./twice.ts";

export const faults: readonly NetworkFault[] = [
  duringChange,
  twice,
  starting,
  duringRollback,
  idle,
  cutOffDeadMan,
  cutOffAgent,
];
