import * as v from "valibot";

/** How a value of the configuration is built, as far as walking through it needs to know. */
export type Shape =
  | { readonly kind: "map"; readonly entries: ReadonlyMap<string, MapKey> }
  | { readonly kind: "record"; readonly key: v.GenericSchema; readonly value: v.GenericSchema }
  | { readonly kind: "list"; readonly item: v.GenericSchema }
  | { readonly kind: "any" }
  | { readonly kind: "leaf" };

export interface MapKey {
  readonly schema: v.GenericSchema;
  readonly required: boolean;
}

/** The shape of a schema; what wraps it (optional, pipe) is looked through. */
export function shapeOf(schema: v.GenericSchema): Shape {
  const inner = unwrap(schema);
  if (inner.type === "strict_object" && "entries" in inner) return { kind: "map", entries: entriesOf(inner.entries) };
  if (inner.type === "record" && "key" in inner && isSchema(inner.key) && "value" in inner && isSchema(inner.value)) {
    return { kind: "record", key: inner.key, value: inner.value };
  }
  if (inner.type === "array" && "item" in inner && isSchema(inner.item)) return { kind: "list", item: inner.item };
  return { kind: inner.type === "unknown" ? "any" : "leaf" };
}

/** What a value of this schema looks like, for `expected`. */
export function formOf(schema: v.GenericSchema): string {
  const described = v.getDescription(unwrap(schema));
  if (described !== undefined) return described;
  const shape = shapeOf(schema);
  switch (shape.kind) {
    case "map":
    case "record":
      return "a map: `key: value` lines";
    case "list":
      return `a list (each entry: ${formOf(shape.item)})`;
    default:
      return "another value";
  }
}

/** The words that a schema allows, if it is a choice of words. */
export function wordsOf(schema: v.GenericSchema): readonly string[] {
  const inner = unwrap(schema);
  if (inner.type !== "picklist" || !("options" in inner) || !Array.isArray(inner.options)) return [];
  return inner.options.filter((option) => typeof option === "string");
}

/** The type of a single value: "string", "number", ...; undefined for what has parts. */
export function scalarType(schema: v.GenericSchema): string | undefined {
  const inner = unwrap(schema);
  switch (inner.type) {
    case "picklist":
      return "string";
    case "literal":
      return "literal" in inner ? typeof inner.literal : undefined;
    default:
      return shapeOf(inner).kind === "leaf" ? inner.type : undefined;
  }
}

function entriesOf(entries: unknown): ReadonlyMap<string, MapKey> {
  const found = new Map<string, MapKey>();
  if (typeof entries !== "object" || entries === null) return found;
  for (const [key, schema] of Object.entries(entries)) {
    if (isSchema(schema)) found.set(key, { schema, required: schema.type !== "exact_optional" });
  }
  return found;
}

function unwrap(schema: v.GenericSchema): v.GenericSchema {
  return "wrapped" in schema && isSchema(schema.wrapped) ? unwrap(schema.wrapped) : schema;
}

function isSchema(value: unknown): value is v.GenericSchema {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "schema" && "~run" in value;
}
