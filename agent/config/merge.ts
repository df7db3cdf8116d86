import type { Entry, MapNode, Node } from "./tree.ts";

/**
 * Lays `over` on top of `base`: maps merge by key, lists and scalars replace, `null` deletes. The parts keep the
 * places where they were written. Neither argument is changed.
 */
export function merge(base: MapNode, over: MapNode): MapNode {
  const entries = new Map<string, Entry>(base.entries);
  for (const [key, entry] of over.entries) {
    const value = mergeValue(base.entries.get(key)?.value, entry.value);
    if (value === undefined) entries.delete(key);
    else entries.set(key, { key: entry.key, value });
  }
  return { kind: "map", at: over.at, entries };
}

function mergeValue(base: Node | undefined, over: Node): Node | undefined {
  switch (over.kind) {
    case "scalar":
      return over.value === null ? undefined : over;
    case "list":
      // An item has nothing below it to merge with, but a null in it still means "not set".
      return {
        ...over,
        items: over.items.map((item) => (item.kind === "map" ? (mergeValue(undefined, item) ?? item) : item)),
      };
    case "map":
      return merge(base?.kind === "map" ? base : { ...over, entries: new Map() }, over);
  }
}
