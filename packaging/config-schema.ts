import { writeFile } from "node:fs/promises";
import { toJsonSchema } from "@valibot/to-json-schema";
import { configSchema } from "../agent/config/schema.ts";

/** Where the schema for editors lies in the repository; the package installs it below /usr. */
export const SCHEMA_FILE = new URL("./usr/share/devcloud-agent/config.schema.json", import.meta.url);

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * The JSON Schema of one fragment, as text. A fragment may say as little as it likes and may delete with null, so
 * nothing is required outside of lists, and every key takes null.
 */
export function configJsonSchema(): string {
  // Checks that are code (addresses, durations' upper bound) have no form in JSON Schema; the description says them.
  const whole: unknown = toJsonSchema(configSchema, {
    target: "draft-2020-12",
    typeMode: "input",
    errorMode: "ignore",
  });
  const schema = { ...asFragment(parse(whole), false), title: "A configuration fragment of devcloud-agent" };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

function asFragment(schema: Json, inList: boolean): { readonly [key: string]: Json } {
  if (!isObject(schema)) return {};
  const { required, properties, additionalProperties, items, ...rest } = schema;
  return {
    ...rest,
    ...(inList && required !== undefined && { required }),
    ...(isObject(properties) && {
      properties: mapValues(properties, (property) => orNull(asFragment(property, inList))),
    }),
    ...(isObject(additionalProperties)
      ? { additionalProperties: orNull(asFragment(additionalProperties, inList)) }
      : additionalProperties !== undefined && { additionalProperties }),
    ...(isObject(items) && { items: asFragment(items, true) }),
  };
}

/** Title, description and default stay outside, where editors look for them. */
function orNull(schema: { readonly [key: string]: Json }): Json {
  if (Object.keys(schema).length === 0) return schema;
  const { title, description, default: value, ...form } = schema;
  return {
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    ...(value !== undefined && { default: value }),
    anyOf: [form, { type: "null" }],
  };
}

function mapValues(
  object: { readonly [key: string]: Json },
  change: (value: Json) => Json,
): { readonly [key: string]: Json } {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}

function parse(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

if (import.meta.main) await writeFile(SCHEMA_FILE, configJsonSchema());
