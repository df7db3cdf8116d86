import { type Collector, collector, type HostFiles, type Metric, type MetricType, single } from "../collector.ts";
import { digits, fieldsOf, linesOf } from "../parse.ts";

const FILE = "proc/stat";

type Lines = ReadonlyMap<string, string>;

const line = (key: string, name: string, type: MetricType, help: string): Metric<Lines> => ({
  name: `node_${name}`,
  help,
  type,
  labels: [],
  samples: (lines) => single(lines.get(key)),
});

const metrics = [
  line("btime", "boot_time_seconds", "gauge", "Node boot time, in unixtime."),
  line("ctxt", "context_switches_total", "counter", "Total number of context switches."),
  line("processes", "forks_total", "counter", "Total number of forks."),
  line("intr", "intr_total", "counter", "Total number of interrupts serviced."),
  line("procs_blocked", "procs_blocked", "gauge", "Number of processes blocked waiting for I/O to complete."),
  line("procs_running", "procs_running", "gauge", "Number of processes in runnable state."),
];

const keys = ["btime", "ctxt", "processes", "intr", "procs_blocked", "procs_running"];

export function stat(host: HostFiles): Collector {
  return collector({
    name: "stat",
    metrics,
    async read() {
      const text = await host.read(FILE);
      const found = new Map(
        linesOf(text)
          .map((each) => fieldsOf(each))
          .map(([key = "", value]) => [key, value]),
      );
      // A file that ends too early has fewer of them, and then none of its numbers is to be trusted.
      return new Map(keys.map((key) => [key, digits(found.get(key), FILE)]));
    },
  });
}
