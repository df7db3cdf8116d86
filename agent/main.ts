import { fileURLToPath } from "node:url";
import { AgentError } from "./core/errors.ts";

const program = fileURLToPath(import.meta.url);
const argv = process.argv.slice(2);
const root = rootOfRun(argv);

// The daemon starts on every boot of every host before Docker may: it loads nothing of the other commands.
process.exitCode =
  root === undefined
    ? await import("./cli/program.ts").then(({ runCli }) => runCli(argv, program, terminal()))
    : await import("./daemon.ts").then(({ runDaemon }) => runDaemon(root, program)).catch(told);

/** Before the daemon has anything to go on with, what is wrong with the host ends it. Resolves to the exit code. */
function told(error: unknown): number {
  if (!(error instanceof AgentError)) throw error;
  const { code, message, hint } = error.problem;
  process.stderr.write(`devcloud-agent: ${message} (${code})${hint === undefined ? "" : `\n  ${hint}`}\n`);
  return 1;
}

/** The root of `[--root DIR] run`, exactly; anything else, such as `run --help`, is for the command line's parser. */
function rootOfRun(words: readonly string[]): string | undefined {
  if (words.length === 1 && words[0] === "run") return "/";
  return words.length === 3 && words[0] === "--root" && words[2] === "run" ? words[1] : undefined;
}

function terminal() {
  // Whoever reads has enough: `config show | head -1`.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    process.stderr.write(`devcloud-agent: the output could not be written: ${error.message}\n`);
    process.exit(1);
  });
  // There is nobody left to be told.
  process.stderr.on("error", () => undefined);
  return {
    stdout: (text: string) => void process.stdout.write(text),
    stderr: (text: string) => void process.stderr.write(text),
    // Exactly true: for a pipe it is undefined, whatever its type says, and a library would then look for colour by itself.
    isTty: process.stdout.isTTY === true && process.env.NO_COLOR === undefined,
    ...(process.stdout.isTTY === true && canDraw(process.env) ? { canvas: { columns: process.stdout.columns } } : {}),
  };
}

/** The first of them that is set decides, as for every program. */
function canDraw({ LC_ALL, LC_CTYPE, LANG, TERM }: NodeJS.ProcessEnv): boolean {
  return TERM !== "dumb" && /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || "");
}
