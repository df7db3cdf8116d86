// `npm run ok [-- PART...]`: the gate. Every part runs, whatever the others say; the output of the failing ones is shown.
import { join } from "node:path";
import { exec } from "./exec.ts";
import { type Part, parts } from "./parts.ts";

const root = join(import.meta.dirname, "..", "..");

/** Runs the commands of a part in order; resolves with what the failing ones printed, nothing if all is well. */
async function failures(part: Part): Promise<string> {
  let shown = "";
  for (const command of part.commands) {
    const { code, output } = await exec(command, root);
    if (code !== 0) shown += `$ ${command.join(" ")}    (exit code ${code})\n${output}\n`;
  }
  return shown;
}

function chosen(names: readonly string[]): readonly Part[] {
  const unknown = names.filter((name) => !parts.some((part) => part.name === name));
  if (unknown.length > 0) {
    const known = parts.map((part) => part.name).join(", ");
    process.stderr.write(`No part of the gate is called ${unknown.join(", ")}. There are: ${known}\n`);
    process.exit(2);
  }
  return names.length === 0 ? parts : parts.filter((part) => names.includes(part.name));
}

const asked = chosen(process.argv.slice(2));
const failed: string[] = [];
for (const part of asked) {
  const started = performance.now();
  const shown = await failures(part);
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
  const mark = shown === "" ? "ok  " : "FAIL";
  process.stdout.write(`${mark} ${part.name.padEnd(8)} ${seconds} s  ${part.looksAt}\n`);
  if (shown !== "") {
    failed.push(part.name);
    process.stdout.write(`\n${shown}\n`);
  }
}
process.stdout.write(failed.length === 0 ? "The gate is open.\n" : `The gate is shut: ${failed.join(", ")}.\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
