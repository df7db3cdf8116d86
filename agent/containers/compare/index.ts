import type { Drift } from "../../core/step.ts";
import type { Comparator, Compared } from "./comparator.ts";
import { environment } from "./environment.ts";
import { image } from "./image.ts";
import { policy } from "./policy.ts";
import { supervisor } from "./supervisor.ts";

const comparators: readonly Comparator[] = [environment, image, policy, supervisor];

/** Everything in which a container differs from what is wanted of it. Reported only: kolla-ansible is who changes containers. */
export function driftOf(compared: Compared): readonly Drift[] {
  return comparators.flatMap((compare) => {
    const found = compare(compared);
    return found === undefined ? [] : [{ object: compared.container.name, ...found, owner: "foreign" as const }];
  });
}
