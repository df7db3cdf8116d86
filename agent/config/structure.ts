import * as v from "valibot";
import type { Problem } from "../core/errors.ts";
import { isOtherBondMode, refusedKey, valueHint } from "./hints.ts";
import { nearest, suggest } from "./nearest.ts";
import { withoutSecrets } from "./secrets.ts";
import { formOf, type Shape, scalarType, shapeOf } from "./shape.ts";
import { type Entry, formatPath, type MapNode, type Node, type Path, toPlain } from "./tree.ts";

/*
 * Compares a tree with the schema. The schema library checks the single values; walking is ours, because every problem
 * is to be told, with its place, and because to the library a list is a map too.
 */

/**
 * Keys that nothing knows. Run on each fragment and not on the merged whole: a mistyped key that a higher rank deletes,
 * or that itself deletes (`netwrok: null`), would leave no trace there.
 */
export function unknownKeys(schema: v.GenericSchema, tree: MapNode): Problem[] {
  return keysOf(schema, schema, tree, []);
}

function keysOf(root: v.GenericSchema, schema: v.GenericSchema, node: Node, path: Path): Problem[] {
  const shape = shapeOf(schema);
  if (node.kind === "list") {
    if (shape.kind !== "list") return [];
    return node.items.flatMap((item, index) => keysOf(root, shape.item, item, [...path, index]));
  }
  if (node.kind !== "map") return [];
  return [...node.entries].flatMap(([key, entry]) => {
    const here = [...path, key];
    if (shape.kind === "record") return keysOf(root, shape.value, entry.value, here);
    if (shape.kind !== "map") return [];
    const known = shape.entries.get(key);
    return known ? keysOf(root, known.schema, entry.value, here) : [unknownKey(root, shape, key, entry, path)];
  });
}

function unknownKey(
  root: v.GenericSchema,
  shape: Shape & { kind: "map" },
  key: string,
  entry: Entry,
  path: Path,
): Problem {
  const where = path.length === 0 ? "at the top" : `in ${formatPath(path)}`;
  const elsewhere = nearest(key, shape.entries.keys()) === undefined ? placesOf(root, key, []) : [];
  const hint =
    refusedKey([...path, key]) ??
    (elsewhere.length > 0 ? `"${key}" belongs to ${elsewhere.join(" or ")}.` : suggest(key, shape.entries.keys()));
  return {
    code: "E_CONFIG_UNKNOWN_KEY",
    message: `nothing is called "${key}" ${where}`,
    path: formatPath([...path, key]),
    ...entry.key,
    expected: `one of ${[...shape.entries.keys()].join(", ")}`,
    ...(hint && { hint }),
  };
}

/** Where the schema has a key of this name: a right setting at a wrong indentation is the commonest slip in YAML. */
function placesOf(schema: v.GenericSchema, wanted: string, path: readonly string[]): string[] {
  const shape = shapeOf(schema);
  if (shape.kind === "record") return placesOf(shape.value, wanted, [...path, "NAME"]);
  if (shape.kind !== "map") return [];
  return [...shape.entries].flatMap(([key, { schema: child }]) => [
    ...(key === wanted ? [path.length === 0 ? "the top level" : path.join(".")] : []),
    ...placesOf(child, wanted, [...path, key]),
  ]);
}

/** Wrong kinds, wrong values and missing keys of the merged whole. Unknown keys are left to `unknownKeys`. */
export function wrongValues(schema: v.GenericSchema, tree: MapNode): Problem[] {
  return valuesOf(schema, tree, { key: tree.at, value: tree }, []);
}

function valuesOf(schema: v.GenericSchema, node: Node, entry: Entry, path: Path): Problem[] {
  const shape = shapeOf(schema);
  switch (shape.kind) {
    case "map":
      return node.kind === "map" ? mapValues(shape, node, entry, path) : [wrong(schema, node, path)];
    case "record":
      return node.kind === "map" ? recordValues(schema, shape, node, path) : [wrong(schema, node, path)];
    case "list":
      return node.kind === "list" ? listValues(schema, shape, node, path) : [wrong(schema, node, path)];
    case "leaf":
      return node.kind === "scalar" && v.is(schema, node.value) ? [] : [wrong(schema, node, path)];
    case "any":
      return [];
  }
}

function mapValues(shape: Shape & { kind: "map" }, node: MapNode, entry: Entry, path: Path): Problem[] {
  return [...shape.entries].flatMap(([key, known]) => {
    const child = node.entries.get(key);
    if (child) return valuesOf(known.schema, child.value, child, [...path, key]);
    return known.required ? [missing(known.schema, key, entry, path)] : [];
  });
}

function recordValues(
  schema: v.GenericSchema,
  shape: Shape & { kind: "record" },
  node: MapNode,
  path: Path,
): Problem[] {
  if (node.entries.size === 0) return v.is(schema, {}) ? [] : [wrong(schema, node, path)];
  return [...node.entries].flatMap(([key, entry]) => {
    const here = [...path, key];
    const problems = valuesOf(shape.value, entry.value, entry, here);
    return v.is(shape.key, key) ? problems : [badName(shape.key, key, entry, here), ...problems];
  });
}

function listValues(
  schema: v.GenericSchema,
  shape: Shape & { kind: "list" },
  node: Node & { kind: "list" },
  path: Path,
): Problem[] {
  if (node.items.length === 0) return v.is(schema, []) ? [] : [wrong(schema, node, path)];
  return node.items.flatMap((item, index) => {
    return valuesOf(shape.item, item, { key: item.at, value: item }, [...path, index]);
  });
}

function missing(schema: v.GenericSchema, key: string, entry: Entry, path: Path): Problem {
  return {
    code: "E_CONFIG_MISSING",
    message: path.length === 0 ? `"${key}" is missing` : `"${key}" is missing in ${formatPath(path)}`,
    path: formatPath([...path, key]),
    ...entry.key,
    expected: formOf(schema),
    ...(path.length === 0 && key === "version" && { hint: "Begin the configuration with `version: 1`." }),
  };
}

function badName(schema: v.GenericSchema, name: string, entry: Entry, path: Path): Problem {
  const hint = valueHint(schema, name, path);
  return {
    code: "E_CONFIG_NAME",
    message: `${quote(name)} cannot be a name here${lengthOf(name)}`,
    path: formatPath(path),
    ...entry.key,
    expected: formOf(schema),
    ...(hint && { hint }),
  };
}

function wrong(schema: v.GenericSchema, node: Node, path: Path): Problem {
  const input = toPlain(node);
  const hint = valueHint(schema, input, path);
  return {
    code: isOtherBondMode(path, input) ? "E_CONFIG_BOND_MODE" : codeFor(schema, node),
    message: `${describe(node, path)} does not fit here`,
    path: formatPath(path),
    ...node.at,
    expected: formOf(schema),
    ...(hint && { hint }),
  };
}

// The kind is right and the value is not, or already the kind is wrong: the two need different looks.
function codeFor(schema: v.GenericSchema, node: Node): string {
  const shape = shapeOf(schema);
  const kind = shape.kind === "leaf" ? "scalar" : shape.kind === "list" ? "list" : "map";
  const type = node.kind === "scalar" ? typeof node.value : undefined;
  return node.kind === kind && scalarType(schema) === type ? "E_CONFIG_VALUE" : "E_CONFIG_TYPE";
}

function describe(node: Node, path: Path): string {
  switch (node.kind) {
    case "map":
      return node.entries.size === 0 ? "an empty map" : "a map";
    case "list":
      return node.items.length === 0 ? "an empty list" : "a list";
    case "scalar":
      if (node.value === null) return "nothing (null)";
      if (withoutSecrets(node.value, path) !== node.value) return `what is written there (a ${typeof node.value})`;
      if (typeof node.value === "string") return `the text ${quote(node.value)}${lengthOf(node.value)}`;
      return `${typeof node.value === "number" ? "the number " : ""}${node.value}`;
  }
}

function lengthOf(text: string): string {
  return text.length > 11 ? ` (${text.length} characters)` : "";
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
}
