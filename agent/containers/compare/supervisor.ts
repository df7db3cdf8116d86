import type { Comparator } from "./comparator.ts";

/** A unit and a restart policy at once: two supervisors, each of which undoes what the other does. */
export const supervisor: Comparator = ({ container, unit }) =>
  unit === undefined || container.policy.name === "no"
    ? undefined
    : { field: "supervisor", current: `${unit.unit} and policy ${container.policy.name}`, desired: unit.unit };
