import type { Range, Size } from "./column.ts";
import { buildColumn, type ColumnBuilder, checkNames, rootsOf } from "./schema-columns.ts";
import type { BaseType, ColumnSchema, DatabaseSchema, TableSchema } from "./schema-json.ts";

/**
 * The TypeScript module that declares a database: its tables and columns, roots, indexes and a type for each table's rows. The same
 * schema gives the same text, from a file or from a server. Throws `bad-value`.
 */
export function generateModule(schema: DatabaseSchema): string {
  checkNames(schema);
  const used = new Set<string>();
  const tables = sorted(schema.tables);
  const body = tables.flatMap(([name, table]) => tableLines(name, table, rootsOf(schema), used));
  const indexes = tables.filter(([, table]) => (table.indexes ?? []).length > 0);
  const version = /^\d+\.\d+\.\d+$/.test(schema.version ?? "") ? ` ${schema.version}` : "";
  return [
    `// Written by \`node-ovsdb generate\` from the schema ${schema.name}${version}. Changes are lost when it is written again.`,
    `import { ${["defineDatabase", "type Row", ...used].toSorted(byName).join(", ")} } from "node-ovsdb";`,
    "",
    `/** The database ${schema.name}${version === "" ? "" : `, version${version}`}. */`,
    `export const database = defineDatabase(`,
    `  ${JSON.stringify(schema.name)},`,
    "  {",
    ...body,
    "  },",
    "  {",
    `    roots: ${JSON.stringify(rootsOf(schema)).replaceAll(",", ", ")},`,
    `    indexes: {${indexes.length === 0 ? "}," : ""}`,
    ...indexes.map(
      ([name, { indexes: lists = [] }]) => `      ${name}: ${JSON.stringify(lists).replaceAll(",", ", ")},`,
    ),
    ...(indexes.length === 0 ? [] : ["    },"]),
    "  },",
    ");",
    "",
    "export type Database = typeof database;",
    ...tables.map(([name]) => `export type ${name}Row = Row<Database, ${JSON.stringify(name)}>;`),
    "",
  ].join("\n");
}

function sorted<T>(record: Readonly<Record<string, T>>): readonly (readonly [string, T])[] {
  return Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** As formatters sort the names of an import: neither `type` nor capitals count. */
function byName(a: string, b: string): number {
  const [one = "", other = ""] = [a, b].map((name) => name.replace("type ", "").toLowerCase());
  return one < other ? -1 : 1;
}

function tableLines(name: string, table: TableSchema, roots: readonly string[], used: Set<string>): readonly string[] {
  const life = roots.includes(name) ? "Rows live by themselves." : "A row vanishes when nothing refers to it.";
  const most = typeof table.maxRows === "number" ? ` At most ${table.maxRows}.` : "";
  const columns = sorted(table.columns).flatMap(([column, schema]) => {
    const text = buildColumn(schema, builder(used));
    const notes = notesOf(schema);
    return [...(notes === "" ? [] : [`      /** ${notes} */`]), `      ${column}: ${text},`];
  });
  return [`    /** ${life}${most} */`, `    ${name}: {`, ...columns, "    },"];
}

/** What of a column the code does not say. */
function notesOf({ type, ephemeral, mutable }: ColumnSchema): string {
  const parts = typeof type === "string" ? [] : [type.key, type.value];
  const bases = parts.filter((part): part is BaseType => typeof part === "object");
  const weak = bases.some(({ refType }) => refType === "weak")
    ? ["Does not keep the row alive that it refers to."]
    : [];
  const kept = ephemeral === true ? ["Lost when the server restarts."] : [];
  return [...weak, ...kept, ...(mutable === false ? ["Never changes after the insertion."] : [])].join(" ");
}

/** Writes calls of the library's column functions, and notes which. */
function builder(used: Set<string>): ColumnBuilder<string, string> {
  const call = (name: string, ...args: readonly string[]): string => {
    used.add(name);
    return `${name}(${args.filter((arg) => arg !== "").join(", ")})`;
  };
  return {
    boolean: () => call("boolean"),
    string: ({ min, max }) => call("string", options({ minLength: min, maxLength: max })),
    integer: (range) => call("integer", bounds(range)),
    real: (range) => call("real", bounds(range)),
    oneOf: (values) => call("oneOf", ...values.map((value) => JSON.stringify(value))),
    uuid: (table, refers) =>
      call(
        "uuid",
        table === undefined ? "" : JSON.stringify(table),
        table !== undefined && refers === "weak" ? '"weak"' : "",
      ),
    optional: (member) => call("optional", member),
    set: (member, size) => call("set", member, bounds(size)),
    map: (value, size) => call("map", value === "string()" && bounds(size) === "" ? "" : value, bounds(size)),
    keyedMap: (key, value, size) => call("map", key, value, bounds(size)),
  };
}

function bounds({ min, max }: Range | Size): string {
  return options({ min, max });
}

function options(values: Readonly<Record<string, number | undefined>>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return given.length === 0 ? "" : `{ ${given.map(([name, value]) => `${name}: ${value}`).join(", ")} }`;
}
