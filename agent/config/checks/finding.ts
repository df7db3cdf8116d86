import type { Path } from "../tree.ts";

/** Something that is wrong although each single value is right. The place in the file is looked up from the path. */
export interface Finding {
  readonly code: string;
  readonly message: string;
  readonly path: Path;
  /** Point at the key of the path instead of its value. */
  readonly at?: "key";
  readonly expected?: string;
  readonly hint?: string;
  /** The configuration is used all the same. */
  readonly warning?: true;
}

/** The first thing of each kind, and a finding for each later one of the same kind. */
export function duplicates<T>(
  things: Iterable<T>,
  same: (thing: T) => unknown,
  tell: (later: T, first: T) => Finding,
): Finding[] {
  const seen = new Map<unknown, T>();
  const found: Finding[] = [];
  for (const thing of things) {
    const id = same(thing);
    const first = seen.get(id);
    if (id === undefined) continue;
    if (first === undefined) seen.set(id, thing);
    else found.push(tell(thing, first));
  }
  return found;
}
