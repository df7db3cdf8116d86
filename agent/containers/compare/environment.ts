import type { Comparator } from "./comparator.ts";

/** Only the names of what differs: environments hold passwords. */
export const environment: Comparator = ({ wanted: { declared }, container }) => {
  const wrong = Object.entries(declared?.environment ?? {}).filter(([name, value]) => container.env[name] !== value);
  if (wrong.length === 0) return undefined;
  const names = wrong.map(([name]) => name);
  const missing = names.filter((name) => !(name in container.env));
  const other = names.filter((name) => name in container.env);
  const current = [
    ...told(missing, "is not set", "are not set"),
    ...told(other, "has another value", "have other values"),
  ];
  return { field: "environment", current: current.join(", and "), desired: names };
};

function told(names: readonly string[], one: string, many: string): readonly string[] {
  if (names.length === 0) return [];
  return [`${names.join(", ")} ${names.length === 1 ? one : many}`];
}
