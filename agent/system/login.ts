import { readFile } from "node:fs/promises";

/** A session of sshd: its process is named so before OpenSSH 9.8, and after. */
const SESSION = new Set(["sshd", "sshd-session"]);
/** USER_HZ, in which /proc tells times on every platform that Node runs on. */
const TICKS_PER_SECOND = 100;

interface Process {
  readonly parent: number;
  readonly name: string;
  /** Seconds after the boot. */
  readonly startedAt: number;
}

/** How long ago the login that this process belongs to began, in milliseconds; undefined where it did not come through sshd. */
export async function loginAgeMs(pid = process.pid, proc = "/proc"): Promise<number | undefined> {
  const [uptime = "0"] = (await readFile(`${proc}/uptime`, "utf8")).split(" ");
  for (let next = pid; next > 1; ) {
    const found = await processOf(next, proc);
    if (found === undefined) return undefined;
    if (SESSION.has(found.name)) return Math.max(0, Number(uptime) - found.startedAt) * 1000;
    next = found.parent;
  }
  return undefined;
}

/** proc(5): the name stands in parentheses and may have some itself. */
async function processOf(pid: number, proc: string): Promise<Process | undefined> {
  const text = await readFile(`${proc}/${pid}/stat`, "utf8").catch(() => undefined);
  const match = text === undefined ? null : /^\d+ \((?<name>.*)\) (?<rest>.*)$/s.exec(text);
  const { name, rest } = match?.groups ?? {};
  if (name === undefined || rest === undefined) return undefined;
  const fields = rest.split(" ");
  return { name, parent: Number(fields[1]), startedAt: Number(fields[19]) / TICKS_PER_SECOND };
}
