import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";

/** How a command ended: its exit code (a signal counts as 1) and everything it printed, in the order it came. */
export interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** Runs `argv` in `cwd` with the project's own tools first on PATH. Never rejects: a command that cannot start has failed. */
export function exec(argv: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const [command = "false", ...args] = argv;
  const path = [join(cwd, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter);
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, NO_COLOR: "1", ...env, PATH: path },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const take = (chunk: string) => {
      output += chunk;
    };
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", take);
    child.on("error", (error) => resolve({ code: 1, output: `${command}: ${error.message}\n` }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}
