import { randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import type { ControllerSettings, ControllerTiming } from "../../../agent/config/settings.ts";
import { Controller } from "../../../agent/controller/controller.ts";
import type { ControllerEvent, HostPort, StateFile } from "../../../agent/controller/ports.ts";
import type { Session } from "../../../agent/controller/state.ts";
import type { Problem } from "../../../agent/core/errors.ts";
import type { ControllerWay } from "../../../agent/core/probe.ts";
import { systemClock } from "../../../agent/system/clock.ts";
import { openTransport } from "../../../agent/system/websocket.ts";

const timing: ControllerTiming = {
  connectTimeoutMs: 1_500,
  ackTimeoutMs: 1_500,
  pingAfterMs: 300,
  silentForMs: 1_000,
  heartbeatMs: 500,
  reportIntervalMs: 50,
  backoffMinMs: 50,
  backoffMaxMs: 200,
  healthyAfterMs: 2_000,
  retryAfterMinMs: 300,
  retryAfterMaxMs: 2_000,
};

/** The agent's end of the link with real sockets and the real clock; the host behind it is a fake. */
export class Subject {
  readonly controller: Controller;
  readonly events: ControllerEvent[] = [];
  /** What lies on the host as the controller's configuration. */
  fragment: string | null = null;
  /** Every configuration that the host was made to follow. */
  readonly followed: (string | null)[] = [];
  /** What the host says when it is to follow a configuration. */
  follow: (fragment: string | null) => Promise<Problem | undefined> = async () => undefined;
  /** Why nothing can be written as the controller's configuration; absent where it can be. */
  unwritable: Error | undefined;
  session: Session | undefined;
  retries = 0;
  #looks = 0;
  readonly #emitter = new EventEmitter();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(
    endpoints: readonly string[],
    changed: Partial<ControllerTiming> = {},
    session?: Session,
    way: Partial<ControllerWay> = {},
    file?: StateFile<Session>,
  ) {
    this.session = session;
    const settings: ControllerSettings = { endpoints, tls: {}, allow: [], timing: { ...timing, ...changed } };
    this.controller = new Controller(
      {
        clock: systemClock,
        random: () => 0.5,
        randomBytes,
        transport: openTransport(() => ({ endpoints, tls: {}, ...way })),
        session: file ?? {
          read: async () => this.session,
          write: async (value) => {
            this.session = value;
          },
        },
        host: this.#host(),
        report: (event) => {
          this.events.push(event);
          this.#emitter.emit("event");
        },
      },
      () => settings,
    );
    this.#running = this.controller.run(this.#stop.signal);
  }

  #host(): HostPort {
    return {
      describe: async (uid) => {
        this.#looks += 1;
        this.#emitter.emit("event");
        const identifying = { "service.name": "devcloud-agent", "service.instance.id": uid };
        return { identifying, nonIdentifying: { "host.name": "subject" } };
      },
      health: async () => ({ healthy: true, status: "ready" }),
      effective: async () => this.fragment ?? "version: 1\n",
      validate: async (text) =>
        text.includes("closed")
          ? [{ code: "E_CONFIG_CLOSED", message: "the controller may not set this", line: 2 }]
          : [],
      fragment: async () => this.fragment,
      setFragment: async (text) => {
        if (this.unwritable !== undefined) throw this.unwritable;
        this.fragment = text;
      },
      takeBack: async (previous) => {
        if (this.unwritable !== undefined) throw this.unwritable;
        this.fragment = previous;
      },
      follow: async () => {
        this.followed.push(this.fragment);
        return await this.follow(this.fragment);
      },
      retry: () => {
        this.retries += 1;
      },
    };
  }

  /** The first event that fits, of those that were and those that come. */
  async event<T extends ControllerEvent>(fits: (event: ControllerEvent) => event is T): Promise<T> {
    for (;;) {
      const found = this.events.find(fits);
      if (found !== undefined) return found;
      await this.another();
    }
  }

  /** The first such event from now on. */
  async next<S extends ControllerEvent["step"]>(step: S): Promise<Extract<ControllerEvent, { step: S }>> {
    const isIt = (event: ControllerEvent): event is Extract<ControllerEvent, { step: S }> => event.step === step;
    for (let from = this.events.length; ; ) {
      await this.another();
      const found = this.events.slice(from).find(isIt);
      if (found !== undefined) return found;
      from = this.events.length;
    }
  }

  /** It has looked at itself so often to report; all reports but the last one were answered then. */
  async reported(times: number): Promise<void> {
    while (this.#looks < times) await this.another();
  }

  async another(): Promise<void> {
    await once(this.#emitter, "event");
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}
