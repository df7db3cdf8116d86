import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FilesystemUse, HostFiles } from "../../collectors/collector.ts";

/** The same everywhere, whatever disk the fixtures lie on. */
const use: FilesystemUse = {
  blockSize: 4096n,
  blocks: 4_503_599_627_370_497n,
  free: 1000n,
  available: 900n,
  files: 65_536n,
  filesFree: 60_000n,
};

/** The files below a folder, where `changed` replaces some and takes others (`undefined`) away. */
export function fixtureFiles(root: string, changed: Readonly<Record<string, string | undefined>> = {}): HostFiles {
  const read = async (path: string): Promise<string> => {
    if (!(path in changed)) return readFile(join(root, path), "utf8");
    const text = changed[path];
    if (text === undefined) throw new Error(`${path} is gone`);
    return text;
  };
  return {
    machine: "x86_64",
    read,
    readSlow: read,
    list: async (path) => (await readdir(join(root, path))).sort(),
    use: async (mountPoint) => {
      if (mountPoint.includes("boot")) throw new Error("it does not answer");
      return use;
    },
  };
}
