/** A scrape in pieces that can be compared. */
export interface Parsed {
  /** By the name of the family: its help and type. */
  readonly families: ReadonlyMap<string, { readonly help: string; readonly type: string }>;
  /** By the series with its labels: the value. */
  readonly samples: ReadonlyMap<string, number>;
}

/** Families that name the program that exposes them, and nothing of the host. */
const ABOUT_ITSELF = /^(node_exporter_build_info|promhttp_)/;

export function parseMetrics(text: string): Parsed {
  const helps = new Map<string, string>();
  const families = new Map<string, { help: string; type: string }>();
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, kind, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (ABOUT_ITSELF.test(name || line) || line === "") continue;
    if (kind === "HELP") helps.set(name, rest);
    else if (kind === "TYPE") families.set(name, { help: helps.get(name) ?? "", type: rest });
    else samples.set(line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1)));
  }
  return { families, samples };
}

export function sorted<T>(map: ReadonlyMap<string, T>): Readonly<Record<string, T>> {
  return Object.fromEntries([...map].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
