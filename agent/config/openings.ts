import type { Problem } from "../core/errors.ts";
import { nearest } from "./nearest.ts";
import { configSchema } from "./schema.ts";
import { shapeOf } from "./shape.ts";
import { formatPath, type MapNode, type Node, type Path } from "./tree.ts";

/*
 * What the controller may say. By default nothing: `controller.allow` opens parts of the configuration by
 * `config:PATH`. It is read from what the image, the host and the operator say, never from the controller itself.
 */

const NEVER: readonly Path[] = [["controller"], ["docker_gate"], ["metrics", "listen"], ["metrics", "web_config"]];

/** Whether the path lies inside a part that no entry can open. */
export function neverOpen(path: Path): boolean {
  return NEVER.some((closed) => startsWith(path, closed));
}

/** Undefined when the schema has such a path; below a map with free names every name is one. */
export function openablePath(steps: readonly string[]): { readonly hint?: string } | undefined {
  let shape = shapeOf(configSchema);
  for (const step of steps) {
    if (shape.kind === "record") {
      shape = shapeOf(shape.value);
      continue;
    }
    if (shape.kind === "any") return undefined;
    const next = shape.kind === "map" ? shape.entries.get(step) : undefined;
    if (!next) {
      const name = shape.kind === "map" ? nearest(step, shape.entries.keys()) : undefined;
      return name === undefined ? {} : { hint: `Did you mean "${name}"?` };
    }
    shape = shapeOf(next.schema);
  }
  return undefined;
}

/** The paths that the entries of `controller.allow` open; what is not text or not `config:` opens nothing. */
export function openedPaths(config: MapNode): Path[] {
  const controller = config.entries.get("controller")?.value;
  const allow = controller?.kind === "map" ? controller.entries.get("allow")?.value : undefined;
  const items = allow?.kind === "list" ? allow.items : [];
  return items.flatMap((item) => {
    const entry = item.kind === "scalar" ? item.value : undefined;
    return typeof entry === "string" && entry.startsWith("config:") ? [entry.slice("config:".length).split(".")] : [];
  });
}

/**
 * The first setting of a fragment of the controller that is not open to it; undefined when all are. One closed key
 * refuses the whole fragment: half of what was meant can be worse than nothing.
 */
export function closedKey(fragment: MapNode, opened: readonly Path[]): Problem | undefined {
  const closed = firstClosed(fragment, [], opened);
  if (!closed) return undefined;
  return {
    code: "E_CONFIG_CLOSED",
    message: `the controller may not set "${formatPath(closed.path)}"; the whole file is left out`,
    path: formatPath(closed.path),
    ...closed.node.at,
    expected: opened.length === 0 ? "nothing: controller.allow is empty" : `only ${opened.map(formatPath).join(", ")}`,
    ...(!touchesNever(closed.path) && { hint: `To open it: controller.allow: ["config:${closed.path.join(".")}"].` }),
  };
}

function firstClosed(node: Node, path: Path, opened: readonly Path[]): { path: Path; node: Node } | undefined {
  if (node.kind === "map" && node.entries.size > 0) {
    for (const [key, entry] of node.entries) {
      const closed = firstClosed(entry.value, [...path, key], opened);
      if (closed) return closed;
    }
    return undefined;
  }
  return path.length === 0 || isFormatMark(node, path) || mayReplace(path, opened) ? undefined : { path, node };
}

// Every fragment may say which format it is in.
function isFormatMark(node: Node, path: Path): boolean {
  return path.length === 1 && path[0] === "version" && node.kind === "scalar" && node.value === 1;
}

// A value in the place of a map (`metrics: null`) replaces all that lies below it, closed parts included.
function mayReplace(path: Path, opened: readonly Path[]): boolean {
  return !touchesNever(path) && opened.some((open) => startsWith(path, open));
}

function touchesNever(path: Path): boolean {
  return NEVER.some((closed) => startsWith(path, closed) || startsWith(closed, path));
}

function startsWith(path: Path, prefix: Path): boolean {
  return prefix.length <= path.length && prefix.every((step, index) => step === path[index]);
}
