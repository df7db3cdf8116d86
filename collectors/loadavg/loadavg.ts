import { type Collector, collector, type HostFiles, type Metric, single } from "../collector.ts";
import { FormatError, fieldsOf } from "../parse.ts";

const FILE = "proc/loadavg";

type Loads = readonly [one: string, five: string, fifteen: string];

const load = (minutes: number, at: 0 | 1 | 2): Metric<Loads> => ({
  name: `node_load${minutes}`,
  help: `${minutes}m load average.`,
  type: "gauge",
  labels: [],
  samples: (loads) => single(loads[at]),
});

export function loadavg(host: HostFiles): Collector {
  return collector({
    name: "loadavg",
    metrics: [load(1, 0), load(5, 1), load(15, 2)],
    async read() {
      const text = await host.read(FILE);
      const [one = "", five = "", fifteen = ""] = fieldsOf(text);
      const loads: Loads = [one, five, fifteen];
      if (!loads.every((value) => /^\d+\.\d+$/.test(value))) throw new FormatError(FILE, text);
      return loads;
    },
  });
}
