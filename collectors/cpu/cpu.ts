import { type Collector, collector, type HostFiles, type Metric } from "../collector.ts";
import { digits, divided, FormatError, fieldsOf, linesOf } from "../parse.ts";

const FILE = "proc/stat";
/** In the order of proc_stat(5), in hundredths of a second (USER_HZ). */
const MODES = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"] as const;
const GUEST_MODES = ["user", "nice"] as const;
/** Of a processor that was off-line and came back its idle time begins anew, and with it everything is believed again. */
const RESET_TICKS = 300n;
const IDLE = MODES.indexOf("idle");

type Ticks = readonly bigint[];
type Cpus = ReadonlyMap<string, Ticks>;

const seconds: Metric<Cpus> = {
  name: "node_cpu_seconds_total",
  help: "Seconds the CPUs spent in each mode.",
  type: "counter",
  labels: ["cpu", "mode"],
  samples: (cpus) => samples(cpus, MODES, 0),
};

const guest: Metric<Cpus> = {
  name: "node_cpu_guest_seconds_total",
  help: "Seconds the CPUs spent in guests (VMs) for each mode.",
  type: "counter",
  labels: ["cpu", "mode"],
  samples: (cpus) => samples(cpus, GUEST_MODES, MODES.length),
};

function samples(cpus: Cpus, modes: readonly string[], from: number) {
  return [...cpus].flatMap(([cpu, ticks]) =>
    modes.map((mode, at) => ({ labels: [cpu, mode], value: divided(String(ticks[from + at] ?? 0n), 2) })),
  );
}

export function cpu(host: HostFiles): Collector {
  const kept = new Map<string, Ticks>();
  return collector({
    name: "cpu",
    metrics: [seconds, guest],
    async read() {
      const now = cpusOf(await host.read(FILE));
      for (const [name, ticks] of now) kept.set(name, held(kept.get(name), ticks));
      for (const name of kept.keys()) if (!now.has(name)) kept.delete(name);
      return kept;
    },
  });
}

function cpusOf(text: string): Cpus {
  const cpus = new Map<string, Ticks>();
  for (const line of linesOf(text)) {
    const [name = "", ...values] = fieldsOf(line);
    if (!/^cpu\d+$/.test(name)) continue;
    if (values.length < 4) throw new FormatError(FILE, line);
    cpus.set(
      name.slice("cpu".length),
      values.slice(0, 10).map((value) => BigInt(digits(value, FILE))),
    );
  }
  if (cpus.size === 0) throw new FormatError(FILE, text);
  return cpus;
}

/** The kernel's counters of idle and iowait go back now and then: what was told once stays, as in node_exporter. */
function held(before: Ticks | undefined, now: Ticks): Ticks {
  if (before === undefined || (before[IDLE] ?? 0n) - (now[IDLE] ?? 0n) >= RESET_TICKS) return now;
  return now.map((ticks, at) => {
    const old = before[at] ?? 0n;
    return ticks > old ? ticks : old;
  });
}
