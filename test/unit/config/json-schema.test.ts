import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { configJsonSchema, SCHEMA_FILE } from "../../../packaging/config-schema.ts";

describe("the JSON Schema for editors", () => {
  it("is up to date (if not: node packaging/config-schema.ts)", () => {
    expect(readFileSync(SCHEMA_FILE, "utf8")).toBe(configJsonSchema());
  });

  it("knows no other keys, requires none, and takes null for each, because a fragment may delete", () => {
    const schema: unknown = JSON.parse(configJsonSchema());
    expect(schema).toMatchObject({
      type: "object",
      additionalProperties: false,
      properties: {
        version: { anyOf: [{ const: 1 }, { type: "null" }] },
        network: {
          anyOf: [
            {
              additionalProperties: false,
              properties: {
                mode: { default: "observe", anyOf: [{ enum: ["observe", "enforce"] }, { type: "null" }] },
                vlans: {
                  anyOf: [
                    {
                      additionalProperties: {
                        anyOf: [{ type: "integer", minimum: 1, maximum: 4094 }, { type: "null" }],
                      },
                    },
                    { type: "null" },
                  ],
                },
              },
            },
            { type: "null" },
          ],
        },
      },
    });
    expect(schema).not.toHaveProperty("required");
  });

  it("says of each setting what it is for", () => {
    const missing: string[] = [];
    collect(JSON.parse(configJsonSchema()), "", missing);
    expect(missing).toEqual([]);
  });
});

function collect(schema: unknown, path: string, missing: string[]): void {
  if (typeof schema !== "object" || schema === null) return;
  if ("properties" in schema && typeof schema.properties === "object" && schema.properties !== null) {
    for (const [key, property] of Object.entries(schema.properties) as [string, unknown][]) {
      if (typeof property !== "object" || property === null || !("title" in property)) missing.push(`${path}.${key}`);
      collect(property, `${path}.${key}`, missing);
    }
  }
  if ("anyOf" in schema && Array.isArray(schema.anyOf)) for (const form of schema.anyOf) collect(form, path, missing);
  if ("additionalProperties" in schema) collect(schema.additionalProperties, `${path}.*`, missing);
  if ("items" in schema) collect(schema.items, `${path}[]`, missing);
}
