const MOST_CANDIDATES = 200;

/**
 * The candidate that was most probably meant, or undefined when none is close: at most one slip (a letter missing,
 * doubled, changed, or two swapped) for every three letters.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  // The distance costs word x candidate; nobody mistypes a hundred letters.
  if (word.length > 64) return undefined;
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const name of [...candidates].slice(0, MOST_CANDIDATES)) {
    const allowed = Math.max(1, Math.floor(Math.max(word.length, name.length) / 3));
    if (Math.abs(word.length - name.length) > allowed) continue;
    const distance = editDistance(word.toLowerCase(), name.toLowerCase());
    if (distance <= allowed && (!best || distance < best.distance)) best = { name, distance };
  }
  return best?.name;
}

/** "Did you mean ...?", or the names that there are when none is close. */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  const names = [...candidates];
  const name = nearest(word, names);
  if (name !== undefined) return `Did you mean "${name}"?`;
  if (names.length === 0) return undefined;
  const shown = names.slice(0, 12).join(", ");
  return `Known here: ${shown}${names.length > 12 ? ", ..." : ""}.`;
}

/** Optimal string alignment: insert, delete, replace, or swap two neighbours, each at the cost of one. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      let cost = Math.min(at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + same);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, at(beforeLast, column - 2) + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
