import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** What the agent's state files say, as far as the rounds need it. */
export interface Records {
  /** Files of a change that is under way; none where the network is settled. */
  readonly open: readonly OpenFile[];
  /** Hash of the last good configuration; empty where there is none. */
  readonly lastGood: string;
  /** Hashes of configurations that were rolled back, oldest first. */
  readonly failed: readonly string[];
}

const openFiles = ["pending", "confirmed", "rolling-back"] as const;
export type OpenFile = (typeof openFiles)[number];

export function recordsFolder(root: string): string {
  return join(root, "var/lib/devcloud-agent/network");
}

/** Only which files of a change are there: at once, for the very moment after a kill. */
export function openNow(root: string): OpenFile[] {
  return openFiles.filter((name) => existsSync(join(recordsFolder(root), `${name}.json`)));
}

/** Whether a process died while it wrote the record of a change that it was about to begin. */
export function wasWriting(root: string, pid: number): boolean {
  return (
    openNow(root).length === 0 &&
    halfWritten(root).some((name) => name.startsWith(".pending.json.") && name.endsWith(`.${pid}.tmp`))
  );
}

/** Names of files that killed processes left half written. */
export function halfWritten(root: string): string[] {
  return readdirSync(recordsFolder(root)).filter((name) => name.endsWith(".tmp"));
}

export async function readRecords(root: string): Promise<Records> {
  const lastGood = await data(root, "last-good");
  const failed = await data(root, "failed");
  return { open: openNow(root), lastGood: hashIn(field(lastGood, "config")), failed: list(failed).map(hashIn) };
}

async function data(root: string, name: string): Promise<unknown> {
  try {
    const parsed: unknown = JSON.parse(await readFile(join(recordsFolder(root), `${name}.json`), "utf8"));
    return field(parsed, "data");
  } catch (error) {
    // One that a fault has spoiled says nothing.
    if (error instanceof SyntaxError) return undefined;
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function list(value: unknown): readonly unknown[] {
  const configs = field(value, "configs");
  return Array.isArray(configs) ? configs : [];
}

function hashIn(value: unknown): string {
  const hash = field(value, "hash");
  return typeof hash === "string" ? hash : "";
}

export function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}
