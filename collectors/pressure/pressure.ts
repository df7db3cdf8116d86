import { type Collector, collector, type HostFiles, type Metric, single } from "../collector.ts";
import { divided, FormatError } from "../parse.ts";

interface Pressure {
  /** Microseconds. */
  readonly some: string;
  readonly full?: string;
}
type Pressures = Readonly<Record<Resource, Pressure>>;
type Resource = "cpu" | "io" | "memory";

const metric = (resource: Resource, kind: "waiting" | "stalled", help: string): Metric<Pressures> => ({
  name: `node_pressure_${resource}_${kind}_seconds_total`,
  help,
  type: "counter",
  labels: [],
  samples: (pressures) => {
    const { some, full } = pressures[resource];
    const micros = kind === "waiting" ? some : full;
    return single(micros && divided(micros, 6));
  },
});

const metrics = [
  metric("cpu", "waiting", "Total time in seconds that processes have waited for CPU time"),
  metric("io", "stalled", "Total time in seconds no process could make progress due to IO congestion"),
  metric("io", "waiting", "Total time in seconds that processes have waited due to IO congestion"),
  metric("memory", "stalled", "Total time in seconds no process could make progress due to memory congestion"),
  metric("memory", "waiting", "Total time in seconds that processes have waited for memory"),
];

/** Pressure stall information; a kernel without it makes this collector fail, as it does node_exporter's. */
export function pressure(host: HostFiles): Collector {
  const read = async (resource: Resource): Promise<Pressure> => {
    const file = `proc/pressure/${resource}`;
    const text = await host.read(file);
    const some = /^some .*\btotal=(\d{1,20})$/m.exec(text)?.[1];
    const full = /^full .*\btotal=(\d{1,20})$/m.exec(text)?.[1];
    // The cpu has had a line of its own for `full` only since Linux 5.13, and nobody exports it.
    if (some === undefined || (resource !== "cpu" && full === undefined)) throw new FormatError(file, text);
    return { some, ...(full === undefined ? {} : { full }) };
  };
  return collector({
    name: "pressure",
    metrics,
    read: async () => ({ cpu: await read("cpu"), io: await read("io"), memory: await read("memory") }),
  });
}
