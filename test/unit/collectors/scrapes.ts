import { join } from "node:path";
import { openCollectors, type Sources } from "../../../collectors/index.ts";
import { Scrape } from "../../../collectors/scrape.ts";
import { FakeClock } from "../../fakes/clock.ts";
import { fixtureFiles } from "../../fakes/host-files.ts";

export const fixtures = join(import.meta.dirname, "..", "..", "fixtures");

/** One scrape of the fixture host, without those lines that say how long it took. */
export async function scrapeFixture(
  changed: Readonly<Record<string, string | undefined>> = {},
  sources: Partial<Sources> = {},
): Promise<string> {
  const collectors = openCollectors({ host: fixtureFiles(join(fixtures, "host"), changed), ...sources });
  const text = await new Scrape(collectors, { clock: new FakeClock(), timeoutMs: () => 1000 }).text();
  return text.replace(/^(node_scrape_collector_duration_seconds{.*}) .*$/gm, "$1 0");
}

/** The value of a series, as text. */
export function sampleOf(text: string, series: string): string | undefined {
  return text
    .split("\n")
    .find((line) => line.startsWith(`${series} `))
    ?.slice(series.length + 1);
}
