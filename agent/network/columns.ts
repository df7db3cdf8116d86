import type { Drift } from "../core/step.ts";

type Plain = string | number | boolean;
type Value = Plain | readonly Plain[] | Readonly<Record<string, string | null>>;

/**
 * The columns of `desired` that differ from the row: plain values by equality, sets regardless of order, maps by the keys that
 * `desired` names. Returns what has to be written, and the same as drift for people.
 */
export function differing<T extends { readonly [C in keyof T]?: Value | undefined }>(
  object: string,
  row: Readonly<Record<string, unknown>>,
  desired: T,
): { readonly columns: Partial<T>; readonly drift: readonly Drift[] } {
  const columns: Partial<T> = {};
  const drift: Drift[] = [];
  for (const column of Object.keys(desired) as (keyof T & string)[]) {
    const wanted: Value | undefined = desired[column];
    if (wanted === undefined) continue;
    const found = drifted(object, column, row[column], wanted);
    if (found.length === 0) continue;
    columns[column] = desired[column];
    drift.push(...found);
  }
  return { columns, drift };
}

function drifted(object: string, column: string, current: unknown, desired: Value): Drift[] {
  if (isMap(desired)) {
    const keys = (current ?? {}) as Readonly<Record<string, string>>;
    return Object.entries(desired)
      .filter(([key, value]) => (keys[key] ?? null) !== value)
      .map(([key, value]) => drift(object, `${column}:${key}`, keys[key] ?? null, value));
  }
  const same = Array.isArray(desired) ? sameSet(current, desired) : current === desired;
  return same ? [] : [drift(object, column, current ?? null, desired)];
}

function drift(object: string, field: string, current: unknown, desired: unknown): Drift {
  return { object, field, current, desired, owner: "ours" };
}

function isMap(value: Value): value is Readonly<Record<string, string | null>> {
  return typeof value === "object" && !Array.isArray(value);
}

function sameSet(current: unknown, desired: readonly Plain[]): boolean {
  if (!Array.isArray(current) || current.length !== desired.length) return false;
  return desired.every((member) => current.includes(member));
}
