import { spawn } from "node:child_process";

/** What a finished command left. `code` is 128 + signal number where a signal ended it, as a shell says it. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly input?: string | Uint8Array | undefined;
  /** Milliseconds until SIGKILL; default 60 000, because a hanging `docker` or `ovs-vsctl` must not hang a test run. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Runs a command to its end. Rejects only if it cannot be started; look at `code`. */
export function run(argv: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  const [command = "", ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: options.env ?? process.env,
      stdio: ["pipe", "pipe", "pipe"],
      timeout: options.timeoutMs ?? 60_000,
      killSignal: "SIGKILL",
      ...(options.signal ? { signal: options.signal } : {}),
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    // A command that ends without reading its input is judged by its exit code, not by the broken pipe.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
    child.on("error", (cause) => reject(new Error(`${argv.join(" ")}: ${cause.message}`, { cause })));
    child.on("close", (code) =>
      resolve({ code: code ?? 137, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    );
  });
}

/** Runs a command that must succeed; returns its stdout. The error carries the command and what it said. */
export async function must(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const done = await run(argv, options);
  if (done.code === 0) return done.stdout;
  throw new Error(`${argv.join(" ")} ended with ${done.code}: ${(done.stderr || done.stdout).trim()}`);
}

/**
 * Runs `work` while this process holds the advisory lock on `path` (a file, made if missing, or a directory).
 * The lock is held by a `flock` child that lives as long as our end of its pipe: a SIGKILL of this process frees it.
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const holder = spawn("flock", [path, "sh", "-c", "echo held; exec cat"], { stdio: ["pipe", "pipe", "inherit"] });
  const closed = new Promise<void>((resolve) => holder.on("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    holder.stdout.once("data", () => resolve());
    holder.on("error", reject);
    holder.on("exit", (code) => reject(new Error(`flock ${path} ended with ${code} before it held the lock`)));
  });
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await closed;
  }
}
