import { randomUUID } from "node:crypto";
import { constants, existsSync, type Stats } from "node:fs";
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AgentError } from "../core/errors.ts";

/**
 * The names in a directory, in no particular order; a directory that is not there has none.
 *
 * @throws AgentError E_FILE_ACCESS, E_FILE_KIND, E_FILE_IO
 */
export async function listDir(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw fileError(error, directory);
  }
}

/**
 * The whole of a regular file, at most `maxBytes` of it.
 *
 * Opened without blocking and looked at before it is read: a FIFO or a device in a configuration directory must not
 * hang the boot, and ten gigabytes must not be read to find out that they are too many.
 *
 * @throws AgentError E_FILE_MISSING, E_FILE_ACCESS, E_FILE_KIND, E_FILE_TOO_BIG, E_FILE_IO
 */
export async function readFileBounded(file: string, maxBytes: number): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await handle.stat();
    if (!stat.isFile()) throw notAFile(file);
    if (stat.size > maxBytes) throw tooBig(file, maxBytes);
    return await readUpTo(handle, file, maxBytes);
  } catch (error) {
    throw fileError(error, file);
  } finally {
    await handle?.close();
  }
}

// The size says nothing for files under /proc, and a file may grow while it is read: count what really arrives.
async function readUpTo(handle: FileHandle, file: string, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const { bytesRead, buffer } = await handle.read(new Uint8Array(64 * 1024), 0, 64 * 1024, null);
    if (bytesRead === 0) return Buffer.concat(chunks, total);
    total += bytesRead;
    if (total > maxBytes) throw tooBig(file, maxBytes);
    chunks.push(buffer.subarray(0, bytesRead));
  }
}

/**
 * Replaces a file so that a crash or a power cut leaves the old or the new content, never a part: temporary file
 * beside it, fsync, rename, fsync of the directory. Makes the directory if it is missing.
 *
 * @param mode permission bits of the new file, set exactly (the umask takes nothing away)
 * @throws AgentError E_FILE_ACCESS, E_FILE_IO
 */
export async function writeFileAtomic(file: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  const directory = dirname(file);
  // Two writes of one file at once must not share it: the later one of them counts, whole.
  const temporary = join(directory, `.${basename(file)}.${randomUUID()}.${process.pid}.tmp`);
  try {
    await makeFolder(directory);
    await writeSynced(temporary, content, mode);
    await rename(temporary, file);
    await syncDirectory(directory);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw fileError(error, file);
  }
}

/**
 * Makes a folder and those above it that are missing. Node's own `recursive` never ends where the kernel says ENOENT of a folder
 * whose parent is there, as below /proc.
 */
export async function makeFolder(folder: string): Promise<void> {
  if (await madeOrThere(folder)) return;
  if (dirname(folder) !== folder) await makeFolder(dirname(folder));
  if (await madeOrThere(folder)) return;
  throw new AgentError({
    code: "E_FILE_IO",
    message: `the folder ${folder} cannot be made (ENOENT)`,
    file: folder,
    hint: "Is it below /proc or /sys, where folders are the kernel's? Name another one.",
  });
}

async function madeOrThere(folder: string): Promise<boolean> {
  try {
    await mkdir(folder);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    if (codeOf(error) === "EEXIST") return true;
    throw error;
  }
}

async function writeSynced(file: string, content: string | Uint8Array, mode: number): Promise<void> {
  const handle = await open(file, "wx", mode);
  try {
    await handle.writeFile(content);
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes renames and removals in a directory last over a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function tooBig(file: string, maxBytes: number): AgentError {
  return new AgentError({
    code: "E_FILE_TOO_BIG",
    message: `${file} is larger than ${maxBytes} bytes`,
    file,
    expected: `at most ${maxBytes} bytes`,
  });
}

function notAFile(file: string): AgentError {
  return new AgentError({ code: "E_FILE_KIND", message: `${file} is not a regular file`, file, expected: "a file" });
}

/** What a call of node:fs threw, with a code and the file. */
export function fileError(error: unknown, file: string): AgentError {
  if (error instanceof AgentError) return error;
  const cause = codeOf(error);
  switch (cause) {
    case "ENOENT":
      return new AgentError(
        {
          code: "E_FILE_MISSING",
          message: `${file} does not exist`,
          file,
          hint: "Create it, or correct the path.",
        },
        { cause: error },
      );
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new AgentError(
        {
          code: "E_FILE_ACCESS",
          message: `no access to ${file} (${cause})`,
          file,
          hint:
            cause === "EROFS" ? "Its file system is read-only: dmesg, findmnt" : "Be root, and look at its mode: ls -l",
        },
        { cause: error },
      );
    case "EISDIR":
    case "ENOTDIR":
    case "ENXIO":
    case "ELOOP":
      return notAFile(file);
    case "ENOSPC":
    case "EDQUOT":
      return new AgentError(
        {
          code: "E_FILE_IO",
          message: `there is no room to write ${file} (${cause})`,
          file,
          hint: "Free space there: df -h, df -i",
        },
        { cause: error },
      );
    default:
      return new AgentError(
        { code: "E_FILE_IO", message: `${file}: ${cause ?? String(error)}`, file },
        { cause: error },
      );
  }
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** What the configuration needs of the host's files (the port of agent/config/sources.ts). */
export const configFiles = { list: listDir, read: readFileBounded };

/** Makes an empty file that says something by being there; for /run, which no power cut outlives. */
export async function touch(file: string): Promise<void> {
  try {
    await makeFolder(dirname(file));
    await writeFile(file, "", { mode: 0o644 });
  } catch (error) {
    throw fileError(error, file);
  }
}

/** Whether a file is there, by the name alone. */
export function exists(file: string): boolean {
  return existsSync(file);
}

/** Removes what processes that were killed in the middle of `writeFileAtomic` left in a directory. */
export async function removeTemporaries(directory: string): Promise<void> {
  for (const name of await listDir(directory)) {
    const owner = /^\..+\.(\d+)\.tmp$/.exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) await rm(join(directory, name), { force: true });
  }
}

/** The file as it is now gets a second name, which stays when the file is replaced; where there is no file, there is none. */
export async function keepBeside(file: string, kept: string): Promise<void> {
  try {
    await rm(kept, { force: true });
    await link(file, kept);
    await syncDirectory(dirname(kept));
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw fileError(error, file);
  }
}

/** What was kept is the file again. Needs no room. */
export async function putBack(kept: string, file: string): Promise<void> {
  try {
    await rename(kept, file);
    await syncDirectory(dirname(file));
  } catch (error) {
    throw fileError(error, file);
  }
}

/**
 * Writes what a person asked for by its path. A device, a FIFO, a link and the like are refused and not replaced; folders are
 * not made.
 *
 * @throws AgentError E_OUTPUT_FILE, and what writeFileAtomic throws
 */
export async function writeOutput(file: string, content: string, mode: number): Promise<void> {
  const folder = dirname(file);
  const parent = await lookAt(folder, stat);
  if (!parent?.isDirectory()) throw badOutput(file, `${folder} is not there, or is no folder`);
  const there = await lookAt(file, lstat);
  if (there !== undefined && !there.isFile()) throw badOutput(file, "there is something that is not a regular file");
  await writeFileAtomic(file, content, mode);
}

async function lookAt(path: string, look: (path: string) => Promise<Stats>): Promise<Stats | undefined> {
  try {
    return await look(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw fileError(error, path);
  }
}

function badOutput(file: string, why: string): AgentError {
  return new AgentError({
    code: "E_OUTPUT_FILE",
    message: `${file} is not written: ${why}`,
    file,
    expected: "a file that is there or not, in a folder that is there",
    hint: "Without the option it goes to the terminal, or wherever the shell leads it.",
  });
}

/** Removes a file for good, also over a power cut; one that is not there is gone already. */
export async function removeFile(file: string): Promise<void> {
  try {
    await rm(file, { force: true });
    if (existsSync(dirname(file))) await syncDirectory(dirname(file));
  } catch (error) {
    throw fileError(error, file);
  }
}
