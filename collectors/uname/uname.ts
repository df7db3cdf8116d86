import { type Collector, collector, type HostFiles } from "../collector.ts";

const FOLDER = "proc/sys/kernel";

export function uname(host: HostFiles): Collector {
  const read = async (name: string): Promise<string> => (await host.read(`${FOLDER}/${name}`)).trimEnd();
  return collector({
    name: "uname",
    metrics: [
      {
        name: "node_uname_info",
        help: "Labeled system information as provided by the uname system call.",
        type: "gauge",
        labels: ["domainname", "machine", "nodename", "release", "sysname", "version"],
        samples: (labels: readonly string[]) => [{ labels, value: 1 }],
      },
    ],
    read: async () => [
      await read("domainname"),
      host.machine,
      await read("hostname"),
      await read("osrelease"),
      await read("ostype"),
      await read("version"),
    ],
  });
}
