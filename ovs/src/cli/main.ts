#!/usr/bin/env node
import { OvsdbError } from "../errors.ts";
import { generate } from "./generate.ts";
import { monitor } from "./monitor.ts";
import type { Command, Io } from "./options.ts";

const commands: ReadonlyMap<string | undefined, Command> = new Map([
  ["generate", generate],
  ["monitor", monitor],
]);

const help = `Usage: node-ovsdb COMMAND ...

  generate  TypeScript types from a schema file or a server
  monitor   prints what is in a database, and every change as it comes

node-ovsdb COMMAND --help tells more. Exit codes: 0 done, 1 failed, 2 used wrongly, 130 interrupted.

Examples:
  node-ovsdb generate /usr/share/openvswitch/vswitch.ovsschema --out vswitch.ts
  node-ovsdb monitor unix:/run/openvswitch/db.sock Open_vSwitch Interface:name,link_state
`;

async function run([name, ...args]: readonly string[], io: Io): Promise<number> {
  const command = commands.get(name);
  const asked = [name, ...args].some((word) => word === "--help" || word === "-h");
  if (asked) io.stdout(command?.help ?? help);
  if (asked) return 0;
  if (command === undefined) {
    io.stderr(name === undefined ? help : `node-ovsdb: there is no command ${name}; see node-ovsdb --help\n`);
    return 2;
  }
  try {
    return await command.run(args, io);
  } catch (error) {
    // Interrupted, or nobody reads any more.
    if (error === io.signal.reason) return interrupted ? 130 : 0;
    io.stderr(`node-ovsdb: ${error instanceof Error ? error.message : String(error)}\n`);
    return isUsage(error) ? 2 : 1;
  }
}

function isUsage(error: unknown): boolean {
  if (error instanceof OvsdbError) return error.kind === "usage";
  return error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS_");
}

let interrupted = false;
const ending = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    interrupted = true;
    ending.abort();
  });
}
let unwritten = false;
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  ending.abort();
  // Nobody reads any more: as with `head`, that is no failure.
  if (error.code === "EPIPE" || unwritten) return;
  unwritten = true;
  process.stderr.write(`node-ovsdb: stdout cannot be written: ${error.message}\n`);
  // It may be told after the command is done.
  process.exitCode = 1;
});

const code = await run(process.argv.slice(2), {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  signal: ending.signal,
  colour: process.stdout.isTTY && process.stdout.hasColors() && process.env.NO_COLOR === undefined,
});
process.exitCode = unwritten ? 1 : code;
