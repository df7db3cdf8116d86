import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

const FREEZE_MS = 5_000;

/** A process for good: a pid alone may be given to another process later; the pair never is within one boot. */
export interface ProcessId {
  readonly pid: number;
  /** Start time in clock ticks since boot: field 22 of /proc/PID/stat, proc(5). */
  readonly start: string;
}

/** The start time of `pid`, or undefined where it runs no more; a zombie counts as gone. */
export function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // Field 2 is the command in parentheses and may itself hold blanks and parentheses.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const [state] = fields;
    return state === "Z" || state === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

export function identify(pid: number): ProcessId {
  const start = startOf(pid);
  if (start === undefined) throw new Error(`There is no process ${pid}`);
  return { pid, start };
}

export function isAlive(id: ProcessId): boolean {
  return startOf(id.pid) === id.start;
}

/** Sends a signal to exactly that process; returns false where it is gone. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): boolean {
  if (!isAlive(id)) return false;
  try {
    return process.kill(id.pid, signal);
  } catch {
    return false;
  }
}

/** Stops a process (SIGSTOP), all threads of it: until the last one has the signal it may go on answering. */
export function freeze(id: ProcessId): void {
  const until = Date.now() + FREEZE_MS;
  signalProcess(id, "SIGSTOP");
  while (isAlive(id) && !isFrozen(id.pid)) {
    if (Date.now() > until) throw new Error(`Process ${id.pid} has not stopped within ${FREEZE_MS} ms`);
  }
}

function isFrozen(pid: number): boolean {
  try {
    // proc(5): the state follows the name, which stands in parentheses.
    const stopped = (tid: string): boolean => /\) [Tt] /.test(readFileSync(`/proc/${pid}/task/${tid}/stat`, "utf8"));
    return readdirSync(`/proc/${pid}/task`).every(stopped);
  } catch {
    // A thread ended meanwhile: look again.
    return false;
  }
}

/** Waits until the process is gone, for processes that are no children of ours; throws after `timeoutMs`. */
export async function gone(id: ProcessId, timeoutMs = 20_000): Promise<void> {
  const until = Date.now() + timeoutMs;
  while (isAlive(id)) {
    if (Date.now() > until) throw new Error(`Process ${id.pid} has not ended within ${timeoutMs} ms`);
    await delay(5);
  }
}

/** The network namespace that `file` (below /run/netns) pins, in the form of /proc/PID/ns/net; undefined if none. */
export async function namespaceAt(file: string): Promise<string | undefined> {
  const found = await stat(file).catch(() => undefined);
  return found && `net:[${found.ino}]`;
}

/** Every process whose network namespace is one of `namespaces`. */
export async function processesIn(namespaces: ReadonlySet<string>): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  return pids.filter((pid) => {
    try {
      return pid !== process.pid && namespaces.has(readlinkSync(`/proc/${pid}/ns/net`));
    } catch {
      return false;
    }
  });
}

/** Every process in the control groups `folders` and below. */
export async function processesInGroups(folders: readonly string[]): Promise<number[]> {
  const pids: number[] = [];
  for (const folder of folders) {
    const text = await readFile(`${folder}/cgroup.procs`, "utf8").catch(() => "");
    pids.push(...text.split("\n").filter(Boolean).map(Number));
  }
  return pids;
}

/** Kills whatever `find` finds until it finds nothing more: a process may be forking while it is being killed. */
export async function killAll(find: () => Promise<number[]>, timeoutMs = 20_000): Promise<void> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    const ids = (await find()).filter((pid) => startOf(pid) !== undefined);
    if (ids.length === 0) return;
    if (Date.now() > until) throw new Error(`These processes survive SIGKILL: ${ids.join(" ")}`);
    for (const pid of ids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself meanwhile.
      }
    }
    await delay(10);
  }
}
