import { execFile } from "node:child_process";
import { write } from "node:fs";

/** Messages of sd_notify(3) to the service manager. */
export interface Notifier {
  /** Assignments such as `READY=1`, `STATUS=...`, several in one message. Never rejects: a manager that is away is no fault of ours. */
  send(assignments: readonly string[]): Promise<void>;
  /** How often WATCHDOG=1 is due, in milliseconds; absent when nobody watches. */
  readonly watchdogMs?: number;
}

/**
 * How this process reaches its service manager: the descriptor that `OpenFile=/run/systemd/notify:notify` passed (systemd 253
 * or newer), else the systemd-notify program, else not at all.
 */
export function openNotifier(env: NodeJS.ProcessEnv): Notifier {
  const descriptor = passedDescriptor(env);
  const watchdog = Number(env.WATCHDOG_USEC);
  const watchdogMs = Number.isFinite(watchdog) && watchdog > 0 ? { watchdogMs: Math.floor(watchdog / 2000) } : {};
  if (descriptor !== undefined) return { ...watchdogMs, send: (lines) => sendTo(descriptor, lines) };
  if (env.NOTIFY_SOCKET === undefined) return { send: async () => undefined };
  return { ...watchdogMs, send: sendByProgram };
}

/** sd_listen_fds(3): descriptors from 3 on, named in LISTEN_FDNAMES, meant for the process LISTEN_PID. */
function passedDescriptor(env: NodeJS.ProcessEnv): number | undefined {
  if (Number(env.LISTEN_PID) !== process.pid) return undefined;
  const index = (env.LISTEN_FDNAMES ?? "").split(":").indexOf("notify");
  return index < 0 || index >= Number(env.LISTEN_FDS) ? undefined : 3 + index;
}

function sendTo(descriptor: number, lines: readonly string[]): Promise<void> {
  return new Promise((resolve) => write(descriptor, lines.join("\n"), () => resolve()));
}

/** The package knows READY and STATUS; the rest goes to the same program without it. */
async function sendByProgram(lines: readonly string[]): Promise<void> {
  const { default: notify } = await import("systemd-notify");
  const status = lines.find((line) => line.startsWith("STATUS="))?.slice("STATUS=".length);
  const ready = lines.includes("READY=1");
  const rest = lines.filter((line) => line !== "READY=1" && !line.startsWith("STATUS="));
  const options = { ...(ready ? { ready } : {}), ...(status === undefined ? {} : { status }) };
  if (Object.keys(options).length > 0) await notify(options).catch(() => undefined);
  if (rest.length === 0) return;
  await new Promise<void>((resolve) => execFile("systemd-notify", [`--pid=${process.pid}`, ...rest], () => resolve()));
}
