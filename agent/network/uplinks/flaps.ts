/** So many losses of carrier within the window are flapping. */
const FLAPS = 4;
const WINDOW_MS = 30_000;
/** The moves of a bond whose link flaps are told together, this often. */
const TELL_MS = 10_000;

/** Tells a link that comes and goes from one that fails. All times are monotonic milliseconds. */
export class Flaps {
  readonly #losses = new Map<string, readonly number[]>();
  #toldAt = Number.NEGATIVE_INFINITY;
  #untold = 0;

  /** A member lost its carrier. */
  lost(member: string, now: number): void {
    this.#losses.set(member, [...this.#recent(member, now), now]);
  }

  /** Whether a member lost its carrier so often of late that one more time is no news. */
  flaps(member: string, now: number): boolean {
    return this.#recent(member, now).length >= FLAPS;
  }

  /** The bond moved: how many moves to tell now, 0 while they are collected. */
  moved(flapping: boolean, now: number): number {
    this.#untold += 1;
    return flapping && this.restIn(now) > 0 ? 0 : this.rest(now);
  }

  /** In how many milliseconds the moves that are collected are to be told. */
  restIn(now: number): number {
    return Math.max(0, this.#toldAt + TELL_MS - now);
  }

  /** How many moves were collected, for whoever tells them now. */
  rest(now: number): number {
    const moves = this.#untold;
    if (moves > 0) this.#toldAt = now;
    this.#untold = 0;
    return moves;
  }

  #recent(member: string, now: number): readonly number[] {
    return (this.#losses.get(member) ?? []).filter((at) => now - at < WINDOW_MS);
  }
}
