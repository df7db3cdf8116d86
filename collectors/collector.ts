/** What the values of a family are. `untyped` is a type of the exposition format that prom-client does not have. */
export type MetricType = "counter" | "gauge" | "untyped";

/** A number, or the decimal digits of one as the kernel printed them: counters of 64 bits do not fit a JavaScript number. */
export type Value = number | string;

/** One line of the exposition: the values of the labels in the order of the metric's `labels`. */
export interface Sample {
  readonly labels: readonly string[];
  readonly value: Value;
  /** What stands for the `*` in the name and the help of a metric that has one for each thing found. */
  readonly part?: string;
}

/** The head of a row of a collector's table: what docs/metrics.md lists. */
export interface MetricHead {
  /** The full name. At most one `*`, see {@link Sample.part}. */
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly labels: readonly string[];
}

/** A row of a collector's table: the head, and how to get the values out of what the collector read. */
export interface Metric<Data> extends MetricHead {
  readonly samples: (data: Data) => Iterable<Sample>;
}

export interface Family extends MetricHead {
  readonly samples: Iterable<Sample>;
}

export interface FilesystemUse {
  readonly blockSize: bigint;
  readonly blocks: bigint;
  readonly free: bigint;
  readonly available: bigint;
  readonly files: bigint;
  readonly filesFree: bigint;
}

/** The host that collectors read: every path is relative to its root, such as `proc/stat`. */
export interface HostFiles {
  /** The whole text of a file. Rejects when it cannot be read; what is not UTF-8 comes as replacement characters. */
  read(path: string): Promise<string>;
  /** As `read`, for a file whose driver may make the reader wait. */
  readSlow(path: string): Promise<string>;
  /** The names in a directory. Rejects when it cannot be read. */
  list(path: string): Promise<readonly string[]>;
  /** statfs(2) of a mount point. Rejects also when the file system did not answer in time. */
  use(mountPoint: string, type: string): Promise<FilesystemUse>;
  /** The machine's architecture as uname(2) says it. */
  readonly machine: string;
}

/** Reads one part of the host and makes families of it. */
export interface Collector {
  readonly name: string;
  readonly metrics: readonly MetricHead[];
  /** Rejects when nothing sensible could be read. Calls never overlap. */
  collect(): Promise<readonly Family[]>;
}

export interface Definition<Data> {
  readonly name: string;
  readonly metrics: readonly Metric<Data>[];
  readonly read: () => Promise<Data> | Data;
}

export function collector<Data>({ name, metrics, read }: Definition<Data>): Collector {
  return {
    name,
    metrics,
    async collect() {
      const data = await read();
      return metrics.map(({ samples, ...head }) => ({ ...head, samples: samples(data) }));
    },
  };
}

/** The one sample of a metric without labels; none where the value is missing. */
export function single(value: Value | undefined): readonly Sample[] {
  return value === undefined ? [] : [{ labels: [], value }];
}

/** A sample for each row that has a value. */
export function perRow<Row>(
  rows: Iterable<Row>,
  labels: (row: Row) => readonly string[],
  value: (row: Row) => Value | undefined,
): readonly Sample[] {
  const samples: Sample[] = [];
  for (const row of rows) {
    const found = value(row);
    if (found !== undefined) samples.push({ labels: labels(row), value: found });
  }
  return samples;
}
