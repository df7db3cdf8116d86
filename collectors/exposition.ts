import type { Family, Sample, Value } from "./collector.ts";

/** Of the text exposition format, version 0.0.4. */
export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/**
 * The families as text, sorted by name. A family without samples is left out, and of two samples with the same labels the first
 * counts: the same series twice makes Prometheus refuse the whole scrape.
 */
export function expose(families: readonly Family[]): string {
  return families
    .flatMap(expanded)
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(exposeFamily)
    .join("");
}

interface Expanded extends Omit<Family, "samples"> {
  readonly samples: readonly Sample[];
}

/** A family whose name has a `*` becomes one for each part that its samples name. */
function expanded(family: Family): readonly Expanded[] {
  const samples = [...family.samples];
  if (!family.name.includes("*")) return [{ ...family, samples }];
  const parts = Map.groupBy(samples, ({ part }) => part ?? "");
  return [...parts].map(([part, own]) => ({
    ...family,
    name: family.name.replace("*", part),
    help: family.help.replace("*", part),
    samples: own,
  }));
}

function exposeFamily({ name, help, type, labels, samples }: Expanded): string {
  const seen = new Set<string>();
  let lines = "";
  for (const sample of samples) {
    const series = `${name}${labelSet(labels, sample.labels)}`;
    if (seen.has(series)) continue;
    seen.add(series);
    lines += `${series} ${number(sample.value)}\n`;
  }
  return lines === "" ? "" : `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines}`;
}

function labelSet(names: readonly string[], values: readonly string[]): string {
  if (names.length === 0) return "";
  return `{${names.map((name, at) => `${name}="${escapeLabel(values[at] ?? "")}"`).join(",")}}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

/** A lone surrogate has no form in UTF-8, which the format demands. */
function escapeLabel(text: string): string {
  if (!/[\\"\n\ud800-\udfff]/.test(text)) return text;
  return text.toWellFormed().replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function number(value: Value): string {
  if (typeof value === "string") return value;
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return String(value);
}
