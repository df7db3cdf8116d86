import { closeSync, constants, openSync, readSync, statfsSync } from "node:fs";
import { readdir, readFile, statfs } from "node:fs/promises";
import { machine } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import type { FilesystemUse, HostFiles } from "../../collectors/collector.ts";
import { run } from "./run.ts";

/** More than /proc/net/dev has with a hundred thousand interfaces; a file that has more is not one of the kernel's. */
const MAX_BYTES = 32 * 1024 * 1024;
/** Of statfs(2): the file is the kernel's, and reading it again gives its content of now. */
const PROC_MAGIC = 0x9fa0;
/** Reading goes on for so long before whoever else waits in this process gets to run, in milliseconds. */
const SLICE_MS = 5;
/** File systems whose answer comes from another machine, or from a program. */
const REMOTE = /^(nfs\d?|cifs|smb3?|smbfs|ceph|glusterfs|lustre|beegfs|9p|afs|ncpfs|fuse(\..+)?|virtiofs)$/;

/**
 * The files below `root` for the collectors. They are the kernel's and answer at once, so they are read without a detour through
 * threads, which costs ten times as much; descriptors of /proc stay open. What may wait goes through a thread or a child.
 */
export class SystemHostFiles implements HostFiles, Disposable {
  readonly machine = machine();
  readonly #root: string;
  /** How long a file system may take to answer, in milliseconds. */
  readonly #timeoutMs: () => number;
  readonly #kept = new Map<string, number>();
  /** What mount points say that were asked; until the call, or the child that makes it, has really ended. */
  readonly #asked = new Map<string, Promise<FilesystemUse>>();
  #buffer = Buffer.allocUnsafe(64 * 1024);
  #sliceEnds = 0;

  constructor(root: string, timeoutMs: () => number) {
    this.#root = root;
    this.#timeoutMs = timeoutMs;
  }

  async read(path: string): Promise<string> {
    if (performance.now() > this.#sliceEnds) {
      await turn();
      this.#sliceEnds = performance.now() + SLICE_MS;
    }
    const kept = this.#kept.get(path);
    if (kept !== undefined) {
      try {
        return this.#readAll(kept);
      } catch {
        // Such as that of a process that has ended.
        this.#kept.delete(path);
        closeSync(kept);
      }
    }
    return this.#open(path);
  }

  async readSlow(path: string): Promise<string> {
    return readFile(join(this.#root, path), "utf8");
  }

  async list(path: string): Promise<readonly string[]> {
    return (await readdir(join(this.#root, path), { withFileTypes: true }))
      .filter((entry) => !entry.isFile())
      .map(({ name }) => name)
      .sort();
  }

  async use(mountPoint: string, type: string): Promise<FilesystemUse> {
    // One that hangs is not asked again until it has answered, also not by a child, which cannot be killed while it waits there:
    // four such calls would block every thread of this process, and children would pile up. Two file systems on one mount point
    // are asked as one, because the path leads to the upper one.
    const asked = this.#asked.get(mountPoint);
    if (asked !== undefined) return asked;
    const path = join(this.#root, mountPoint);
    const timeoutMs = this.#timeoutMs();
    // Not before it is noted below: a child that cannot be started has ended at once.
    const ended = (): void => queueMicrotask(() => this.#asked.delete(mountPoint));
    const answer = inTime(
      REMOTE.test(type) ? remoteUse(path, timeoutMs, ended) : localUse(path).finally(ended),
      timeoutMs,
    );
    this.#asked.set(mountPoint, answer);
    return answer;
  }

  [Symbol.dispose](): void {
    for (const descriptor of this.#kept.values()) closeSync(descriptor);
    this.#kept.clear();
  }

  #open(path: string): string {
    const file = join(this.#root, path);
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    let keep = false;
    try {
      const text = this.#readAll(descriptor);
      keep = path.startsWith("proc/") && statfsSync(file).type === PROC_MAGIC;
      if (keep) this.#kept.set(path, descriptor);
      return text;
    } finally {
      if (!keep) closeSync(descriptor);
    }
  }

  /** From the beginning to the end: files of the kernel give parts, and have no size. */
  #readAll(descriptor: number): string {
    let length = 0;
    for (;;) {
      const count = readSync(descriptor, this.#buffer, length, this.#buffer.length - length, length);
      length += count;
      if (count === 0) return this.#buffer.toString("utf8", 0, length);
      if (length < this.#buffer.length) continue;
      if (length >= MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`);
      this.#buffer = Buffer.concat([this.#buffer], length * 2);
    }
  }
}

async function localUse(path: string): Promise<FilesystemUse> {
  const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(path, { bigint: true });
  return { blockSize: bsize, blocks, free: bfree, available: bavail, files, filesFree: ffree };
}

/** By a child, because nothing ends a call of this process that hangs. `ended` is called when the child is gone. */
async function remoteUse(path: string, timeoutMs: number, ended: () => void): Promise<FilesystemUse> {
  const args = ["--file-system", "--format=%s %b %f %a %c %d", "--", path];
  const signal = new AbortController().signal;
  const { code, stdout, stderr } = await run("stat", args, { signal, timeoutMs, onExit: ended });
  const fields = stdout.trim().split(" ");
  if (code !== 0 || fields.length !== 6) throw new Error(stderr.trim());
  const [blockSize = 0n, blocks = 0n, free = 0n, available = 0n, files = 0n, filesFree = 0n] = fields.map(BigInt);
  return { blockSize, blocks, free, available, files, filesFree };
}

async function inTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const done = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: done.signal }).then(() => {
    throw new Error(`no answer in ${timeoutMs} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort();
    late.catch(() => undefined);
    work.catch(() => undefined);
  }
}
