import { parseArgs } from "node:util";
import { type Client, createClient } from "../client.ts";
import { asOvsdbError, OvsdbError } from "../errors.ts";
import type { Database, Selection } from "../schema.ts";
import { databaseOf } from "../schema-database.ts";
import { type Change, changeLine, jsonLine } from "./lines.ts";
import { addressOf, type Command, type Io, required, tlsHelp, tlsOptions } from "./options.ts";

const help = `Usage: node-ovsdb monitor ADDRESS DATABASE [TABLE[:COLUMN,...]]... [options]

Prints the rows that are there, then every change as it comes, until Ctrl-C: = there, + inserted, ~ modified, - deleted. Without
tables it follows them all. When the connection is lost it waits for the server and prints what has changed meanwhile.

ADDRESS is unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT.

  --changes           only changes, not the rows that are there at the beginning
  --json              one JSON object a line
${tlsHelp}

Examples:
  node-ovsdb monitor unix:/run/openvswitch/db.sock Open_vSwitch
  node-ovsdb monitor unix:/run/openvswitch/db.sock Open_vSwitch Bridge:name,ports Interface:name,link_state
  node-ovsdb monitor tcp:127.0.0.1:6640 Open_vSwitch Interface:name,error --changes --json
`;

async function run(args: readonly string[], io: Io): Promise<number> {
  const options = { ...tlsOptions, changes: { type: "boolean" }, json: { type: "boolean" } } as const;
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const [text = "", name = "", ...tables] = required(positionals, "ADDRESS", "DATABASE");
  const address = addressOf(text, values);
  const client = createClient({
    address,
    onError: (error) => io.stderr(`node-ovsdb: ${asOvsdbError(error, "rpc").message}\n`),
  });
  const write = (change: Change): void =>
    io.stdout(values.json === true ? jsonLine(change) : changeLine(change, io.colour));
  try {
    await client.connect(io.signal);
    const database = databaseOf(await client.getSchema(name, { signal: io.signal }));
    await follow(client, database, selectionOf(database, tables), values.changes === true, write, io);
  } finally {
    client.close();
  }
  return 0;
}

/** Rejects with the signal's reason; nothing else ends it. */
async function follow(
  client: Client,
  database: Database,
  selection: Selection<Database>,
  changesOnly: boolean,
  write: (change: Change) => void,
  io: Io,
): Promise<void> {
  const replica = await client.monitor(database, selection, { signal: io.signal });
  for (const table of changesOnly ? [] : Object.keys(selection)) {
    for (const row of replica.rows(table).values()) write({ what: "there", table, row, before: undefined });
  }
  replica.subscribe((changes) => {
    for (const { table, before, after } of changes) {
      const row = after ?? before;
      const what = before === undefined ? "inserted" : after === undefined ? "deleted" : "modified";
      if (row !== undefined) write({ what, table, row, before: after === undefined ? undefined : before });
    }
  });
  client.onState((state) => {
    if (state.state === "backoff") io.stderr(`node-ovsdb: ${state.cause.message}\n`);
  });
  replica.onSynced((synced) => {
    if (!io.signal.aborted) io.stderr(`node-ovsdb: ${synced ? "in step with it again" : "waiting for the server"}\n`);
  });
  await replica.until(() => false, io.signal);
}

/** `TABLE` and `TABLE:COLUMN,COLUMN`; by default everything. What several words say of one table adds up. Throws `usage`. */
function selectionOf(database: Database, words: readonly string[]): Selection<Database> {
  const all = Object.entries(database.tables).map(([table, columns]) => [table, Object.keys(columns)] as const);
  const known = new Map(all);
  if (words.length === 0) return Object.fromEntries(all);
  const chosen = new Map<string, ReadonlySet<string>>();
  for (const word of words) {
    const [table = "", list] = word.split(":", 2);
    const columns = known.get(table);
    if (columns === undefined) throw unknownName(`table ${table}`, [...known.keys()]);
    const names = list === undefined ? columns : list.split(",");
    const wrong = names.find((name) => !columns.includes(name));
    if (wrong !== undefined) throw unknownName(`column ${table}.${wrong}`, columns);
    chosen.set(table, new Set([...(chosen.get(table) ?? []), ...names]));
  }
  return Object.fromEntries([...chosen].map(([table, names]) => [table, [...names]]));
}

function unknownName(what: string, known: readonly string[]): OvsdbError {
  return new OvsdbError("usage", `there is no ${what}; there are ${known.toSorted().join(", ")}`);
}

export const monitor: Command = { help, run };
