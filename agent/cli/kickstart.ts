import { Command } from "commander";
import { readFleet } from "../../kickstart/fleet.ts";
import type { FleetHost } from "../../kickstart/host.ts";
import { withoutPasswords } from "../../kickstart/lint/passwords.ts";
import { renderKickstart } from "../../kickstart/render.ts";
import { validateKickstart } from "../../kickstart/validate.ts";
import { suggest } from "../config/nearest.ts";
import { renderProblems } from "../config/report.ts";
import { AgentError, type Problem, problemOf } from "../core/errors.ts";
import { readFileBounded, writeOutput } from "../system/files.ts";
import { openKickstartTools } from "../system/kickstart-tools.ts";
import type { Io } from "./io.ts";

const MAX_BYTES = 4 * 1024 * 1024;

/** `kickstart`: renders and validates; touches nothing but the file that it is told to write. */
export function kickstartCommand(io: Io, signal: () => AbortSignal, done: (code: number) => void): Command {
  const group = new Command("kickstart")
    .description("install a host from the same model that its agent reads")
    .addHelpText(
      "after",
      "\nExamples:\n  devcloud-agent kickstart render --fleet fleet.yaml cmp07.dc1.example.net --output cmp07.ks\n  devcloud-agent kickstart validate cmp07.ks\n",
    );
  group
    .command("render")
    .description("the kickstart of one host of a fleet; the whole fleet is checked")
    .argument("<host>", "the host's name in the fleet")
    .requiredOption("--fleet <file>", "what all hosts share, and what is each host's own")
    .option("--output <file>", "write it to this file, instead of to the terminal")
    .option("--token <file>", "a file with the one-time token by which the host enrols with the controller")
    .addHelpText("after", RENDER_HELP)
    .action(async (host: string, options: RenderFlags) => done(await render(host, options, io, signal())));
  group
    .command("validate")
    .description("everything that is wrong with a kickstart file, also what ksvalidator does not see")
    .argument("<file>", "the kickstart")
    .option("--json", "print one JSON document", false)
    .addHelpText("after", VALIDATE_HELP)
    .action(async (file: string, { json }: { json: boolean }) => done(await validate(file, json, io, signal())));
  return group;
}

interface RenderFlags {
  readonly fleet: string;
  readonly output?: string;
  readonly token?: string;
}

async function render(
  name: string,
  { fleet, output, token }: RenderFlags,
  io: Io,
  signal: AbortSignal,
): Promise<number> {
  const text = await read(fleet);
  const result = readFleet(fleet, text);
  const tell = (problems: readonly Problem[], heading: string): void =>
    io.stderr(renderProblems(problems, { colour: io.isTty, heading, sources: [{ file: fleet, rank: 0, text }] }));
  if (!result.ok) {
    tell(result.problems, `The fleet is not valid: ${counted(result.problems)}.`);
    return 2;
  }
  if (result.warnings.length > 0) tell(result.warnings, "Warnings:");
  const host = result.hosts.find((one) => one.name === name);
  if (host === undefined) {
    tell([unknownHost(name, result.hosts, result.hostsAt)], "There is no such host.");
    return 2;
  }
  const secret = token === undefined ? {} : { token: tokenIn(await read(token), token) };
  const kickstart = renderKickstart(host, secret);
  const checked = await validateKickstart(`kickstart of ${name}`, kickstart, openKickstartTools(signal));
  if (checked.problems.length > 0) {
    tell(checked.problems, "The rendered kickstart is not valid. This is a bug in devcloud-agent:");
    return 1;
  }
  if (output === undefined) io.stdout(kickstart);
  else await writeOutput(output, kickstart, token === undefined ? 0o644 : 0o600);
  return 0;
}

async function validate(file: string, json: boolean, io: Io, signal: AbortSignal): Promise<number> {
  const text = await read(file);
  const { problems, ksvalidator } = await validateKickstart(file, text, openKickstartTools(signal));
  const ok = problems.length === 0;
  if (json) {
    const document = { schema: "devcloud-agent/kickstart-validate/v1", ok, ksvalidator, problems };
    io.stdout(`${JSON.stringify(document, null, 2)}\n`);
  } else if (ok)
    io.stdout(`The kickstart is valid${ksvalidator ? ", also to ksvalidator" : " (ksvalidator is not here)"}.\n`);
  else {
    const heading = `The kickstart is not valid: ${counted(problems)}.`;
    const shown = text.split("\n").map(withoutPasswords).join("\n");
    io.stderr(renderProblems(problems, { colour: io.isTty, heading, sources: [{ file, rank: 0, text: shown }] }));
  }
  return ok ? 0 : 2;
}

/** Throws E_KICKSTART_UNREADABLE: what was named for input and is none is invalid, whatever the disk says of it. */
async function read(file: string): Promise<string> {
  try {
    return new TextDecoder().decode(await readFileBounded(file, MAX_BYTES));
  } catch (error) {
    throw new AgentError({ ...problemOf(error), code: "E_KICKSTART_UNREADABLE" }, { cause: error });
  }
}

/** It is written into a script: what does not look like a token is refused, and never shown. */
function tokenIn(text: string, file: string): string {
  const token = text.trim();
  if (/^[A-Za-z0-9._~+/=-]{16,1024}$/.test(token)) return token;
  throw new AgentError({
    code: "E_KICKSTART_TOKEN",
    message: `${file} holds no token`,
    file,
    expected: "16 to 1024 letters, digits and . _ ~ + / = - on one line",
    hint: "Ask the controller for a new one.",
  });
}

function unknownHost(
  name: string,
  hosts: readonly FleetHost[],
  at: { file: string; line: number; column: number },
): Problem {
  const names = hosts.map((host) => host.name);
  const hint =
    suggest(name, names) ?? `The fleet has ${names.slice(0, 5).join(", ")}${names.length > 5 ? ", ..." : ""}.`;
  return { code: "E_FLEET_UNKNOWN_HOST", message: `the fleet has no host "${name}"`, ...at, hint };
}

function counted({ length }: readonly Problem[]): string {
  return `${length} ${length === 1 ? "problem" : "problems"}`;
}

const RENDER_HELP = `
Exit code: 0 rendered, 1 failed, 2 the fleet or the host's name is not valid, or a file cannot be read.

Examples:
  devcloud-agent kickstart render --fleet fleet.yaml cmp07.dc1.example.net
  devcloud-agent kickstart render --fleet fleet.yaml cmp07.dc1.example.net --token cmp07.token --output cmp07.ks
`;

const VALIDATE_HELP = `
Reads it as the installer would, checks every value that it knows, and each script with bash -n. Nothing of it is run.
Exit code: 0 valid, 2 not, or it cannot be read.

Example:
  devcloud-agent kickstart validate cmp07.ks
`;
