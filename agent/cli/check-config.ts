import type { Command } from "commander";
import { type LoadResult, loadFiles, loadSettings } from "../config/load.ts";
import { renderProblems } from "../config/report.ts";
import type { ConfigFiles } from "../config/sources.ts";
import type { Problem } from "../core/errors.ts";
import type { Io } from "./io.ts";

export interface CheckConfigOptions {
  /** Where the host's directories are; "/" on a real host. */
  readonly root: string;
  /** Checked alone and merged in this order; none: the configuration of the host. */
  readonly files: readonly string[];
  readonly json: boolean;
}

/** Checks the configuration and touches nothing. Resolves to the exit code: 0 valid, 2 not. */
export async function checkConfig(options: CheckConfigOptions, io: Io, files: ConfigFiles): Promise<number> {
  const result =
    options.files.length > 0 ? await loadFiles(options.files, files) : await loadSettings(options.root, files);
  if (options.json) io.stdout(`${JSON.stringify(documentOf(result), null, 2)}\n`);
  else if (result.ok) io.stdout(`${summary(result)}\n`);
  tellProblems(result, io, options.json);
  return result.ok ? 0 : 2;
}

/** Problems and warnings for a person, on stderr. With `quiet` (a document was printed that holds them) nothing. */
export function tellProblems(result: LoadResult, io: Io, quiet: boolean): void {
  if (quiet) return;
  const shared = { colour: io.isTty, sources: result.sources };
  if (!result.ok) {
    const heading = `The configuration is not valid: ${count(result.problems.length, "problem")}${warned(result.warnings)}.`;
    io.stderr(renderProblems(result.problems, { ...shared, heading }));
  } else if (result.warnings.length > 0) {
    io.stderr(renderProblems(result.warnings, { ...shared, heading: `${count(result.warnings.length, "warning")}:` }));
  }
}

function documentOf(result: LoadResult) {
  return {
    schema: "devcloud-agent/check-config/v1",
    ok: result.ok,
    files: result.sources.map(({ file, rank }) => ({ file, rank })),
    ...(result.ok && { networkHash: result.networkHash }),
    problems: result.ok ? [] : result.problems,
    warnings: result.warnings,
  };
}

function summary(result: LoadResult & { ok: true }): string {
  const { network } = result.settings;
  const what = network ? `network: ${network.mode}, hash ${result.networkHash.slice(0, 12)}` : "no network";
  return `The configuration is valid (${count(result.sources.length, "file")}; ${what}).`;
}

// With problems to show, the screen is theirs.
function warned(warnings: readonly Problem[]): string {
  return warnings.length === 0 ? "" : ` and ${count(warnings.length, "warning")} (shown by --json)`;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}

/** Adds `check-config` to the program; `done` gets the exit code. */
export function registerCheckConfig(program: Command, io: Io, files: ConfigFiles, done: (code: number) => void): void {
  program
    .command("check-config")
    .description("check the configuration without touching anything")
    .argument("[files...]", "fragments to check alone, merged in this order (default: the configuration of this host)")
    .option("--json", "print one JSON document", false)
    .addHelpText("after", HELP)
    .action(async (paths: string[], options: { json: boolean }) => {
      const { root } = program.opts<{ root?: string }>();
      done(await checkConfig({ root: root ?? "/", files: paths, json: options.json }, io, files));
    });
}

const HELP = `
Every problem is told at once, with file, line, column, what was expected and a hint.
Exit code: 0 valid, 2 not valid.

Examples:
  devcloud-agent check-config                          the configuration of this host
  devcloud-agent check-config 50-host.yaml             one file alone, before it is put into place
  devcloud-agent check-config base.yaml host.yaml      two files, the second above the first
  devcloud-agent check-config --json | jq .problems
`;
