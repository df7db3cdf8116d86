import { spawn } from "node:child_process";
import { AgentError } from "../core/errors.ts";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly signal: AbortSignal;
  /** The child is killed after this time, in milliseconds. */
  readonly timeoutMs: number;
  readonly input?: string;
}

/** More than any answer of a tool that we run; a tool that says more has gone mad. */
const MAX_OUTPUT = 32 * 1024 * 1024;

/**
 * Runs a program to its end, without a shell. Resolves with its exit code, also a bad one (128 + signal for a killed one).
 * Throws E_TOOL_MISSING, E_TOOL_TIMEOUT, or the signal's reason.
 */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  options.signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Ran>();
  const child = spawn(command, args, { stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"] });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let size = 0;
  const collect = (into: Buffer[]) => (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_OUTPUT) child.kill("SIGKILL");
    else into.push(chunk);
  };
  child.stdout?.on("data", collect(stdout));
  child.stderr?.on("data", collect(stderr));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, options.timeoutMs);
  const abort = (): void => void child.kill("SIGKILL");
  options.signal.addEventListener("abort", abort, { once: true });
  child.on("error", (error: NodeJS.ErrnoException) => {
    const missing = error.code === "ENOENT";
    const message = missing ? `${command} is not installed` : `${command} could not be run: ${error.message}`;
    reject(new AgentError({ code: missing ? "E_TOOL_MISSING" : "E_TOOL_FAILED", message }, { cause: error }));
  });
  child.on("close", (code, killed) => {
    if (options.signal.aborted) reject(options.signal.reason as Error);
    else if (late) reject(timedOut(command, args, options.timeoutMs));
    else resolve({ code: code ?? (killed === null ? 1 : 137), stdout: text(stdout), stderr: text(stderr) });
  });
  // A child that ends before it has read everything is its own matter: its exit code says what is wrong.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(options.input);
  return promise.finally(() => {
    clearTimeout(timer);
    options.signal.removeEventListener("abort", abort);
  });
}

function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString("utf8");
}

function timedOut(command: string, args: readonly string[], timeoutMs: number): AgentError {
  return new AgentError({
    code: "E_TOOL_TIMEOUT",
    message: `${command} ${args.join(" ")} did not end in ${timeoutMs} ms`,
  });
}
