import type { ControllerTiming } from "../config/settings.ts";
import type { Problem } from "../core/errors.ts";

/*
 * The link to the controller as data: what state it is in, what happened, and what is to be done. Pure; times are monotonic
 * milliseconds that the caller brings along, chance too.
 */

export type SessionState =
  | { readonly state: "off" }
  | {
      readonly state: "waiting";
      readonly until: number;
      /** Failures in a row; how many there were decides how long the next pause may be. */
      readonly attempt: number;
      readonly problem: Problem;
      /** The one that failed: another one is next, if there is another one. */
      readonly endpoint: string;
    }
  | { readonly state: "connecting"; readonly since: number; readonly attempt: number; readonly endpoint: string }
  | OpenState;

export interface OpenState {
  readonly state: "open";
  readonly since: number;
  readonly attempt: number;
  readonly endpoint: string;
  /** Any frame counts as life. */
  readonly heardAt: number;
  readonly pingedAt?: number;
  /** A report waits for its answer since then. */
  readonly owedSince?: number;
  /** It answered at least once, so it is a controller and not merely something that listens. */
  readonly acked: boolean;
  /** How many messages, and bytes of them, came since `since` of the window. */
  readonly window: { readonly since: number; readonly count: number; readonly bytes: number };
}

export type SessionEvent =
  | { readonly event: "configured"; readonly endpoints: readonly string[] }
  | { readonly event: "opened" }
  | { readonly event: "heard" }
  /** A message of so many bytes came; nobody looked into it yet. */
  | { readonly event: "received"; readonly bytes: number }
  | { readonly event: "sent" }
  | { readonly event: "answered" }
  /** The connection could not be made, was closed, or is no good; `retryAfterMs` where the other side asked for a pause. */
  | { readonly event: "lost"; readonly problem: Problem; readonly retryAfterMs?: number }
  | { readonly event: "time" };

export type SessionEffect =
  | { readonly do: "connect"; readonly endpoint: string }
  | { readonly do: "ping" }
  | { readonly do: "drop" };

export interface Surroundings {
  readonly now: number;
  readonly timing: ControllerTiming;
  readonly endpoints: readonly string[];
  /** From 0 to 1. */
  readonly random: () => number;
}

export interface Advance {
  readonly state: SessionState;
  readonly effects: readonly SessionEffect[];
}

/** A controller has an answer a report; whoever sends so many in one window of silence wants something else. */
const MAX_MESSAGES = 200;

/**
 * In the same window. A configuration has at most 1 MiB, and may come anew, or be another one, before the window ends. What it
 * costs to read a message grows with its bytes: about 0.1 s a MiB where they are chosen for that.
 */
const MAX_BYTES = 4 * 1024 * 1024;

/** The next state, and what to do on the way there. */
export function advance(state: SessionState, event: SessionEvent, around: Surroundings): Advance {
  switch (event.event) {
    case "configured":
      return configured(state, event.endpoints, around);
    case "lost":
      return state.state === "off" || state.state === "waiting"
        ? stay(state)
        : lost(state, event.problem, around, event.retryAfterMs);
    case "opened":
      return state.state === "connecting" ? stay(opened(state, around)) : stay(state);
    case "heard":
      return state.state === "open" ? stay(heard(state, around)) : stay(state);
    case "received":
      return state.state === "open" ? received(state, event.bytes, around) : stay(state);
    case "sent":
      return state.state === "open" ? stay({ ...state, owedSince: state.owedSince ?? around.now }) : stay(state);
    case "answered":
      return state.state === "open" ? stay(answered(state)) : stay(state);
    case "time":
      return onTime(state, around);
  }
}

/** When `time` has to be said next; absent when nothing depends on it. */
export function nextAt(state: SessionState, timing: ControllerTiming): number | undefined {
  switch (state.state) {
    case "off":
      return undefined;
    case "waiting":
      return state.until;
    case "connecting":
      return state.since + timing.connectTimeoutMs;
    case "open":
      return Math.min(
        state.heardAt + timing.silentForMs,
        state.pingedAt === undefined ? state.heardAt + timing.pingAfterMs : Number.POSITIVE_INFINITY,
        state.owedSince === undefined ? Number.POSITIVE_INFINITY : state.owedSince + timing.ackTimeoutMs,
      );
  }
}

function stay(state: SessionState): Advance {
  return { state, effects: [] };
}

function configured(state: SessionState, endpoints: readonly string[], around: Surroundings): Advance {
  const connected = state.state === "connecting" || state.state === "open";
  if (connected && endpoints.includes(state.endpoint)) return stay(state);
  const drop = connected ? [{ do: "drop" as const }] : [];
  if (endpoints.length === 0) return { state: { state: "off" }, effects: drop };
  // One that is gone from the settings is no reason to wait; it may have asked for a day.
  if (state.state === "waiting" && endpoints.includes(state.endpoint)) return stay(state);
  const connect = connectTo(undefined, 0, around);
  return { state: connect.state, effects: [...drop, ...connect.effects] };
}

function connectTo(failed: string | undefined, attempt: number, { endpoints, random, now }: Surroundings): Advance {
  const others = endpoints.filter((endpoint) => endpoint !== failed);
  const choice = others.length > 0 ? others : endpoints;
  const endpoint = choice[Math.min(choice.length - 1, Math.floor(random() * choice.length))];
  if (endpoint === undefined) return stay({ state: "off" });
  return { state: { state: "connecting", since: now, attempt, endpoint }, effects: [{ do: "connect", endpoint }] };
}

function opened({ attempt, endpoint }: { attempt: number; endpoint: string }, { now }: Surroundings): OpenState {
  return {
    state: "open",
    since: now,
    attempt,
    endpoint,
    heardAt: now,
    acked: false,
    window: { since: now, count: 0, bytes: 0 },
  };
}

function heard({ pingedAt: _answered, ...state }: OpenState, { now }: Surroundings): OpenState {
  return { ...state, heardAt: now };
}

function received(state: OpenState, bytes: number, around: Surroundings): Advance {
  const fresh = around.now - state.window.since >= around.timing.pingAfterMs;
  const before = fresh ? { since: around.now, count: 0, bytes: 0 } : state.window;
  const window = { ...before, count: before.count + 1, bytes: before.bytes + bytes };
  if (window.count > MAX_MESSAGES) return flooded(state, `more than ${MAX_MESSAGES} messages`, around);
  if (window.bytes > MAX_BYTES) return flooded(state, `more than ${MAX_BYTES} bytes`, around);
  return stay({ ...state, window });
}

function flooded(state: OpenState, what: string, around: Surroundings): Advance {
  return lost(state, problem("E_CONTROLLER_FLOOD", `it sent ${what} in a row`), around);
}

function answered({ owedSince: _paid, ...state }: OpenState): OpenState {
  return { ...state, acked: true };
}

function onTime(state: SessionState, around: Surroundings): Advance {
  const { now, timing } = around;
  switch (state.state) {
    case "off":
      return stay(state);
    case "waiting":
      return now < state.until ? stay(state) : connectTo(state.endpoint, state.attempt, around);
    case "connecting": {
      if (now < state.since + timing.connectTimeoutMs) return stay(state);
      const message = `no WebSocket within ${timing.connectTimeoutMs} ms`;
      return lost(state, problem("E_CONTROLLER_TIMEOUT", message), around);
    }
    case "open":
      return openOnTime(state, around);
  }
}

function openOnTime(state: OpenState, around: Surroundings): Advance {
  const { now, timing } = around;
  if (now >= state.heardAt + timing.silentForMs) {
    return lost(state, problem("E_CONTROLLER_SILENT", `nothing was heard for ${now - state.heardAt} ms`), around);
  }
  if (state.owedSince !== undefined && now >= state.owedSince + timing.ackTimeoutMs) {
    const message = `a report was not answered within ${timing.ackTimeoutMs} ms`;
    return lost(state, problem("E_CONTROLLER_SILENT", message), around);
  }
  if (state.pingedAt === undefined && now >= state.heardAt + timing.pingAfterMs) {
    return { state: { ...state, pingedAt: now }, effects: [{ do: "ping" }] };
  }
  return stay(state);
}

/**
 * Full jitter, also before the first retry: a fleet that lost its controller at one moment must not come back at one. A
 * connection counts as a success only after a while of use, so that one that accepts and closes does not make a hot loop.
 */
function lost(
  state: Extract<SessionState, { state: "connecting" | "open" }>,
  why: Problem,
  { now, timing, random }: Surroundings,
  retryAfterMs?: number,
): Advance {
  const wasOfUse = state.state === "open" && state.acked && now - state.since >= timing.healthyAfterMs;
  const attempt = wasOfUse ? 0 : state.attempt;
  const ceiling = Math.min(timing.backoffMaxMs, timing.backoffMinMs * 2 ** Math.min(attempt, 30));
  const asked =
    retryAfterMs === undefined ? 0 : Math.min(timing.retryAfterMaxMs, Math.max(timing.retryAfterMinMs, retryAfterMs));
  const waiting: SessionState = {
    state: "waiting",
    until: now + asked + random() * ceiling,
    attempt: attempt + 1,
    problem: why,
    endpoint: state.endpoint,
  };
  return { state: waiting, effects: [{ do: "drop" }] };
}

function problem(code: string, message: string): Problem {
  return { code, message: `the controller: ${message}` };
}
