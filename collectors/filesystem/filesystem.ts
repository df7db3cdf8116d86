import { type Collector, collector, type FilesystemUse, type HostFiles, type Metric, perRow } from "../collector.ts";
import { type Mount, mountsOf } from "./mounts.ts";

interface Filesystem extends Mount {
  /** Absent: it did not answer, or not in time. */
  readonly use?: FilesystemUse;
}

const metric = (
  name: string,
  help: string,
  value: (use: FilesystemUse, mount: Mount) => bigint,
): Metric<readonly Filesystem[]> => ({
  name: `node_filesystem_${name}`,
  help,
  type: "gauge",
  labels: ["device", "fstype", "mountpoint"],
  samples: (filesystems) => perRow(filesystems, labelsOf, (each) => each.use && value(each.use, each).toString()),
});

const labelsOf = ({ device, type, mountPoint }: Mount): readonly string[] => [device, type, mountPoint];

const metrics: readonly Metric<readonly Filesystem[]>[] = [
  metric(
    "avail_bytes",
    "Filesystem space available to non-root users in bytes.",
    (use) => use.available * use.blockSize,
  ),
  {
    name: "node_filesystem_device_error",
    help: "Whether an error occurred while getting statistics for the given device.",
    type: "gauge",
    labels: ["device", "fstype", "mountpoint"],
    samples: (filesystems) => perRow(filesystems, labelsOf, ({ use }) => (use === undefined ? 1 : 0)),
  },
  metric("files", "Filesystem total file nodes.", (use) => use.files),
  metric("files_free", "Filesystem total free file nodes.", (use) => use.filesFree),
  metric("free_bytes", "Filesystem free space in bytes.", (use) => use.free * use.blockSize),
  metric("readonly", "Filesystem read-only status.", (_use, { readOnly }) => (readOnly ? 1n : 0n)),
  metric("size_bytes", "Filesystem size in bytes.", (use) => use.blocks * use.blockSize),
];

export function filesystem(host: HostFiles): Collector {
  return collector({
    name: "filesystem",
    metrics,
    async read() {
      const { text, file } = await mountTable(host);
      // All at once: one that hangs makes nobody wait for longer than the port lets a single one wait.
      return Promise.all(mountsOf(text, file).map((mount) => withUse(host, mount)));
    },
  });
}

/** Of the first process, because the agent may run in a mount namespace of its own. */
async function mountTable(host: HostFiles): Promise<{ readonly text: string; readonly file: string }> {
  for (const file of ["proc/1/mounts", "proc/self/mounts"] as const) {
    const text = await host.read(file).catch(() => undefined);
    if (text !== undefined) return { text, file };
  }
  throw new Error("neither proc/1/mounts nor proc/self/mounts can be read");
}

async function withUse(host: HostFiles, mount: Mount): Promise<Filesystem> {
  const use = await host.use(mount.mountPoint, mount.type).catch(() => undefined);
  return { ...mount, ...(use === undefined ? {} : { use }) };
}
