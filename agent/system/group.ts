import type { ChildProcess } from "node:child_process";

/** Kills a program that was started `detached`, and every process that it left in its group. */
export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nobody is left in it.
  }
}

/** Nothing of it is read or waited for any more: whoever still holds its pipes does not keep this process alive. */
export function letGo(child: ChildProcess): void {
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
  child.unref();
}
