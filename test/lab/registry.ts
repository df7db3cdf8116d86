import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { must, run, withLock } from "./command.ts";
import {
  gone,
  identify,
  isAlive,
  killAll,
  namespaceAt,
  type ProcessId,
  processesIn,
  processesInGroups,
  signalProcess,
} from "./processes.ts";

/**
 * Every lab is a folder here, named by its id. Everything that a lab makes carries the id: namespaces `dcl-ID-NAME`,
 * control groups `devcloud-lab/ID`, files in the folder, and processes by the namespace or group that they are in. So
 * the list of what to remove is read from the kernel and cannot miss what a crash kept from being written down.
 */
const base = "/var/lib/devcloud-lab";
const namespaces = "/run/netns";
/** Says that /run/netns, which `ip netns add` mounts, was not there before the first lab. */
const madeNetns = join(base, "made-run-netns");
/** flock(1) takes a folder as well; this one always exists, so that no lock file stays behind. */
const lock = "/var/lib";

interface Manifest {
  readonly version: 1;
  readonly owner: ProcessId;
  /** A start time counts from boot: an owner of another boot is dead whatever runs under its pid. */
  readonly boot: string;
}

export interface LabEntry {
  readonly id: string;
  readonly folder: string;
  readonly live: boolean;
  readonly owner: ProcessId | undefined;
}

export function namespaceName(id: string, name: string): string {
  return `dcl-${id}-${name}`;
}

export function namespaceFile(name: string): string {
  return join(namespaces, name);
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** Makes the folder of a new lab that this process owns. */
export async function claim(): Promise<LabEntry> {
  const owner = identify(process.pid);
  const manifest: Manifest = { version: 1, owner, boot: bootId() };
  return await withLock(lock, async () => {
    await mkdir(base, { recursive: true, mode: 0o755 });
    for (;;) {
      const id = randomInt(36 ** 4)
        .toString(36)
        .padStart(4, "0");
      const folder = join(base, id);
      const fresh = join(base, `.new-${id}`);
      const taken = await stat(folder).then(
        () => true,
        () => false,
      );
      if (taken) continue;
      // The manifest is there before the name is: a sweep never meets a lab without an owner.
      await mkdir(fresh, { recursive: true });
      await writeFile(join(fresh, "lab.json"), JSON.stringify(manifest));
      await rename(fresh, folder);
      return { id, folder, live: true, owner };
    }
  });
}

/** Adds network namespaces; remembers whether /run/netns itself is ours to remove at the end. */
export async function addNamespaces(names: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  await withLock(lock, async () => {
    const existed = await stat(namespaces).then(
      () => true,
      () => false,
    );
    if (!existed) await writeFile(madeNetns, "");
    await must(["ip", "-batch", "-"], { env, input: names.map((name) => `netns add ${name}\n`).join("") });
  });
}

/** All labs of this machine, live and dead. */
export async function labs(): Promise<LabEntry[]> {
  const names = (await readdir(base).catch(() => [])).filter((name) => /^[0-9a-z]{4}$/.test(name));
  return await Promise.all(
    names.map(async (id) => {
      const folder = join(base, id);
      const owner = parseManifest(await readFile(join(folder, "lab.json"), "utf8").catch(() => ""));
      return {
        id,
        folder,
        owner: owner?.owner,
        live: owner !== undefined && owner.boot === bootId() && isAlive(owner.owner),
      };
    }),
  );
}

function parseManifest(text: string): Manifest | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("owner" in value) || !("boot" in value)) return undefined;
    const { owner, boot } = value;
    if (typeof boot !== "string" || typeof owner !== "object" || owner === null) return undefined;
    if (!("pid" in owner && "start" in owner)) return undefined;
    if (typeof owner.pid !== "number" || typeof owner.start !== "string") return undefined;
    return { version: 1, owner: { pid: owner.pid, start: owner.start }, boot };
  } catch {
    return undefined;
  }
}

/** Removes every lab whose owner is gone, and nothing of the others. Returns the ids that it removed. */
export async function sweep(env: NodeJS.ProcessEnv): Promise<string[]> {
  const dead = (await labs()).filter((lab) => !lab.live);
  for (const lab of dead) await remove(lab.id, env);
  return dead.map((lab) => lab.id);
}

/** Ends a lab of another process: asks its owner first, so that it can tell its user, then removes what is left. */
export async function evict(lab: LabEntry, env: NodeJS.ProcessEnv): Promise<void> {
  if (lab.live && lab.owner !== undefined && signalProcess(lab.owner, "SIGTERM")) {
    await gone(lab.owner, 15_000).catch(() => lab.owner && signalProcess(lab.owner, "SIGKILL"));
  }
  await remove(lab.id, env);
}

/** Removes all that a lab made: processes, namespaces, control groups, mounts, files. Safe to call again. */
export async function remove(id: string, env: NodeJS.ProcessEnv): Promise<void> {
  const folder = join(base, id);
  await endProcesses(namespaceName(id, ""), id);
  for (const name of await namespacesOf(namespaceName(id, ""))) await removeNamespace(name, env);
  await removeGroups(id);
  await unmountBelow(folder, env);
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  await withLock(lock, () => removeBase(env));
}

/** What the machine still has of a lab: namespaces, control groups, mounts, sockets, files. Empty once it is removed. */
export async function traces(id: string): Promise<string[]> {
  const names = await namespacesOf(namespaceName(id, ""));
  const folder = join(base, id);
  const tables = await Promise.all(["/proc/self/mounts", "/proc/net/unix"].map((path) => readFile(path, "utf8")));
  const lines = tables.flatMap((text) => text.split("\n")).filter((line) => line.includes(folder));
  const files = await stat(folder).then(
    () => [folder],
    () => [],
  );
  return [...names, ...(await groupsOf(id)), ...lines, ...files];
}

/** Kills every process in the namespaces whose names begin with `prefix` and in the control groups of `group`. */
export async function endProcesses(prefix: string, group: string): Promise<void> {
  const names = await namespacesOf(prefix);
  const found = await Promise.all(names.map((name) => namespaceAt(namespaceFile(name))));
  const inodes = new Set(found.filter((inode) => inode !== undefined));
  await killAll(async () => [...(await processesIn(inodes)), ...(await processesInGroups(await groupsOf(group)))]);
}

/** Deletes one namespace; its devices go with it at once, so that their peers lose carrier now and not some time later. */
export async function removeNamespace(name: string, env: NodeJS.ProcessEnv): Promise<void> {
  const links = await run(["ip", "-n", name, "-br", "link", "show", "type", "veth"], { env });
  const devices = links.stdout
    .split("\n")
    .map((line) => line.split(/[@ ]/)[0] ?? "")
    .filter(Boolean);
  const batch = devices.map((device) => `link del ${device}\n`).join("");
  if (batch) await run(["ip", "-n", name, "-force", "-batch", "-"], { env, input: batch });
  const deleted = await run(["ip", "netns", "del", name], { env });
  const left = await stat(namespaceFile(name)).then(
    () => true,
    () => false,
  );
  if (left) throw new Error(`The namespace ${name} cannot be deleted: ${deleted.stderr.trim()}`);
}

async function namespacesOf(prefix: string): Promise<string[]> {
  return (await readdir(namespaces).catch(() => [])).filter((name) => name.startsWith(prefix));
}

/** Control groups of a lab or of one of its hosts (`ID/HOST`), deepest first, in every hierarchy (cgroup v1 or v2). */
async function groupsOf(group: string): Promise<string[]> {
  const root = "/sys/fs/cgroup";
  const hierarchies = [root, ...(await readdir(root).catch(() => [])).map((name) => join(root, name))];
  const found: string[] = [];
  for (const hierarchy of hierarchies) found.push(...(await foldersBelow(join(hierarchy, "devcloud-lab", group))));
  return found;
}

async function foldersBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return [];
  const below: string[] = [];
  for (const entry of entries) if (entry.isDirectory()) below.push(...(await foldersBelow(join(folder, entry.name))));
  return [...below, folder];
}

async function removeGroups(id: string): Promise<void> {
  // A killed process keeps its group busy until it is reaped, by whoever inherited it.
  for (const group of await groupsOf(id)) {
    for (let attempt = 0; attempt < 100 && !(await removeFolder(group)); attempt++) await delay(20);
  }
}

async function removeFolder(folder: string): Promise<boolean> {
  return await rmdir(folder).then(
    () => true,
    () => false,
  );
}

/** Hosts mount in namespaces of their own, which end with their processes; this is for whatever else was mounted. */
async function unmountBelow(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const table = await readFile("/proc/self/mountinfo", "utf8");
  const points = table
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((at) => at.startsWith(`${folder}/`));
  for (const point of points.reverse()) await run(["busybox", "umount", "-l", point], { env });
}

/** With the last lab goes what all labs share; /run/netns only if the first lab made it and nobody else uses it. */
async function removeBase(env: NodeJS.ProcessEnv): Promise<void> {
  const left = await readdir(base).catch(() => undefined);
  if (left === undefined) return;
  // Who holds the lock and finds a half-made lab knows that its maker is dead.
  for (const name of left.filter((each) => each.startsWith(".new-"))) await rm(join(base, name), { recursive: true });
  if ((await labs()).length > 0) return;
  for (const parent of await groupsOf("")) await removeFolder(parent);
  const used = await readdir(namespaces).catch(() => []);
  const ours = left.some((name) => join(base, name) === madeNetns);
  if (ours && used.length === 0) {
    await run(["busybox", "umount", namespaces], { env });
    await removeFolder(namespaces);
  }
  await rm(base, { recursive: true, force: true });
}
