import { createHash, type Hash } from "node:crypto";
import type { Dirent } from "node:fs";
import { lstat, opendir, readdir, readFile, readlink, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { ConfigState } from "../containers/observed.ts";
import type { HostFilesPort } from "../containers/ports.ts";
import { readFileBounded } from "./files.ts";

/** Kolla's folders hold a dozen files; one that holds more than this is something else. */
const MAX_FILES = 500;
const MAX_BYTES = 4 * 1024 * 1024;

/** What a verdict needs of the host's files. `root`: where /proc and /sys are. */
export function openContainerFiles(root: string): HostFilesPort {
  return {
    config: (folder) => configState(folder).catch(() => "unreadable"),
    async freeMib(folder) {
      const found = await statfs(folder).catch(() => undefined);
      return found && Math.floor((found.bavail * found.bsize) / (1024 * 1024));
    },
    guests: (pid) => guests(root, pid).catch(() => "unknown"),
  };
}

async function configState(folder: string): Promise<ConfigState> {
  const hash = createHash("sha256");
  // A file that was removed changes its folder alone.
  let changedAt = (await stat(folder)).mtimeMs;
  for (const { name, entry } of (await entriesBelow(folder)).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, name);
    const { ctimeMs, mtimeMs, size } = await lstat(path);
    changedAt = Math.max(changedAt, ctimeMs, mtimeMs);
    hash.update(`${name}\0`);
    if (entry.isSymbolicLink()) hash.update(`link\0${await readlink(path)}\0`);
    // Such as an image to boot from: reading it would take too long.
    else if (entry.isFile() && size > MAX_BYTES) hash.update(`large\0${size}\0${mtimeMs}\0`);
    else if (entry.isFile()) hashContent(hash, await readFileBounded(path, MAX_BYTES));
  }
  return { hash: hash.digest("hex"), changedAt };
}

function hashContent(hash: Hash, content: Uint8Array): void {
  hash.update(`file\0${content.length}\0`).update(content);
}

interface Entry {
  /** From the folder on. */
  readonly name: string;
  readonly entry: Dirent;
}

/** Everything below a folder. Links are not followed: in the container they lead elsewhere. Throws where it is too much. */
async function entriesBelow(folder: string): Promise<Entry[]> {
  const found: Entry[] = [];
  const walk = async (below: string): Promise<void> => {
    for await (const entry of await opendir(join(folder, below))) {
      const name = join(below, entry.name);
      found.push({ name, entry });
      if (found.length > MAX_FILES) throw new RangeError(`${folder} has more than ${MAX_FILES} files`);
      if (entry.isDirectory()) await walk(name);
    }
  };
  await walk("");
  return found;
}

/** Whether a process of qemu is in the control groups of a container. Throws where it cannot be told. */
async function guests(root: string, pid: number): Promise<"none" | "some"> {
  const text = await readFile(join(root, "proc", String(pid), "cgroup"), "utf8");
  const groups = text.split("\n").flatMap((line) => {
    const [, hierarchy, controllers = "", path = "/"] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (hierarchy === undefined || controllers.startsWith("name=")) return [];
    return [join(root, "sys/fs/cgroup", controllers, path)];
  });
  if (groups.length === 0) throw new RangeError(`process ${pid} has no control group`);
  for (const group of groups) {
    if (await holdsGuest(root, group, await readdir(group, { withFileTypes: true }))) return "some";
  }
  return "none";
}

/** In a group, and in those below it. */
async function holdsGuest(root: string, group: string, entries: readonly Dirent[]): Promise<boolean> {
  for (const pid of (await unlessGone(readFile(join(group, "cgroup.procs"), "utf8"), "")).split("\n").filter(Boolean)) {
    if (/^(qemu|kvm)/.test(await unlessGone(readFile(join(root, "proc", pid, "comm"), "utf8"), ""))) return true;
  }
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    const below = join(group, entry.name);
    if (await holdsGuest(root, below, await unlessGone(readdir(below, { withFileTypes: true }), []))) return true;
  }
  return false;
}

/** What ended while it was looked at holds nothing (ENODEV: a group, between open and read); whatever else cannot be read may. */
async function unlessGone<T>(reading: Promise<T>, nothing: T): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ESRCH" || code === "ENODEV") return nothing;
    throw error;
  }
}
