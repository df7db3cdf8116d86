import type { ControllerSettings } from "../config/settings.ts";
import { backoffMs } from "../core/backoff.ts";
import { type Problem, problemOf } from "../core/errors.ts";
import { decode, encode } from "./codec.ts";
import type { Answer, Report } from "./messages.ts";
import type { Connection, ControllerPorts } from "./ports.ts";
import { RemoteConfig } from "./remote.ts";
import { advance, nextAt, type SessionEvent, type SessionState } from "./session.ts";
import type { Session } from "./state.ts";
import { SessionStore } from "./store.ts";

/** How the link is now, for the status. */
export interface ControllerStatus {
  readonly uid: string;
  readonly session: SessionState["state"];
  readonly endpoint?: string;
  /** Of a connection that stands. */
  readonly connectedForMs?: number;
  /** Until the next attempt. */
  readonly againMs?: number;
  readonly problem?: Problem;
  readonly remote?: { readonly hash: string; readonly status: string; readonly error?: string };
}

/** The parts of a report that are sent only when they changed. */
type Parts = Pick<Report, "description" | "health" | "effective" | "remote">;

/** The link to the controller: a loop of its own that waits for nobody, and that nobody waits for. */
export class Controller {
  readonly #ports: ControllerPorts;
  readonly #settings: () => ControllerSettings | undefined;
  #state: SessionState = { state: "off" };
  #store: SessionStore | undefined;
  #remote: RemoteConfig | undefined;
  #connection: Connection | undefined;
  /** What this connection was told, as JSON by part; emptied when everything is to be told again. */
  #told = new Map<string, string>();
  /** Look whether there is something to report. */
  #due = false;
  /** Monotonic; when the host was last looked at for a report, and when one was last sent. */
  #lookedAt = Number.NEGATIVE_INFINITY;
  #sentAt = Number.NEGATIVE_INFINITY;
  /** When what could not be written is tried again; absent where there is no such thing. */
  #settleAt: number | undefined;
  #wake: () => void = () => undefined;

  constructor(ports: ControllerPorts, settings: () => ControllerSettings | undefined) {
    this.#ports = ports;
    this.#settings = settings;
  }

  get status(): ControllerStatus | undefined {
    const state = this.#state;
    const uid = this.#store?.session.uid;
    if (uid === undefined) return undefined;
    const now = this.#ports.clock.monotonic();
    const remote = this.#remote?.status;
    return {
      uid,
      session: state.state,
      ...(state.state === "off" ? {} : { endpoint: state.endpoint }),
      ...(state.state === "open" ? { connectedForMs: Math.round(now - state.since) } : {}),
      ...(state.state === "waiting"
        ? { againMs: Math.max(0, Math.round(state.until - now)), problem: state.problem }
        : {}),
      ...(remote === undefined ? {} : { remote }),
    };
  }

  /** Who this host is to the controller, and what is on trial; absent until it was read. */
  get session(): Session | undefined {
    return this.#store?.session;
  }

  /** Something on this host may be different from what was reported. Cheap; safe to call for every event. */
  changed(): void {
    this.#due = true;
    this.#wake();
  }

  /** The settings may be others. */
  reconfigured(): void {
    this.#apply({ event: "configured", endpoints: this.#settings()?.endpoints ?? [] });
    this.changed();
  }

  /** What became of a configuration is told at once. */
  #judged(): void {
    this.#lookedAt = Number.NEGATIVE_INFINITY;
    this.changed();
  }

  /** Try the last configuration of the controller again, although it failed. */
  retry(): void {
    this.#remote?.retry();
  }

  /** Until `signal` is aborted; says goodbye then. Its state is kept in memory while it cannot be written. */
  async run(signal: AbortSignal): Promise<void> {
    const store = await this.#openStore(signal);
    if (store === undefined) return;
    this.#store = store;
    if (store.unwritten)
      await store.update((session) => session).catch((error: unknown) => this.#complain(problemOf(error)));
    this.#remote = new RemoteConfig(this.#ports, store, () => this.#judged());
    this.#remote.resume();
    this.reconfigured();
    while (!signal.aborted) {
      this.#apply({ event: "time" });
      this.#settle();
      // What this host cannot say of itself at the moment is no reason to give the link up.
      await this.#report(store).catch((error: unknown) => this.#complain(problemOf(error)));
      await this.#pause(signal);
    }
    await this.#goodbye(store);
  }

  /** Tried until it can be read, because under another id this host would be another one. Undefined when that is not to be. */
  async #openStore(signal: AbortSignal): Promise<SessionStore | undefined> {
    const { clock, session, random, randomBytes } = this.#ports;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        return await SessionStore.open(session, clock.now(), randomBytes);
      } catch (error) {
        // Told when it began, and not at every try.
        if (attempt === 0) this.#complain(problemOf(error));
      }
      const { backoffMinMs: minMs = SETTLE_MS, backoffMaxMs: maxMs = SETTLE_MS } = this.#settings()?.timing ?? {};
      await clock.sleep(backoffMs(attempt, { minMs, maxMs }, random), signal).catch(() => undefined);
    }
    return undefined;
  }

  /** No more often than it says that it lives: whoever follows what happens wakes this loop. */
  #settle(): void {
    if (this.#remote?.unsettled !== true) {
      this.#settleAt = undefined;
      return;
    }
    const now = this.#ports.clock.monotonic();
    if (this.#settleAt !== undefined && now >= this.#settleAt) this.#remote.settle();
    if (this.#settleAt === undefined || now >= this.#settleAt) {
      this.#settleAt = now + (this.#settings()?.timing.heartbeatMs ?? SETTLE_MS);
    }
  }

  #apply(event: SessionEvent): void {
    const settings = this.#settings();
    const before = this.#state;
    if (settings === undefined) {
      this.#drop();
      this.#state = { state: "off" };
      return;
    }
    const { clock, random } = this.#ports;
    const now = clock.monotonic();
    const { timing, endpoints } = settings;
    const { state, effects } = advance(before, event, { now, timing, endpoints, random });
    this.#state = state;
    for (const effect of effects) {
      if (effect.do === "drop") this.#drop();
      else if (effect.do === "ping") this.#connection?.ping();
      else this.#connect(effect.endpoint);
    }
    if (state.state === "waiting" && before.state !== "waiting") {
      const againMs = Math.round(state.until - now);
      this.#ports.report({ event: "controller", step: "lost", problem: state.problem, againMs });
    }
    this.#wake();
  }

  #drop(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.drop();
  }

  #connect(endpoint: string): void {
    // Whoever speaks for a connection that was given up is not heard any more.
    const current = (act: () => void) => (this.#connection === connection ? act() : undefined);
    const connection = this.#ports.transport.open(endpoint, {
      opened: () =>
        current(() => {
          this.#told = new Map();
          this.#lookedAt = Number.NEGATIVE_INFINITY;
          this.#sentAt = Number.NEGATIVE_INFINITY;
          this.#apply({ event: "opened" });
          this.#ports.report({ event: "controller", step: "connected", endpoint });
          this.changed();
        }),
      heard: () => current(() => this.#apply({ event: "heard" })),
      message: (message) => current(() => this.#message(message)),
      lost: (problem, retryAfterMs) =>
        current(() => this.#apply({ event: "lost", problem, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })),
    });
    this.#connection = connection;
  }

  #message(message: Uint8Array): void {
    // Before it is read, because reading is what a flood would cost.
    this.#apply({ event: "received", bytes: message.length });
    if (this.#state.state !== "open") return;
    let answer: Answer;
    try {
      answer = decode(message);
    } catch (error) {
      this.#apply({ event: "lost", problem: problemOf(error) });
      return;
    }
    if (answer.uid !== this.#store?.session.uid) {
      // Not even an acknowledgement: it was for somebody else, or from somebody who does not know us.
      const text = `the controller: it spoke to ${answer.uid.slice(0, 64) || "nobody"}, and this is another agent`;
      this.#apply({ event: "lost", problem: { code: "E_CONTROLLER_UID", message: text } });
      return;
    }
    this.#apply({ event: "answered" });
    if (answer.error !== undefined) this.#serverError(answer.error);
    else this.#take(answer);
  }

  #serverError({ unavailable, message, retryAfterMs }: NonNullable<Answer["error"]>): void {
    const problem: Problem = {
      code: unavailable ? "E_CONTROLLER_BUSY" : "E_CONTROLLER_REFUSED",
      message: `the controller answered: ${message || "an error without a message"}`,
    };
    // One that did not like a report will not like it a second time: nothing is sent again, and the link stays.
    if (!unavailable) this.#complain(problem);
    else this.#apply({ event: "lost", problem, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  }

  #take({ newUid, fullState, offer }: Answer): void {
    if (newUid !== undefined && newUid !== this.#store?.session.uid) {
      this.#told = new Map();
      this.#store
        ?.update((session) => ({ ...session, uid: newUid }))
        .catch((error: unknown) => this.#complain(problemOf(error)));
    }
    if (fullState) this.#told = new Map();
    if (newUid !== undefined || fullState) this.changed();
    if (offer !== undefined) this.#remote?.offer(offer);
  }

  #complain(problem: Problem): void {
    this.#ports.report({ event: "controller", step: "complaint", problem });
  }

  /** Sends what changed, one report at a time and never more often than the settings say; otherwise a sign of life. */
  async #report(store: SessionStore): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || !this.#mayReport()) return;
    const { clock, host } = this.#ports;
    this.#due = false;
    // Taken before the host is asked: what changes from here on is reported the next time.
    const lookedAt = clock.monotonic();
    this.#lookedAt = lookedAt;
    const [description, health, effective] = await Promise.all([
      host.describe(store.session.uid),
      host.health(),
      host.effective(),
    ]);
    const remote = this.#remote?.status ?? ({ hash: "", status: "unset" } as const);
    const parts: Parts = { description, health, effective, remote };
    const news = this.#news(parts);
    const early = lookedAt - this.#sentAt < (this.#settings()?.timing.heartbeatMs ?? 0);
    if (this.#connection !== connection || (Object.keys(news).length === 0 && early)) return;
    const sequence = await store.sequence();
    if (this.#connection !== connection) return;
    connection.send(encode({ uid: store.session.uid, sequence, ...news, healthAt: clock.now() }));
    this.#sentAt = lookedAt;
    for (const [name, part] of Object.entries(news)) this.#told.set(name, JSON.stringify(part));
    this.#apply({ event: "sent" });
  }

  #news(parts: Parts): Parts {
    return Object.fromEntries(
      Object.entries(parts).filter(([name, part]) => this.#told.get(name) !== JSON.stringify(part)),
    );
  }

  /** When the host is to be looked at for the next report; absent while no report may be sent. */
  get #reportAt(): number | undefined {
    const timing = this.#settings()?.timing;
    if (timing === undefined || this.#state.state !== "open" || this.#state.owedSince !== undefined) return undefined;
    const rested = this.#lookedAt + timing.reportIntervalMs;
    return this.#due ? rested : Math.max(rested, this.#sentAt + timing.heartbeatMs);
  }

  #mayReport(): boolean {
    const at = this.#reportAt;
    return at !== undefined && this.#ports.clock.monotonic() >= at;
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const timing = this.#settings()?.timing;
    const times = [timing === undefined ? undefined : nextAt(this.#state, timing), this.#reportAt, this.#settleAt];
    const until = Math.min(...times.map((time) => time ?? Number.POSITIVE_INFINITY));
    const awake = new AbortController();
    this.#wake = () => awake.abort();
    const { clock } = this.#ports;
    const ms = Math.min(MAX_SLEEP_MS, Math.max(0, Math.ceil(until - clock.monotonic())));
    await clock.sleep(ms, AbortSignal.any([signal, awake.signal])).catch(() => undefined);
    this.#wake = () => undefined;
  }

  async #goodbye(store: SessionStore): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    if (this.#state.state === "open") {
      const sequence = await store.sequence();
      connection.send(encode({ uid: store.session.uid, sequence, goodbye: true }));
    }
    this.#state = { state: "off" };
    await connection.close();
  }
}

/** Timers of the runtime end after 24.8 days. */
const MAX_SLEEP_MS = 3_600_000;

/** Between two tries to read or write, where no controller is configured. */
const SETTLE_MS = 30_000;
