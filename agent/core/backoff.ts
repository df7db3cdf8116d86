export interface BackoffRange {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait before retry number `attempt` (0 is the first), in milliseconds: exponential with equal jitter, so that a
 * fleet that lost the same thing at the same moment does not come back at the same moment, and no retry is immediate.
 */
export function backoffMs(attempt: number, range: BackoffRange, random: () => number): number {
  const ceiling = Math.min(range.maxMs, range.minMs * 2 ** Math.min(attempt, 30));
  return ceiling / 2 + random() * (ceiling / 2);
}
