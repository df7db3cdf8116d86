/** The longest wait that Node has a timer for: it makes 1 ms of anything beyond. */
export const LONGEST_MS = 2 ** 31 - 1;

/** Calls back after so many ms; never, if that is longer than any timer runs. */
export function after(ms: number, act: () => void): NodeJS.Timeout | undefined {
  return ms <= LONGEST_MS ? setTimeout(act, ms) : undefined;
}
