/** Time as a port, so that tests advance it instead of sleeping. All values are milliseconds. */
export interface Clock {
  /** Wall clock, for what people read. It may jump. */
  now(): number;
  /** CLOCK_MONOTONIC: never jumps, and is the same for all processes of one boot. For every deadline. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}
