import { type Collector, collector, type HostFiles, type Metric, type MetricType, perRow } from "../collector.ts";
import { digits, divided, FormatError, fieldsOf, linesOf, times } from "../parse.ts";
import { type DiskInfo, readDiskInfo } from "./udev.ts";

const FILE = "proc/diskstats";
/** Partitions and memory, which upstream leaves out by default as well. */
const EXCLUDED = /^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$/;
const SECTOR_BYTES = 512;

interface Disk {
  readonly device: string;
  readonly major: string;
  readonly minor: string;
  /** What follows the name: 11 numbers, 15 since Linux 4.18, 17 since 5.5 (Documentation/admin-guide/iostats.rst). */
  readonly values: readonly string[];
  readonly info: DiskInfo;
}
type Disks = readonly Disk[];

const counts = (value: string): string => value;
const bytes = (sectors: string): string => times(sectors, SECTOR_BYTES);
const milliseconds = (value: string): string => divided(value, 3);

const column = (
  name: string,
  at: number,
  help: string,
  convert: (value: string) => string = counts,
  type: MetricType = "counter",
): Metric<Disks> => ({
  name: `node_disk_${name}`,
  help,
  type,
  labels: ["device"],
  samples: (disks) =>
    perRow(
      disks,
      ({ device }) => [device],
      ({ values }) => {
        const value = values[at];
        return value === undefined ? undefined : convert(value);
      },
    ),
});

const info = (
  name: string,
  help: string,
  labels: readonly string[],
  valuesOf: (disk: Disk) => readonly (string | undefined)[] | undefined,
): Metric<Disks> => ({
  name: `node_disk_${name}`,
  help,
  type: "gauge",
  labels,
  samples: (disks) =>
    disks.flatMap((disk) => {
      const values = valuesOf(disk);
      return values === undefined ? [] : [{ labels: values.map((value) => value ?? ""), value: 1 }];
    }),
});

const metrics: readonly Metric<Disks>[] = [
  column("reads_completed_total", 0, "The total number of reads completed successfully."),
  column("reads_merged_total", 1, "The total number of reads merged."),
  column("read_bytes_total", 2, "The total number of bytes read successfully.", bytes),
  column("read_time_seconds_total", 3, "The total number of seconds spent by all reads.", milliseconds),
  column("writes_completed_total", 4, "The total number of writes completed successfully."),
  column("writes_merged_total", 5, "The number of writes merged."),
  column("written_bytes_total", 6, "The total number of bytes written successfully.", bytes),
  column("write_time_seconds_total", 7, "This is the total number of seconds spent by all writes.", milliseconds),
  column("io_now", 8, "The number of I/Os currently in progress.", counts, "gauge"),
  column("io_time_seconds_total", 9, "Total seconds spent doing I/Os.", milliseconds),
  column("io_time_weighted_seconds_total", 10, "The weighted # of seconds spent doing I/Os.", milliseconds),
  column("discards_completed_total", 11, "The total number of discards completed successfully."),
  column("discards_merged_total", 12, "The total number of discards merged."),
  column("discarded_sectors_total", 13, "The total number of sectors discarded successfully."),
  column("discard_time_seconds_total", 14, "This is the total number of seconds spent by all discards.", milliseconds),
  column("flush_requests_total", 15, "The total number of flush requests completed successfully"),
  column(
    "flush_requests_time_seconds_total",
    16,
    "This is the total number of seconds spent by all flush requests.",
    milliseconds,
  ),
  info(
    "info",
    "Info of /sys/block/<block_device>.",
    ["device", "major", "minor", "model", "path", "revision", "serial", "wwn"],
    ({ device, major, minor, info: udev }) => {
      const { ID_MODEL: model, ID_PATH: path, ID_REVISION: revision, ID_SERIAL_SHORT: serial, ID_WWN: wwn } = udev;
      return [device, major, minor, model, path, revision, serial, wwn];
    },
  ),
  info(
    "filesystem_info",
    "Info about disk filesystem.",
    ["device", "type", "usage", "uuid", "version"],
    ({ device, info: udev }) =>
      udev.ID_FS_TYPE === undefined
        ? undefined
        : [device, udev.ID_FS_TYPE, udev.ID_FS_USAGE, udev.ID_FS_UUID, udev.ID_FS_VERSION],
  ),
  info(
    "device_mapper_info",
    "Info about disk device mapper.",
    ["device", "lv_layer", "lv_name", "name", "uuid", "vg_name"],
    ({ device, info: udev }) =>
      udev.DM_NAME === undefined
        ? undefined
        : [device, udev.DM_LV_LAYER, udev.DM_LV_NAME, udev.DM_NAME, udev.DM_UUID, udev.DM_VG_NAME],
  ),
];

export function diskstats(host: HostFiles): Collector {
  return collector({
    name: "diskstats",
    metrics,
    async read() {
      const disks: Disk[] = [];
      for (const line of linesOf(await host.read(FILE))) {
        const disk = diskOf(line);
        if (EXCLUDED.test(disk.device)) continue;
        disks.push({ ...disk, info: await readDiskInfo(host, disk.major, disk.minor) });
      }
      return disks;
    },
  });
}

function diskOf(line: string): Omit<Disk, "info"> {
  const [major, minor, device, ...values] = fieldsOf(line);
  if (device === undefined || values.length < 11) throw new FormatError(FILE, line);
  return {
    device,
    major: digits(major, FILE),
    minor: digits(minor, FILE),
    values: values.slice(0, 17).map((value) => digits(value, FILE)),
  };
}
