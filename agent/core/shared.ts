import type { Clock } from "./clock.ts";

/**
 * `look` for many who ask: at most one at a time, and none while what the last one found is younger than `keepMs`. So whoever
 * asks, however often, costs no more than this; what he gets was found at most one look and `keepMs` ago.
 */
export function shared<T>(look: () => Promise<T>, clock: Pick<Clock, "monotonic">, keepMs: number): () => Promise<T> {
  let found: Promise<T> | undefined;
  let until = Number.POSITIVE_INFINITY;
  return () => {
    if (found !== undefined && clock.monotonic() < until) return found;
    until = Number.POSITIVE_INFINITY;
    found = look().finally(() => {
      until = clock.monotonic() + keepMs;
    });
    // Nothing is kept of one that failed.
    found.catch(() => {
      found = undefined;
    });
    return found;
  };
}
