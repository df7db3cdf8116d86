import { join } from "node:path";
import { type Problem, problemOf } from "../core/errors.ts";

/** The files of the host, as far as the configuration needs them. Both throw AgentError with an E_FILE_ code. */
export interface ConfigFiles {
  /** Names in a directory; none when the directory is missing. */
  list(directory: string): Promise<readonly string[]>;
  /** A whole file; E_FILE_TOO_BIG without reading on when it is longer than `maxBytes`. */
  read(file: string, maxBytes: number): Promise<Uint8Array>;
}

/** The text of one fragment. */
export interface Source {
  readonly file: string;
  /** 1 to 5, the higher outranks the lower. */
  readonly rank: number;
  readonly text: string;
}

export interface Sources {
  /** Lowest rank first, by name within a rank. */
  readonly sources: readonly Source[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export const CONTROLLER_RANK = 3;
export const BREAK_GLASS_RANK = 5;

/** Where fragments lie, lowest rank first. */
const RANKS: readonly { readonly rank: number; readonly directory: string }[] = [
  { rank: 1, directory: "usr/lib/devcloud-agent/config.d" },
  { rank: 2, directory: "etc/devcloud-agent/config.d" },
  { rank: CONTROLLER_RANK, directory: "var/lib/devcloud-agent/controller" },
  { rank: 4, directory: "etc/devcloud-agent/override.d" },
  { rank: BREAK_GLASS_RANK, directory: "run/devcloud-agent/override.d" },
];

const MAX_BYTES = 1024 * 1024;
const FRAGMENT = /^\d\d-[A-Za-z0-9][A-Za-z0-9._-]*\.yaml$/;

/** Reads the fragments of all ranks below `root`. */
export async function readRanks(root: string, files: ConfigFiles): Promise<Sources> {
  const parts: Sources[] = [];
  for (const { rank, directory } of RANKS) parts.push(await readRank(join(root, directory), rank, files));
  return together(parts);
}

/** Reads the given files, whatever they are called. */
export async function readFiles(paths: readonly string[], files: ConfigFiles): Promise<Sources> {
  const parts: Sources[] = [];
  for (const file of paths) parts.push(await readFragment(file, 2, files));
  return together(parts);
}

async function readRank(directory: string, rank: number, files: ConfigFiles): Promise<Sources> {
  try {
    const names = (await files.list(directory)).toSorted((a, b) => (a < b ? -1 : 1));
    const parts = [misnamed(directory, rank, names)];
    for (const name of names)
      if (FRAGMENT.test(name)) parts.push(await readFragment(join(directory, name), rank, files));
    return together(parts);
  } catch (error) {
    return unreadable(problemOf(error), rank);
  }
}

/**
 * A name like `host.yaml` or `50-host.yml` was meant to count, so it must not be passed over in silence. Everything
 * else that lies about (README, 50-host.yaml.example, .rpmnew, an editor's copy) is passed over.
 */
function misnamed(directory: string, rank: number, names: readonly string[]): Sources {
  const problems = names
    .filter((name) => /\.ya?ml$/i.test(name) && !name.startsWith(".") && !FRAGMENT.test(name))
    .map(
      (name): Problem => ({
        code: "E_CONFIG_FILE_NAME",
        message: `${name} would not be read`,
        file: join(directory, name),
        expected: "NN-name.yaml: two digits, a dash, a name of letters, digits, `.`, `_`, `-`",
        hint: `Rename it, for example to ${suggestedName(name)}, or end its name in .off.`,
      }),
    );
  return asRank(rank, problems);
}

function suggestedName(name: string): string {
  const stem = name
    .replace(/\.ya?ml$/i, "")
    .replaceAll(/[^A-Za-z0-9._-]/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "");
  const numbered = /^\d\d-/.test(stem) ? stem : `50-${stem}`;
  return `${numbered}.yaml`;
}

async function readFragment(file: string, rank: number, files: ConfigFiles): Promise<Sources> {
  try {
    const bytes = await files.read(file, MAX_BYTES);
    return { sources: [{ file, rank, text: decode(bytes) }], problems: [], warnings: [] };
  } catch (error) {
    return unreadable(error instanceof TypeError ? notUtf8(file) : problemOf(error), rank);
  }
}

/** @throws TypeError when the bytes are not UTF-8 */
function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

function notUtf8(file: string): Problem {
  return {
    code: "E_CONFIG_ENCODING",
    message: "the file is not UTF-8 text",
    file,
    line: 1,
    column: 1,
    expected: "YAML text in UTF-8",
    hint: "This looks like a binary file, or one saved in another encoding.",
  };
}

function unreadable(problem: Problem, rank: number): Sources {
  if (problem.code !== "E_FILE_TOO_BIG") return asRank(rank, [problem]);
  const hint = "Is this the right file? A host's whole configuration is a few kilobytes.";
  return asRank(rank, [
    { ...problem, code: "E_CONFIG_TOO_BIG", message: "the file is larger than 1 MiB", expected: "at most 1 MiB", hint },
  ]);
}

// What comes from the controller is left out when it is no good; it never spoils what the host says itself.
function asRank(rank: number, problems: readonly Problem[]): Sources {
  if (rank === CONTROLLER_RANK) return { sources: [], problems: [], warnings: problems };
  return { sources: [], problems, warnings: [] };
}

function together(parts: readonly Sources[]): Sources {
  return {
    sources: parts.flatMap(({ sources }) => sources),
    problems: parts.flatMap(({ problems }) => problems),
    warnings: parts.flatMap(({ warnings }) => warnings),
  };
}
