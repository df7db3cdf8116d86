import type { Comparator } from "./comparator.ts";

export const policy: Comparator = ({ wanted: { declared }, container }) =>
  declared?.policy === undefined || declared.policy === container.policy.name
    ? undefined
    : { field: "policy", current: container.policy.name, desired: declared.policy };
