import { defaultTiming } from "../config/timing.ts";
import { AgentError, type Problem } from "../core/errors.ts";
import { openHost } from "../host.ts";
import { finishRollback } from "../network/ending.ts";
import { systemClock } from "../system/clock.ts";
import { askDaemon } from "../system/http.ts";
import { loginAgeMs } from "../system/login.ts";
import { placesUnder } from "../system/places.ts";
import { openStateStore } from "../system/state-store.ts";
import type { Status } from "../web/status.ts";
import type { Io } from "./io.ts";
import type { SessionOptions } from "./session.ts";

const ANSWER_MS = 10_000;
/** How often the dead-man looks whether its change is still pending. */
const LOOK_MS = 250;
/** A rollback is tried this often before the exit code says that it failed; the daemon, when it is back, goes on with it. */
const TRIES = 20;

/** A person's word on the pending change, through the daemon. Resolves to the exit code. */
export async function answerPending(word: "confirm" | "rollback", io: Io, options: SessionOptions): Promise<number> {
  const { controlSocket } = placesUnder(options.root);
  const within = AbortSignal.any([options.signal, AbortSignal.timeout(ANSWER_MS)]);
  const ask = async (): Promise<unknown> => {
    if (word === "confirm") await refuseOldLogin(controlSocket, within);
    return await askDaemon(controlSocket, "POST", `/v1/network/${word}`, within);
  };
  const answer = await ask().catch(sayWhatHolds);
  if (answer === undefined) {
    if (word === "confirm") return await confirmLater(io, options);
    return (await takeBack(undefined, undefined, io, options, "the operator said so")) ? 0 : 1;
  }
  const pending = typeof answer === "object" && answer !== null && "pending" in answer ? answer.pending : null;
  io.stdout(
    pending === null
      ? "No change is pending.\n"
      : `Change ${pending}: ${word === "confirm" ? "confirmed" : "is taken back"}.\n`,
  );
  return pending === null ? 1 : 0;
}

/** Whoever waits for an answer that does not come has to know whether the host is lost: it is not. */
function sayWhatHolds(error: unknown): never {
  if (!(error instanceof AgentError && error.code === "E_CONTROL_TIMEOUT")) throw error;
  const { hint } = error.problem;
  const holds =
    "An unconfirmed change goes back by itself at its deadline; devcloud-agent network rollback --pending takes it back now, without the daemon.";
  throw new AgentError({ ...error.problem, hint: `${holds} ${hint}` }, { cause: error });
}

/** Only the daemon confirms, because it knows what answers; what it left behind waits for it until the deadline. */
async function confirmLater(io: Io, { root }: SessionOptions): Promise<number> {
  const onUnreadable = ({ message }: Problem) => io.stderr(`${message}\n`);
  const state = openStateStore(placesUnder(root).networkState, { onUnreadable, keepAside: false });
  const pending = await state.read("pending");
  io.stderr(
    pending === undefined
      ? "No change is pending.\n"
      : `Change ${pending.id} is pending, and the daemon does not run: start the daemon (systemctl start devcloud-agent), then confirm.\n`,
  );
  return 1;
}

/**
 * A connection from before the change proves nothing about those that come after it. A login at the console, or in a terminal that
 * outlives its connections, is the person's own word.
 */
async function refuseOldLogin(controlSocket: string, signal: AbortSignal): Promise<void> {
  const status = (await askDaemon(controlSocket, "GET", "/v1/status", signal)) as Status | undefined;
  const sinceMs = status?.network.change?.sinceMs;
  const ageMs = sinceMs === undefined ? undefined : await loginAgeMs();
  if (sinceMs === undefined || ageMs === undefined || ageMs <= sinceMs) return;
  throw new AgentError({
    code: "E_NETWORK_OLD_LOGIN",
    message: "this login is older than the change, and does not show that the host can still be reached",
    hint: "Log in anew, which goes through the changed network, and confirm there. Until then the change waits for its deadline.",
  });
}

/**
 * Takes a pending change back in this process, whoever else holds the lock: what the dead-man runs. Does nothing when the change
 * was confirmed, or another one than `id` is pending.
 */
export async function rollBackPending(
  id: string | undefined,
  at: number | undefined,
  io: Io,
  options: SessionOptions,
): Promise<number> {
  await takeBack(id, at, io, options, "not confirmed in time");
  return 0;
}

/** Resolves with whether there was something to take back. */
async function takeBack(
  id: string | undefined,
  at: number | undefined,
  io: Io,
  { root, program, signal }: SessionOptions,
  reason: string,
): Promise<boolean> {
  const host = await openHost({
    root,
    program,
    timing: defaultTiming,
    steal: true,
    report: () => undefined,
    onProblem: (problem) => io.stderr(`${problem.message}\n`),
  });
  const { state } = host.ports;
  try {
    while (at !== undefined && systemClock.monotonic() < at) {
      // An agent that takes it back itself is not hurried: it knows why, and holds the lock.
      const open = (await state.read("pending")) ?? (await state.read("rolling-back"));
      if (open === undefined || (id !== undefined && open.id !== id)) break;
      await systemClock.sleep(LOOK_MS, signal);
    }
    const pending = await state.read("pending");
    const isMeant = pending !== undefined && (id === undefined || pending.id === id);
    // Whoever claimed it before knew why, and may have blamed nobody for it.
    let stuck: typeof pending;
    const blamed =
      isMeant &&
      (await state.claim("pending", "rolling-back").catch(() => {
        // On a read-only disk it stays pending, and is taken back all the same.
        stuck = pending;
        return true;
      }));
    const claimed = stuck ?? (await state.read("rolling-back"));
    if (claimed === undefined || (id !== undefined && claimed.id !== id)) {
      io.stdout("No change is pending.\n");
      return false;
    }
    await persist(() => finishRollback(host.ports, claimed, reason, signal, blamed), signal);
    io.stdout(`Change ${claimed.id} was taken back.\n`);
    return true;
  } finally {
    host.close();
  }
}

async function persist(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (let left = TRIES; ; left -= 1) {
    try {
      return await work();
    } catch (error) {
      if (left === 1 || signal.aborted) throw error;
      await systemClock.sleep(1_000, signal);
    }
  }
}
