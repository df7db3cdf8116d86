import type { HostFiles } from "../collector.ts";

/** What udev knows of a block device, by its property names; a property that is empty is absent. */
export type DiskInfo = Readonly<Record<string, string>>;

/** From udev's database. A host without udev, as a container is, has none. */
export async function readDiskInfo(host: HostFiles, major: string, minor: string): Promise<DiskInfo> {
  const text = await host.read(`run/udev/data/b${major}:${minor}`).catch(() => "");
  const properties = text
    .split("\n")
    .filter((line) => line.startsWith("E:"))
    .map((line) => line.slice(2))
    .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const);
  return Object.fromEntries(properties.filter(([, value]) => value !== ""));
}
