import { createHash } from "node:crypto";
import { readdir, readFile, stat, statfs } from "node:fs/promises";
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
    config: (folder) => configState(folder).catch(() => undefined),
    async freeMib(folder) {
      const found = await statfs(folder).catch(() => undefined);
      return found && Math.floor((found.bavail * found.bsize) / (1024 * 1024));
    },
    guests: (pid) => guests(root, pid).catch(() => "unknown"),
  };
}

async function configState(folder: string): Promise<ConfigState> {
  const names = (await readdir(folder, { recursive: true })).sort();
  if (names.length > MAX_FILES) throw new RangeError(`${folder} has ${names.length} files`);
  const hash = createHash("sha256");
  // A file that was removed changes its folder alone.
  let changedAt = (await stat(folder)).mtimeMs;
  for (const name of names) {
    const path = join(folder, name);
    const { ctimeMs, mtimeMs, size } = await stat(path);
    changedAt = Math.max(changedAt, ctimeMs, mtimeMs);
    const content = await readFileBounded(path, MAX_BYTES).catch(() => undefined);
    hash.update(`${name}\0${content === undefined ? "" : size}\0`).update(content ?? "");
  }
  return { hash: hash.digest("hex"), changedAt };
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
    for (const file of [".", ...(await readdir(group, { recursive: true }))].filter((name) => !name.includes("."))) {
      if (await hasGuest(root, join(group, file, "cgroup.procs"))) return "some";
    }
    if (await hasGuest(root, join(group, "cgroup.procs"))) return "some";
  }
  return "none";
}

async function hasGuest(root: string, procs: string): Promise<boolean> {
  const pids = (await readFile(procs, "utf8").catch(() => "")).split("\n").filter(Boolean);
  for (const pid of pids) {
    const comm = await readFile(join(root, "proc", pid, "comm"), "utf8").catch(() => "");
    if (/^(qemu|kvm)/.test(comm)) return true;
  }
  return false;
}
