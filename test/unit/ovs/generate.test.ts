import { describe, expect, it } from "vitest";
import { generateModule } from "../../../ovs/src/generate.ts";
import { databaseOf } from "../../../ovs/src/schema-database.ts";
import { type DatabaseSchema, readSchema } from "../../../ovs/src/schema-json.ts";

function schemaOf(columns: unknown, more: object = {}): DatabaseSchema {
  return readSchema({ name: "Made_up", version: "1.2.3", tables: { T: { columns, ...more } } });
}

/** The lines of the columns of T. */
function columnLines(columns: unknown): readonly string[] {
  const text = generateModule(schemaOf(columns));
  const [, inside = ""] = /\n {4}T: \{\n(.*?)\n {4}\},\n/s.exec(text) ?? [];
  return inside.split("\n").map((line) => line.trim());
}

const types: readonly (readonly [type: unknown, text: string])[] = [
  ["string", "string()"],
  [{ key: "integer" }, "integer()"],
  [{ key: { type: "real", minReal: 0.5, maxReal: 2 } }, "real({ min: 0.5, max: 2 })"],
  [{ key: { type: "string", minLength: 1, maxLength: 8 } }, "string({ minLength: 1, maxLength: 8 })"],
  [{ key: { type: "integer", minInteger: -1 }, min: 1, max: 1 }, "integer({ min: -1 })"],
  [{ key: "boolean", min: 0 }, "optional(boolean())"],
  [{ key: { type: "string", enum: ["set", ["up", "down"]] }, min: 0, max: 1 }, 'optional(oneOf("down", "up"))'],
  [{ key: { type: "string", enum: "only" } }, 'oneOf("only")'],
  [{ key: { type: "integer", enum: ["set", [10, 9]] } }, "oneOf(9, 10)"],
  [{ key: "uuid" }, "uuid()"],
  [{ key: { type: "uuid", refTable: "T" }, min: 0, max: "unlimited" }, 'set(uuid("T"))'],
  [{ key: { type: "uuid", refTable: "T", refType: "weak" }, min: 0 }, 'optional(uuid("T", "weak"))'],
  [{ key: "string", min: 1, max: "unlimited" }, "set(string(), { min: 1 })"],
  [{ key: "string", min: 0, max: 3 }, "set(string(), { max: 3 })"],
  [{ key: "string", min: 2, max: 2 }, "set(string(), { min: 2, max: 2 })"],
  [{ key: "string", value: "string", min: 0, max: "unlimited" }, "map()"],
  [{ key: "string", value: "string", min: 0, max: 2 }, "map(string(), { max: 2 })"],
  [{ key: "string", value: "integer", min: 0, max: "unlimited" }, "map(integer())"],
  [{ key: "string", value: "integer", min: 0, max: 1 }, "map(integer(), { max: 1 })"],
  [{ key: "integer", value: "string", min: 0, max: "unlimited" }, "map(integer(), string())"],
  [
    { key: { type: "string", maxLength: 3 }, value: "real", min: 0, max: 5 },
    "map(string({ maxLength: 3 }), real(), { max: 5 })",
  ],
  [
    { key: { type: "string", enum: ["set", ["a", "b"]] }, value: "integer", min: 0, max: "unlimited" },
    'map(oneOf("a", "b"), integer())',
  ],
];

describe("a generated module", () => {
  it.each(types)("declares a column of type %j as %s", (type, text) => {
    expect(columnLines({ c: { type } }).at(-1)).toBe(`c: ${text},`);
  });

  it.each(types)("and at run time %j makes a column of the same shape", (type, text) => {
    const column = databaseOf(schemaOf({ c: { type } })).tables.T?.c;
    const shape = /^(optional|set|map)\(/.exec(text)?.[1] ?? "scalar";
    expect(column?.shape).toBe(shape);
    expect(column?.refers).toBe(text.includes("weak") ? "weak" : text.includes("uuid") ? "strong" : undefined);
    expect(column?.key !== undefined).toBe(shape === "map");
  });

  it("says in comments what the code does not", () => {
    const weak = { key: { type: "uuid", refTable: "T", refType: "weak" }, min: 0 };
    expect(columnLines({ b: { type: weak, ephemeral: true }, a: { type: "string", mutable: false } })).toEqual([
      "/** Never changes after the insertion. */",
      "a: string(),",
      "/** Does not keep the row alive that it refers to. Lost when the server restarts. */",
      'b: optional(uuid("T", "weak")),',
    ]);
  });

  it("has roots, indexes and a type for the rows of each table, sorted, whatever the order of the schema", () => {
    const tables = {
      B: { columns: { y: { type: "string" }, x: { type: "integer" } }, isRoot: true, maxRows: 1 },
      A: { columns: { name: { type: "string" }, kind: { type: "string" } }, indexes: [["name"], ["kind", "name"]] },
    };
    const turned = { A: { ...tables.A, columns: { kind: { type: "string" }, name: { type: "string" } } }, B: tables.B };
    const text = generateModule(readSchema({ name: "_Server", version: "1.2.3", tables }));
    expect(generateModule(readSchema({ version: "1.2.3", name: "_Server", tables: turned }))).toBe(text);
    expect(
      text,
    ).toBe(`// Written by \`node-ovsdb generate\` from the schema _Server 1.2.3. Changes are lost when it is written again.
import { defineDatabase, integer, type Row, string } from "node-ovsdb";

/** The database _Server, version 1.2.3. */
export const database = defineDatabase(
  "_Server",
  {
    /** A row vanishes when nothing refers to it. */
    A: {
      kind: string(),
      name: string(),
    },
    /** Rows live by themselves. At most 1. */
    B: {
      x: integer(),
      y: string(),
    },
  },
  {
    roots: ["B"],
    indexes: {
      A: [["name"], ["kind", "name"]],
    },
  },
);

export type Database = typeof database;
export type ARow = Row<Database, "A">;
export type BRow = Row<Database, "B">;
`);
  });

  it("takes every table for a root where the schema marks none, as RFC 7047 says", () => {
    expect(generateModule(schemaOf({}))).toContain('roots: ["T"]');
  });

  it.each<[string, unknown]>([
    ["a name that would be code", { name: "D", tables: { "T: {}, [x()]": { columns: {} } } }],
    ["a column that would be code", { name: "D", tables: { T: { columns: { "c */": { type: "string" } } } } }],
    ["__proto__ as a table", JSON.parse('{"name":"D","tables":{"__proto__":{"columns":{}}}}')],
    ["a database whose name would end a comment", { name: "*/ x", tables: {} }],
    ["an index on a column that is not there", { name: "D", tables: { T: { columns: {}, indexes: [["c"]] } } }],
    ["a bound that is no number", schemaWith({ type: "integer", minInteger: "0 }), x(" })],
    ["a list of what is no atom", schemaWith({ type: "string", enum: ["set", [{}]] })],
    ["a version that is no text", { name: "D", version: 1, tables: {} }],
    ["no schema", []],
  ])("is not made from %s", (_, value) => {
    expect(() => generateModule(readSchema(value))).toThrow(expect.objectContaining({ kind: "bad-value" }));
    expect(() => databaseOf(readSchema(value))).toThrow(expect.objectContaining({ kind: "bad-value" }));
  });

  it("quotes what the schema lists, and leaves out a version that is none", () => {
    const value = '"); process.exit(); ("';
    const schema = { name: "D", version: "1 */ x", tables: schemaWith({ type: "string", enum: value }).tables };
    const text = generateModule(readSchema(schema));
    expect(text).toContain(`c: oneOf(${JSON.stringify(value)}),`);
    expect(text).not.toContain("*/ x");
  });

  it("names a table that a reference leads to only as text", () => {
    const text = columnLines({ c: { type: { key: { type: "uuid", refTable: '"), x("' } } } });
    expect(text).toEqual([`c: uuid(${JSON.stringify('"), x("')}),`]);
  });
});

function schemaWith(key: unknown): { readonly name: string; readonly tables: object } {
  return { name: "D", tables: { T: { columns: { c: { type: { key } } } } } };
}
