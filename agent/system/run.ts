import { spawn } from "node:child_process";
import { AgentError } from "../core/errors.ts";
import { killGroup, letGo } from "./group.ts";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly signal: AbortSignal;
  /** The child is killed after this time, in milliseconds, with every process that it started. */
  readonly timeoutMs: number;
  /** What it reads. A promise must not reject: the program is started at once, and its time begins when the input is there. */
  readonly input?: string | Promise<string>;
  /** Called when it has really ended: what waits in the kernel, as on a file system that hangs, outlives SIGKILL and this call. */
  readonly onExit?: () => void;
}

/** More than any answer of a tool that we run; a tool that says more has gone mad. */
const MAX_OUTPUT = 32 * 1024 * 1024;

/** How long the pipes of a program that ended, or was killed, may stay silent before nobody waits for them any more. */
export const PIPES_MS = 250;

/**
 * Runs a program to its end, without a shell. Resolves with its exit code, also a bad one (128 + signal for a killed one).
 * Throws E_TOOL_MISSING, E_TOOL_TIMEOUT, or the signal's reason.
 */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  options.signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Ran>();
  const stdio = [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"] as const;
  const child = spawnOr(options.onExit, command, args, { stdio: [...stdio], detached: true });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let size = 0;
  let heard = 0;
  const collect = (into: Buffer[]) => (chunk: Buffer) => {
    heard += 1;
    size += chunk.length;
    if (size > MAX_OUTPUT) end();
    else into.push(chunk);
  };
  child.stdout?.on("data", collect(stdout));
  child.stderr?.on("data", collect(stderr));
  let late = false;
  let exit: { readonly code: number | null } | undefined;
  let grace: NodeJS.Timeout | undefined;
  // A process that outlived the program may hold its pipes for as long as it likes: they are waited for only while they speak.
  const waitForPipes = (): void => {
    clearTimeout(grace);
    const before = heard;
    // What was already written is read between the timer and this.
    const look = (): void => void setImmediate(() => (heard === before || late ? settle() : waitForPipes()));
    grace = setTimeout(look, PIPES_MS);
  };
  const end = (): void => {
    killGroup(child);
    waitForPipes();
  };
  const settle = (): void => {
    if (options.signal.aborted) reject(options.signal.reason as Error);
    else if (late) reject(timedOut(command, args, options.timeoutMs));
    else resolve({ code: exit?.code ?? 137, stdout: text(stdout), stderr: text(stderr) });
  };
  let timer: NodeJS.Timeout | undefined;
  let over = false;
  const feed = (input?: string): void => {
    if (over) return;
    timer = setTimeout(() => {
      late = true;
      end();
    }, options.timeoutMs);
    child.stdin?.end(input);
  };
  options.signal.addEventListener("abort", end, { once: true });
  child.on("error", (error: NodeJS.ErrnoException) => {
    options.onExit?.();
    const missing = error.code === "ENOENT";
    const message = missing ? `${command} is not installed` : `${command} could not be run: ${error.message}`;
    reject(new AgentError({ code: missing ? "E_TOOL_MISSING" : "E_TOOL_FAILED", message }, { cause: error }));
  });
  child.on("exit", (code) => {
    exit = { code };
    options.onExit?.();
    waitForPipes();
  });
  child.on("close", settle);
  // A child that ends before it has read everything is its own matter: its exit code says what is wrong.
  child.stdin?.on("error", () => undefined);
  if (options.input instanceof Promise) void options.input.then(feed);
  else feed(options.input);
  return promise.finally(() => {
    over = true;
    clearTimeout(timer);
    clearTimeout(grace);
    options.signal.removeEventListener("abort", end);
    letGo(child);
  });
}

/** Some failures, such as that there is no memory for a process, are thrown instead of told by the child. */
function spawnOr(failed: (() => void) | undefined, ...what: Parameters<typeof spawn>): ReturnType<typeof spawn> {
  try {
    return spawn(...what);
  } catch (error) {
    failed?.();
    throw error;
  }
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
