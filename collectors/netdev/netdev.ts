import { type Collector, collector, type HostFiles, type Metric, perRow } from "../collector.ts";
import { digits, FormatError, fieldsOf, linesOf } from "../parse.ts";

const FILE = "proc/net/dev";

interface Device {
  readonly device: string;
  readonly counters: Readonly<Record<string, string>>;
}

/** In the order of the columns of /proc/net/dev (net/core/net-procfs.c). */
const COLUMNS = [
  ...["bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast"].map((name) => `receive_${name}`),
  ...["bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed"].map((name) => `transmit_${name}`),
];
/** What that file leaves out, from a file of its own. */
const NO_HANDLER = "receive_nohandler";

const metrics = [...COLUMNS, NO_HANDLER].toSorted().map(
  (counter): Metric<readonly Device[]> => ({
    name: `node_network_${counter}_total`,
    help: `Network device statistic ${counter}.`,
    type: "counter",
    labels: ["device"],
    samples: (devices) =>
      perRow(
        devices,
        ({ device }) => [device],
        ({ counters }) => counters[counter],
      ),
  }),
);

export function netdev(host: HostFiles): Collector {
  return collector({
    name: "netdev",
    metrics,
    async read() {
      const [, heading, ...lines] = linesOf(await host.read(FILE));
      if (heading === undefined || !heading.includes("|bytes")) throw new FormatError(FILE, heading ?? "");
      const devices: Device[] = [];
      for (const line of lines) devices.push(await withNoHandler(host, deviceOf(line)));
      return devices;
    },
  });
}

/** A name may contain a colon, as an alias does: the last one ends it. */
function deviceOf(line: string): Device {
  const colon = line.lastIndexOf(":");
  const values = fieldsOf(line.slice(colon + 1));
  if (colon < 1 || values.length < COLUMNS.length) throw new FormatError(FILE, line);
  const counters = Object.fromEntries(COLUMNS.map((name, at) => [name, digits(values[at], FILE)]));
  return { device: line.slice(0, colon).trimStart(), counters };
}

async function withNoHandler(host: HostFiles, { device, counters }: Device): Promise<Device> {
  const file = `sys/class/net/${device}/statistics/rx_nohandler`;
  // Kernels before 4.6 do not count it, and a device may be gone by now.
  const text = await host.read(file).catch(() => undefined);
  const value = text?.trim();
  return { device, counters: value === undefined ? counters : { ...counters, [NO_HANDLER]: digits(value, file) } };
}
