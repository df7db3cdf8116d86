import { mkdir, open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import type { JournalEntry } from "../containers/journal.ts";
import type { JournalPort } from "../containers/ports.ts";
import { AgentError } from "../core/errors.ts";
import { readFileBounded, syncDirectory } from "./files.ts";

const FILE = "journal.ndjson";
const MAX_BYTES = 4 * 1024 * 1024;

/** The journal of restarts in `directory`: one JSON object a line, never changed; a full file is kept as `journal.1.ndjson`. */
export function openContainerJournal(directory: string): JournalPort {
  const file = join(directory, FILE);
  const older = join(directory, "journal.1.ndjson");
  let last: Promise<unknown> = Promise.resolve();
  const append = async (entry: JournalEntry): Promise<void> => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const size = await stat(file).then(
      (found) => found.size,
      () => 0,
    );
    if (size > MAX_BYTES) await rename(file, older);
    const handle = await open(file, "a", 0o600);
    try {
      // A line that a power cut left in the middle must not swallow this one.
      await handle.appendFile(
        `${size > 0 && size <= MAX_BYTES ? await separator(file, size) : ""}${JSON.stringify(entry)}\n`,
      );
      await handle.sync();
    } finally {
      await handle.close();
    }
    await syncDirectory(directory);
  };
  return {
    async read() {
      const texts = await Promise.all([older, file].map((path) => textOf(path)));
      return texts.flatMap((text) => text.split("\n").flatMap(entryOf));
    },
    append(entry) {
      const written = last.then(() => append(entry));
      last = written.catch(() => undefined);
      return written;
    },
  };
}

async function separator(file: string, size: number): Promise<string> {
  const handle = await open(file, "r");
  try {
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
    return buffer[0] === 0x0a ? "" : "\n";
  } finally {
    await handle.close();
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return new TextDecoder().decode(await readFileBounded(path, 2 * MAX_BYTES));
  } catch (error) {
    if (error instanceof AgentError && error.code === "E_FILE_MISSING") return "";
    throw error;
  }
}

const kinds: ReadonlySet<unknown> = new Set(["intent", "result", "stopped"]);

/** Half a line is what a power cut leaves; another version's entry says nothing to this one. */
function entryOf(line: string): readonly JournalEntry[] {
  try {
    const value: unknown = JSON.parse(line);
    return isEntry(value) ? [value] : [];
  } catch {
    return [];
  }
}

function isEntry(value: unknown): value is JournalEntry {
  // Only this agent writes the file: of an entry of its version, the rest is as it was written.
  return (
    typeof value === "object" &&
    value !== null &&
    "version" in value &&
    value.version === 1 &&
    "kind" in value &&
    kinds.has(value.kind)
  );
}
