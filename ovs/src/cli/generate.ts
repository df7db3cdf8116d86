import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import type { Address } from "../address.ts";
import { createClient } from "../client.ts";
import { OvsdbError } from "../errors.ts";
import { generateModule } from "../generate.ts";
import { type DatabaseSchema, readSchema } from "../schema-json.ts";
import { addressOf, type Command, type Io, required, tlsHelp, tlsOptions } from "./options.ts";

const help = `Usage: node-ovsdb generate SCHEMA [DATABASE] [options]

Writes a TypeScript module that declares a database: its tables, columns, roots and indexes, and a type for the rows of each table.
SCHEMA is a file (.ovsschema), or the address of a server that has the DATABASE: unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT. The
DATABASE may be left out if the server has only one.

  --out FILE          write here instead of to stdout
${tlsHelp}

Examples:
  node-ovsdb generate /usr/share/openvswitch/vswitch.ovsschema --out vswitch.ts
  node-ovsdb generate unix:/run/openvswitch/db.sock Open_vSwitch
  node-ovsdb generate ssl:10.0.0.1:6641 OVN_Northbound --ca-cert cacert.pem --certificate me.pem --private-key me.key
`;

async function run(args: readonly string[], io: Io): Promise<number> {
  const options = { ...tlsOptions, out: { type: "string" } } as const;
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const [source = "", database, ...rest] = required(positionals, "SCHEMA");
  if (rest.length > 0) throw new OvsdbError("usage", `unexpected: ${rest.join(" ")}`);
  const live = /^(unix|tcp|ssl):/.test(source);
  const schema = live
    ? await liveSchema(addressOf(source, values), database, io.signal)
    : await schemaFile(source, database);
  const text = generateModule(schema);
  if (values.out === undefined) io.stdout(text);
  else await writeFile(values.out, text);
  return 0;
}

async function schemaFile(file: string, database: string | undefined): Promise<DatabaseSchema> {
  const schema = readSchema(parsed(file, await readFile(file, "utf8")));
  if (database === undefined || database === schema.name) return schema;
  throw new OvsdbError("usage", `${file} is the schema of ${schema.name}, not of ${database}`);
}

function parsed(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw noJson(file, thrown);
  }
}

function noJson(file: string, cause: unknown): OvsdbError {
  return new OvsdbError("bad-value", `${file} is no JSON: ${String(cause)}`, { cause });
}

async function liveSchema(
  address: Address,
  database: string | undefined,
  signal: AbortSignal,
): Promise<DatabaseSchema> {
  const client = createClient({ address });
  try {
    await client.connect(signal);
    const name = database ?? onlyOne(await client.listDatabases({ signal }));
    return await client.getSchema(name, { signal });
  } finally {
    client.close();
  }
}

/** Every server also has a database about itself, which is not counted. */
function onlyOne(names: readonly string[]): string {
  const others = names.filter((name) => name !== "_Server");
  const [name] = others;
  if (name !== undefined && others.length === 1) return name;
  throw new OvsdbError("usage", `the server has several databases, name one of them: ${names.join(", ")}`);
}

export const generate: Command = { help, run };
