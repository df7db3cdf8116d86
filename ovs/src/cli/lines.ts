import { styleText } from "node:util";
import { isArray, isObject } from "../json.ts";
import type { PlainRow } from "../store.ts";

/** Something to be printed: a row that is there, or what happened to one. */
export interface Change {
  readonly what: "there" | "inserted" | "modified" | "deleted";
  readonly table: string;
  readonly row: PlainRow;
  /** The row before it was modified. */
  readonly before: PlainRow | undefined;
}

const signs = { there: "=", inserted: "+", modified: "~", deleted: "-" } as const;
const colours = { there: "dim", inserted: "green", modified: "yellow", deleted: "red" } as const;

/** A change on one line, for a person. */
export function changeLine({ what, table, row, before }: Change, colour: boolean, now = new Date()): string {
  const { _uuid, name, ...others } = row;
  const clock = now.toTimeString().slice(0, 8) + now.toISOString().slice(19, 23);
  const columns = Object.entries(before === undefined ? others : row).flatMap(([column, value]) => {
    const text = shown(value);
    if (before === undefined) return isEmpty(value) ? [] : [`${column}=${text}`];
    const old = shown(before[column]);
    return old === text ? [] : [`${column}: ${old} -> ${text}`];
  });
  const words = [
    table,
    ...(name === undefined ? [] : [shown(name)]),
    String(_uuid),
    ...(what === "deleted" ? [] : columns),
  ];
  const line = `${clock} ${signs[what]} ${words.join(" ")}`;
  return `${colour ? styleText(colours[what], line, { validateStream: false }) : line}\n`;
}

/** The same as one JSON object: `null` for what is absent, lists of pairs for maps whose keys are no text. */
export function jsonLine({ what, table, row, before }: Change, now = new Date()): string {
  const document = { schema: "node-ovsdb/monitor/v1", time: now.toISOString(), what, table, row, before };
  const plain = (_: string, value: unknown): unknown => (value instanceof Map ? [...value] : (value ?? null));
  return `${JSON.stringify(document, plain)}\n`;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === "") return true;
  if (isArray(value)) return value.length === 0;
  return value instanceof Map ? value.size === 0 : isObject(value) && Object.keys(value).length === 0;
}

/** Text without quotes where it cannot be misread. JSON keeps control characters of a name out of the terminal. */
function shown(value: unknown): string {
  if (typeof value === "string") return /^[\w.:/@-]+$/.test(value) ? value : JSON.stringify(value);
  if (isArray(value)) return `[${value.map(shown).join(", ")}]`;
  if (value instanceof Map) return pairs([...(value as ReadonlyMap<unknown, unknown>)]);
  return isObject(value) ? pairs(Object.entries(value)) : String(value ?? "[]");
}

function pairs(entries: readonly (readonly [unknown, unknown])[]): string {
  return `{${entries.map(([key, value]) => `${shown(key)}: ${shown(value)}`).join(", ")}}`;
}
