import type { Comparator } from "./comparator.ts";

/** Only the names of what differs: environments hold passwords. */
export const environment: Comparator = ({ wanted: { declared }, container }) => {
  const wrong = Object.entries(declared?.environment ?? {}).filter(([name, value]) => container.env[name] !== value);
  if (wrong.length === 0) return undefined;
  const names = wrong.map(([name]) => name);
  return { field: "environment", current: `other values of ${names.join(", ")}`, desired: names };
};
