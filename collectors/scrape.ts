import type { Collector, Family, MetricHead, Sample } from "./collector.ts";
import { expose } from "./exposition.ts";

/** Time for a scrape. */
export interface ScrapeClock {
  /** Milliseconds that never jump back, with fractions. */
  monotonic(): number;
  /** Resolves after so many milliseconds, or rejects when the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export interface ScrapeOptions {
  readonly clock: ScrapeClock;
  /** A collector that takes longer is left behind, in milliseconds. */
  readonly timeoutMs: () => number;
  /** Told when a collector begins to fail, or fails for another reason. */
  readonly onFailure?: (collector: string, error: unknown) => void;
}

/** node_exporter's own words: dashboards look for these families, and a family has one help. */
export const scrapeMetrics = {
  duration: {
    name: "node_scrape_collector_duration_seconds",
    help: "node_exporter: Duration of a collector scrape.",
    type: "gauge",
    labels: ["collector"],
  },
  success: {
    name: "node_scrape_collector_success",
    help: "node_exporter: Whether a collector succeeded.",
    type: "gauge",
    labels: ["collector"],
  },
} as const satisfies Record<string, MetricHead>;

interface Result {
  readonly collector: string;
  readonly seconds: number;
  readonly families: readonly Family[] | undefined;
}

/**
 * Runs all collectors at once and exposes what they found. Never rejects: a collector that throws, or is not done in time, costs
 * its own families and nothing else. One that is still not done from an earlier scrape is not started a second time.
 */
export class Scrape {
  readonly #collectors: readonly Collector[];
  readonly #options: ScrapeOptions;
  readonly #running = new Set<string>();
  readonly #told = new Map<string, string>();
  #current: Promise<string> | undefined;

  constructor(collectors: readonly Collector[], options: ScrapeOptions) {
    this.#collectors = collectors;
    this.#options = options;
  }

  /** The text of a scrape. Whoever asks while one is made gets that one. */
  text(): Promise<string> {
    this.#current ??= this.#scrape().finally(() => {
      this.#current = undefined;
    });
    return this.#current;
  }

  async #scrape(): Promise<string> {
    const results = await Promise.all(this.#collectors.map((each) => this.#run(each)));
    const own = (value: (result: Result) => number): readonly Sample[] =>
      results.map((result) => ({ labels: [result.collector], value: value(result) }));
    return expose([
      ...results.flatMap(({ families }) => families ?? []),
      { ...scrapeMetrics.duration, samples: own(({ seconds }) => seconds) },
      { ...scrapeMetrics.success, samples: own(({ families }) => (families === undefined ? 0 : 1)) },
    ]);
  }

  async #run(collector: Collector): Promise<Result> {
    const { clock } = this.#options;
    const started = clock.monotonic();
    const families = await this.#bounded(collector).then(
      (found) => {
        this.#told.delete(collector.name);
        return found;
      },
      (error: unknown) => {
        this.#tell(collector.name, error);
        return undefined;
      },
    );
    return { collector: collector.name, seconds: Math.round((clock.monotonic() - started) * 1000) / 1e6, families };
  }

  async #bounded(collector: Collector): Promise<readonly Family[]> {
    const { name } = collector;
    if (this.#running.has(name)) throw new Error("still busy with an earlier scrape");
    const { clock } = this.#options;
    const timeoutMs = this.#options.timeoutMs();
    this.#running.add(name);
    const work = collector.collect().finally(() => this.#running.delete(name));
    const done = new AbortController();
    const late = clock.sleep(timeoutMs, done.signal).then(() => {
      throw new Error(`not done in ${timeoutMs} ms`);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      done.abort();
      // Whichever of the two lost has nobody left to tell.
      late.catch(() => undefined);
      work.catch(() => undefined);
    }
  }

  #tell(name: string, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    if (this.#told.get(name) === text) return;
    this.#told.set(name, text);
    this.#options.onFailure?.(name, error);
  }
}
