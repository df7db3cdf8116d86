import { withoutSecrets } from "./secrets.ts";

/** Where something was written. Lines and columns are 1-based; columns count UTF-16 units. */
export interface At {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A configuration value that remembers where each part of it came from. */
export type Node = MapNode | ListNode | ScalarNode;

export interface MapNode {
  readonly kind: "map";
  readonly at: At;
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface Entry {
  readonly key: At;
  readonly value: Node;
}

export interface ListNode {
  readonly kind: "list";
  readonly at: At;
  readonly items: readonly Node[];
}

export interface ScalarNode {
  readonly kind: "scalar";
  readonly at: At;
  readonly value: string | number | boolean | null;
}

/** Steps from the top: keys of maps and indices of lists. */
export type Path = readonly (string | number)[];

/** A leaf of the configuration and who said it. */
export interface Origin extends At {
  readonly path: string;
  /** Without secrets. */
  readonly value: unknown;
}

/** The value as plain JSON, without positions. */
export function toPlain(node: Node): unknown {
  switch (node.kind) {
    case "scalar":
      return node.value;
    case "list":
      return node.items.map(toPlain);
    case "map":
      return Object.fromEntries([...node.entries].map(([key, entry]) => [key, toPlain(entry.value)]));
  }
}

/**
 * The place of the value at `path`, or of its key when `part` is "key". What is not there has the place of the nearest
 * thing around it that is: a missing key is reported where its map begins.
 */
export function locate(root: MapNode, path: Path, part: "key" | "value"): At {
  let node: Node = root;
  let key = root.at;
  for (const [index, step] of path.entries()) {
    const next: Entry | undefined = child(node, step);
    if (!next) return index === 0 ? node.at : key;
    key = next.key;
    node = next.value;
  }
  return part === "key" ? key : node.at;
}

function child(node: Node, step: string | number): Entry | undefined {
  if (node.kind === "map") return node.entries.get(String(step));
  if (node.kind !== "list") return undefined;
  const item = node.items[Number(step)];
  return item && { key: item.at, value: item };
}

/** `network.probes[1]`, `network.nics["eth0.100"]`; the top itself is the empty string. */
export function formatPath(path: Path): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (!/^[\w-]+$/.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === "" ? step : `.${step}`;
  }
  return text;
}

/** Every scalar, and every empty map or list, in the order of the tree. */
export function leavesOf(node: Node, path: Path = []): Origin[] {
  if (node.kind === "map" && node.entries.size > 0) {
    return [...node.entries].flatMap(([key, entry]) => leavesOf(entry.value, [...path, key]));
  }
  if (node.kind === "list" && node.items.length > 0) {
    return node.items.flatMap((item, index) => leavesOf(item, [...path, index]));
  }
  return [{ path: formatPath(path), value: withoutSecrets(toPlain(node), path), ...node.at }];
}
