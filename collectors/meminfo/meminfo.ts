import { type Collector, collector, type HostFiles, type Metric, type Sample } from "../collector.ts";
import { digits, FormatError, linesOf, times } from "../parse.ts";

const FILE = "proc/meminfo";

/** The kernel decides which fields there are, so each of them is a family of its own. */
const field: Metric<readonly Sample[]> = {
  name: "node_memory_*",
  help: "Memory information field *.",
  type: "gauge",
  labels: [],
  samples: (samples) => samples,
};

export function meminfo(host: HostFiles): Collector {
  return collector({
    name: "meminfo",
    metrics: [field],
    async read() {
      const samples = linesOf(await host.read(FILE)).map(fieldOf);
      if (samples.length === 0) throw new FormatError(FILE, "");
      return samples;
    },
  });
}

/** `Active(anon):  1624 kB` is node_memory_Active_anon_bytes; `HugePages_Total:  0` counts pages and has no unit. */
function fieldOf(line: string): Sample {
  const [, key, value, unit] = /^(\w+(?:\(\w+\))?):\s+(\d+)(?:\s(kB))?$/.exec(line.trimEnd()) ?? [];
  if (key === undefined) throw new FormatError(FILE, line);
  const part = key.replace(/\((\w+)\)/, "_$1");
  const amount = digits(value, FILE);
  return unit === undefined
    ? { part, labels: [], value: amount }
    : { part: `${part}_bytes`, labels: [], value: times(amount, 1024) };
}
