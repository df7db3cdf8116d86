import { arch, hostname, release } from "node:os";
import { join } from "node:path";
import { readFileBounded } from "./files.ts";

/** What is said of a host under the names of OpenTelemetry's resource conventions. */
export async function hostFacts(root: string): Promise<Readonly<Record<string, string>>> {
  const osRelease = await textOf(join(root, "etc/os-release"));
  const machineId = (await textOf(join(root, "etc/machine-id"))).trim();
  const field = (name: string): string => new RegExp(`^${name}="?([^"\\n]*)"?$`, "m").exec(osRelease)?.[1] ?? "";
  const facts = {
    "host.name": hostname(),
    "host.arch": arch() === "x64" ? "amd64" : arch(),
    "host.id": machineId,
    "os.type": "linux",
    "os.name": field("NAME"),
    "os.version": field("VERSION_ID"),
    "os.description": field("PRETTY_NAME"),
    "os.kernel": release(),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== ""));
}

export function hostName(): string {
  return hostname();
}

async function textOf(file: string): Promise<string> {
  // Neither file is on every host, and neither is worth a failure.
  const bytes = await readFileBounded(file, 64 * 1024).catch(() => new Uint8Array());
  return new TextDecoder().decode(bytes);
}
