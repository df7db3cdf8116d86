import type { MaintenanceSettings } from "./config/settings.ts";
import type { Clock } from "./core/clock.ts";
import { AgentError, problemOf } from "./core/errors.ts";
import type { AgentEvent } from "./events.ts";
import type { MaintenanceStatus } from "./web/status.ts";

/** A wall clock that was set meanwhile is noticed after this time. */
const LOOK_MS = 10_000;

/** What an operator said. Milliseconds since the epoch. */
export interface Ordered {
  readonly since: number;
  readonly until: number;
  readonly reason?: string;
}

export interface MaintenanceOptions {
  readonly clock: Clock;
  /** Where an operator's order outlives this process and this boot. */
  readonly file: { read(): Promise<Ordered | undefined>; write(value: Ordered): Promise<void> };
  readonly settings: () => MaintenanceSettings | undefined;
  readonly tell: (event: AgentEvent) => void;
  /** It began or ended: everything has to be looked at again. */
  readonly onChange: () => void;
}

/** The time in which a person works on this host: nothing is repaired or restarted by itself until it ends, by itself. */
export class Maintenance {
  readonly #options: MaintenanceOptions;
  #ordered: Ordered | undefined;
  #loading: Promise<void> | undefined;
  #wake: () => void = () => undefined;
  /** As it was told last. */
  #told: MaintenanceStatus | undefined;

  constructor(options: MaintenanceOptions) {
    this.#options = options;
  }

  /** Until the later of what an operator said and what the configuration says. */
  get current(): MaintenanceStatus | undefined {
    const now = this.#options.clock.now();
    const configured = this.#configured;
    const ordered = this.#ordered;
    if (ordered !== undefined && ordered.until > now && ordered.until >= configured) {
      const { since, until, reason } = ordered;
      return { by: "operator", since, until, ...(reason === undefined ? {} : { reason }) };
    }
    return configured > now ? { by: "configuration", until: configured } : undefined;
  }

  /** Reads what an earlier process was told; once. */
  load(): Promise<void> {
    this.#loading ??= this.#options.file.read().then((ordered) => {
      this.#ordered = ordered;
    });
    return this.#loading;
  }

  async on(forMs: number, reason: string | undefined): Promise<void> {
    const since = this.#options.clock.now();
    await this.#order({ since, until: since + forMs, ...(reason === undefined ? {} : { reason }) });
  }

  /** Ends what an operator said; false where there is none. Throws E_MAINTENANCE_CONFIGURED. */
  async off(): Promise<boolean> {
    const was = this.current;
    const now = this.#options.clock.now();
    if (this.#ordered !== undefined && this.#ordered.until > now) await this.#order({ since: now, until: now });
    if (this.current === undefined) return was !== undefined;
    throw new AgentError({
      code: "E_MAINTENANCE_CONFIGURED",
      message: `the configuration says maintenance until ${new Date(this.#configured).toISOString()}`,
      path: "maintenance.until",
      hint: "Take maintenance.until out of the configuration, then: systemctl reload devcloud-agent",
    });
  }

  /** Tells when it begins and ends, until aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, tell } = this.#options;
    await this.load().catch((error: unknown) =>
      tell({ event: "maintenance", state: "unknown", problem: problemOf(error) }),
    );
    while (!signal.aborted) {
      this.#tell();
      const left = (this.current?.until ?? Number.POSITIVE_INFINITY) - clock.now();
      const awake = new AbortController();
      this.#wake = () => awake.abort();
      await clock.sleep(Math.max(1, Math.min(left, LOOK_MS)), AbortSignal.any([signal, awake.signal])).catch(() => {});
    }
  }

  /** The configuration was read. */
  look(): void {
    this.#wake();
  }

  get #configured(): number {
    const { until } = this.#options.settings() ?? {};
    return until === undefined ? 0 : Date.parse(until.replace(" ", "T"));
  }

  async #order(ordered: Ordered): Promise<void> {
    await this.load();
    await this.#options.file.write(ordered);
    this.#ordered = ordered;
    this.#tell();
    this.#wake();
  }

  #tell(): void {
    const now = this.current;
    if (JSON.stringify(now) === JSON.stringify(this.#told)) return;
    this.#told = now;
    this.#options.tell(
      now === undefined
        ? { event: "maintenance", state: "off" }
        : { event: "maintenance", state: "on", ...now, until: new Date(now.until).toISOString() },
    );
    this.#options.onChange();
  }
}
