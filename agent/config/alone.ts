import type { Problem } from "../core/errors.ts";
import type { MapNode } from "./tree.ts";

/** What the network does not refer to. `timing` has defaults that it can do with. */
const BESIDE: ReadonlySet<string> = new Set([
  "containers",
  "controller",
  "docker_gate",
  "maintenance",
  "metrics",
  "os",
  "timing",
]);

/**
 * The part of an invalid configuration that the network stands on; undefined where a problem is in it, or may be: a mistyped
 * section or a file that could not be parsed may have been meant for the network.
 */
export function networkAlone(tree: MapNode, problems: readonly Problem[]): MapNode | undefined {
  const wrong = new Set(problems.map(({ path }) => path?.split(/[.[]/, 1)[0] ?? ""));
  if (!tree.entries.has("network") || [...wrong].some((section) => !BESIDE.has(section))) return undefined;
  const entries = [...tree.entries].filter(([key]) => !BESIDE.has(key) || (key === "timing" && !wrong.has(key)));
  return { ...tree, entries: new Map(entries) };
}
