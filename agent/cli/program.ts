import { Command } from "commander";
import { AgentError, type Problem, problemOf } from "../core/errors.ts";
import { configFiles } from "../system/files.ts";
import { interrupted } from "../system/process.ts";
import { version } from "../version.ts";
import { registerCheckConfig, tellProblems } from "./check-config.ts";
import { registerConfigShow } from "./config-show.ts";
import { containersCommand } from "./containers.ts";
import { controllerCommand } from "./controller.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Io } from "./io.ts";
import { kickstartCommand } from "./kickstart.ts";
import { maintenanceCommand } from "./maintenance.ts";
import { registerNetwork } from "./network.ts";
import { renderProblems } from "./network-render.ts";
import { osCommand } from "./os.ts";
import { InvalidConfig } from "./session.ts";
import { showStatus } from "./status.ts";

/** Runs one command. Resolves to the exit code of the contract. */
export async function runCli(argv: readonly string[], programPath: string, io: Io): Promise<number> {
  let code = 0;
  const done = (result: number): void => {
    code = result;
  };
  const signal = interrupted();
  const program = new Command("devcloud-agent")
    .description("The agent of this host: its network before Docker, and never a lock-out.")
    .version(version, "--version", "print the version")
    .option("--root <dir>", "take every path below this directory", "/")
    .addHelpText("after", HELP)
    .exitOverride()
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr });
  let json = false;
  program.hook("preAction", (_, command) => {
    json = command.opts<{ json?: boolean }>().json === true;
  });
  const root = (): string => program.opts<{ root: string }>().root;
  // main.ts runs the daemon without this program; the command is here for its help.
  program
    .command("run")
    .description("run the daemon (systemd does)")
    .addHelpText(
      "after",
      "\nExamples:\n  devcloud-agent run\n  devcloud-agent --root /tmp/host run           a host of a test\n",
    );
  registerCheckConfig(program, io, configFiles, done);
  registerConfigShow(program, io, configFiles, done);
  registerNetwork(program, io, () => ({ root: root(), program: programPath, signal }), done);
  program.addCommand(containersCommand(io, () => ({ root: root(), signal }), done));
  program.addCommand(kickstartCommand(io, () => signal, done));
  program.addCommand(controllerCommand(io, () => ({ root: root(), signal }), done));
  program.addCommand(maintenanceCommand(io, () => ({ root: root(), signal }), done));
  program.addCommand(osCommand(io, () => ({ root: root(), signal }), done));
  program
    .command("status")
    .description("what the daemon says of this host")
    .option("--watch", "follow what happens", false)
    .option("--json", "print one JSON document; with --watch one event a line after it", false)
    .addHelpText(
      "after",
      "\nExit code: 0 sound, 1 not.\n\nExamples:\n  devcloud-agent status\n  devcloud-agent status --watch --json\n",
    )
    .action(async (options: { watch: boolean; json: boolean }) => done(await showStatus(options, root(), io, signal)));
  program
    .command("version")
    .description("print the version, and that of Node")
    .addHelpText("after", "\nExamples:\n  devcloud-agent version\n")
    .action(() => io.stdout(`devcloud-agent ${version} (node ${process.version})\n`));
  for (const command of program.commands) inherit(command, program);
  try {
    await program.parseAsync([...argv], { from: "user" });
    return signal.aborted ? 130 : code;
  } catch (error) {
    return signal.aborted ? 130 : failed(error, io, json);
  }
}

/** A command that was made apart from the program ends the process and writes to the terminal by itself otherwise. */
function inherit(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent);
  for (const each of command.commands) inherit(each, command);
}

function failed(error: unknown, io: Io, json: boolean): number {
  if (error instanceof InvalidConfig) {
    if (json) printFailure(error.result, io);
    else tellProblems(error.result, io, false);
    return 2;
  }
  // commander has printed its message, and its own exit code says help (0) or usage (1).
  if (error instanceof Error && "exitCode" in error && "code" in error && String(error.code).startsWith("commander.")) {
    return error.exitCode === 0 ? 0 : 2;
  }
  const problem = problemOf(error);
  if (json) printFailure({ problems: [problem], warnings: [] }, io);
  else io.stderr(`${renderProblems([problem], io.isTty).join("\n")}\n`);
  if (!(error instanceof AgentError) && error instanceof Error) io.stderr(`${error.stack ?? ""}\n`);
  return exitCodes[problem.code] ?? 1;
}

/** On one line: with `status --watch` it follows documents of one line each. */
function printFailure(
  { problems, warnings }: { readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] },
  io: Io,
): void {
  io.stdout(`${JSON.stringify({ schema: "devcloud-agent/failure/v1", ok: false, problems, warnings })}\n`);
}

const HELP = `
Exit code: 0 done, 1 failed, 2 invalid input or usage, 3 the plan is not empty, 4 refused for safety, 130 interrupted.

Examples:
  devcloud-agent check-config                          is the configuration valid?
  devcloud-agent network plan                          what would change
  devcloud-agent network apply                         change it, and keep it only if the host stays reachable
  devcloud-agent status --watch                        what happens
`;
