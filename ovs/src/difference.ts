import { OvsdbError } from "./errors.ts";
import { isArray, isObject, show } from "./json.ts";

/**
 * A decoded set or map with a decoded difference of `update2` applied (ovsdb-server(7), 4.1.14): members and pairs that were there
 * have gone, others have come, and a key with another value has that value now.
 */
export function patched(before: unknown, difference: unknown): unknown {
  if (isArray(before) && isArray(difference)) return patchedSet(before, difference);
  if (before instanceof Map && difference instanceof Map) return patchedMap(before, difference);
  if (isObject(before) && isObject(difference)) {
    const keys = Object.keys(difference);
    // The usual case by far: keys have got other values, or are new.
    if (keys.every((key) => before[key] !== difference[key])) return { ...before, ...difference };
    // Not by assignment: a key "__proto__" would change the object's prototype.
    return Object.fromEntries(patchedMap(new Map(Object.entries(before)), new Map(Object.entries(difference))));
  }
  throw new OvsdbError("bad-value", `${show(difference)} is no difference to ${show(before)}`);
}

function patchedSet(before: readonly unknown[], difference: readonly unknown[]): readonly unknown[] {
  const known = new Set(before);
  const changed = new Set(difference);
  return [...before.filter((member) => !changed.has(member)), ...difference.filter((member) => !known.has(member))];
}

function patchedMap(
  before: ReadonlyMap<unknown, unknown>,
  difference: ReadonlyMap<unknown, unknown>,
): ReadonlyMap<unknown, unknown> {
  const after = new Map(before);
  for (const [key, value] of difference) {
    if (before.has(key) && before.get(key) === value) after.delete(key);
    else after.set(key, value);
  }
  return after;
}
