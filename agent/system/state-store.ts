import { rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { AgentError, type Problem, problemOf } from "../core/errors.ts";
import type { StateFiles, StateName, StateStore } from "../network/state.ts";
import { readFileBounded, syncDirectory, writeFileAtomic } from "./files.ts";

const VERSION = 1;
const MAX_BYTES = 16 * 1024 * 1024;

export interface StateStoreOptions {
  readonly onUnreadable: (problem: Problem) => void;
  /** Rename what cannot be read: for whoever writes this state. */
  readonly keepAside: boolean;
}

interface Reading extends StateStoreOptions {
  /** What was told of files that stay where they are, as on a read-only disk. */
  readonly told: Set<string>;
  /** Absent rather than an error, whatever keeps it from being read. */
  readonly dispensable?: boolean;
}

/** The network is made without these as well; without the others it is not known what the host holds on to. */
const dispensable: ReadonlySet<StateName> = new Set(["avoid", "ledger"]);

/**
 * State files of the network, in `directory`. Each is `{version, crc32, data}`: what is truncated, edited or of another
 * version is kept aside as `NAME.json.unreadable`, told to `onUnreadable`, and counts as absent, also where it cannot be moved.
 */
export function openStateStore(directory: string, { onUnreadable, keepAside }: StateStoreOptions): StateStore {
  const pathOf = (name: StateName): string => join(directory, `${name}.json`);
  const told = new Set<string>();
  return {
    read: (name) =>
      readState<StateFiles[typeof name]>(pathOf(name), {
        onUnreadable,
        keepAside,
        told,
        dispensable: dispensable.has(name),
      }),
    render: (_name, value) => encode(value),
    async write(name, value) {
      await writeFileAtomic(pathOf(name), encode(value), 0o600);
    },
    async remove(name) {
      try {
        await unlink(pathOf(name));
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
        throw error;
      }
      await syncDirectory(directory);
    },
    async claim(from, to) {
      try {
        await rename(pathOf(from), pathOf(to));
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
        throw error;
      }
      await syncDirectory(dirname(pathOf(to)));
      return true;
    },
  };
}

/** One state file of another part of the agent, in the same form and with the same care. */
export function openStateFile<T>(
  file: string,
  onUnreadable: (problem: Problem) => void,
): { read(): Promise<T | undefined>; write(value: T): Promise<void> } {
  const told = new Set<string>();
  return {
    read: () => readState<T>(file, { onUnreadable, keepAside: true, told }),
    write: (value) => writeFileAtomic(file, encode(value), 0o600),
  };
}

async function readState<T>(
  file: string,
  { onUnreadable, keepAside, told, dispensable }: Reading,
): Promise<T | undefined> {
  try {
    return decode<T>(await readFileBounded(file, MAX_BYTES), file);
  } catch (error) {
    const problem = problemOf(error);
    if (problem.code === "E_FILE_MISSING") return undefined;
    const damaged = problem.code === "E_STATE_UNREADABLE";
    if (!damaged && dispensable !== true) throw error;
    const moved = damaged && keepAside && (await moves(file, `${file}.unreadable`));
    if (moved || !told.has(problem.message)) onUnreadable(problem);
    if (!moved) told.add(problem.message);
    return undefined;
  }
}

function moves(from: string, to: string): Promise<boolean> {
  return rename(from, to).then(
    () => true,
    () => false,
  );
}

function encode(data: unknown): string {
  const text = JSON.stringify(data);
  return `{"version":${VERSION},"crc32":${crc32(text)},"data":${text}}\n`;
}

function decode<T>(bytes: Uint8Array, file: string): T {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw unreadable(file, "it is not JSON", error);
  }
  if (!isEnvelope(parsed)) throw unreadable(file, "it is no state file");
  if (parsed.version !== VERSION) throw unreadable(file, `its version is ${parsed.version}, not ${VERSION}`);
  if (crc32(JSON.stringify(parsed.data)) !== parsed.crc32) throw unreadable(file, "its checksum does not match");
  // Only this agent writes these files, and the checksum says that this is what it wrote.
  return parsed.data as T;
}

function isEnvelope(value: unknown): value is { version: unknown; crc32: unknown; data: unknown } {
  return typeof value === "object" && value !== null && "version" in value && "crc32" in value && "data" in value;
}

function unreadable(file: string, why: string, cause?: unknown): AgentError {
  return new AgentError(
    {
      code: "E_STATE_UNREADABLE",
      message: `${file} cannot be used: ${why}`,
      file,
      hint: `The daemon keeps it as ${file}.unreadable, and goes on from its configuration.`,
    },
    { cause },
  );
}
