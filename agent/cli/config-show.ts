import type { Command } from "commander";
import { stringify } from "yaml";
import { type LoadResult, loadSettings } from "../config/load.ts";
import { printable } from "../config/printable.ts";
import { withoutSecrets } from "../config/secrets.ts";
import type { ConfigFiles } from "../config/sources.ts";
import { tellProblems } from "./check-config.ts";
import type { Io } from "./io.ts";

export interface ConfigShowOptions {
  /** Where the host's directories are; "/" on a real host. */
  readonly root: string;
  /** A line for each setting, with the file and line that said it. */
  readonly origin: boolean;
  readonly json: boolean;
}

/**
 * Shows the merged configuration of the host, without defaults; also one that is not valid, as far as it can be read,
 * because that is when one wants to see it. Secrets are left out. Resolves to the exit code: 0 valid, 2 not.
 */
export async function configShow(options: ConfigShowOptions, io: Io, files: ConfigFiles): Promise<number> {
  const result = await loadSettings(options.root, files);
  if (options.json) io.stdout(`${JSON.stringify(documentOf(result), null, 2)}\n`);
  else if (options.origin) io.stdout(originLines(result));
  else if (result.origins.length > 0) io.stdout(stringify(withoutSecrets(result.merged), { lineWidth: 120 }));
  tellProblems(result, io, options.json);
  return result.ok ? 0 : 2;
}

function documentOf(result: LoadResult) {
  return {
    schema: "devcloud-agent/config-show/v1",
    ok: result.ok,
    files: result.sources.map(({ file, rank }) => ({ file, rank })),
    config: withoutSecrets(result.merged),
    origins: result.origins,
    ...(result.ok && { settings: withoutSecrets(result.settings), networkHash: result.networkHash }),
    problems: result.ok ? [] : result.problems,
    warnings: result.warnings,
  };
}

function originLines({ origins }: LoadResult): string {
  const rows = origins.map(
    ({ path, value, file, line }) => [`${path}: ${JSON.stringify(value)}`, `${file}:${line}`] as const,
  );
  const width = Math.min(72, Math.max(0, ...rows.map(([setting]) => setting.length)));
  return rows
    .map(([setting, place]) => `${printable(setting, 400).padEnd(width)}  ${printable(place, 1000)}\n`)
    .join("");
}

/** Adds `show` to the group `config`; `done` gets the exit code. */
export function registerConfigShow(program: Command, io: Io, files: ConfigFiles, done: (code: number) => void): void {
  const group = program.commands.find((command) => command.name() === "config") ?? program.command("config");
  group
    .description("look at the configuration")
    .addHelpText("after", "\nExamples:\n  devcloud-agent config show --origin\n")
    .command("show")
    .description("show the merged configuration of this host, without defaults")
    .option("--origin", "a line for each setting, with the file and line that said it", false)
    .option("--json", "print one JSON document, with defaults under `settings`", false)
    .addHelpText("after", HELP)
    .action(async (options: { origin: boolean; json: boolean }) => {
      const { root } = program.opts<{ root?: string }>();
      done(await configShow({ root: root ?? "/", ...options }, io, files));
    });
}

const HELP = `
The values of a container's environment and the account in a URL are left out.
Exit code: 0 valid, 2 not valid (what could be read is shown all the same).

Examples:
  devcloud-agent config show                           YAML, ready to be compared
  devcloud-agent config show --origin                  who said what
  devcloud-agent config show --json | jq .settings     with defaults, as the agent sees it
`;
