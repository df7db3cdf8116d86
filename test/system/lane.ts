/** A slow lane: `npm run lane -- NAME`. */
export interface SystemLane {
  readonly name: string;
  /** One line for the list. */
  readonly shows: string;
  /** Resolves with what this machine or user lacks, in words; undefined when the lane can run. */
  readonly lacks: () => Promise<string | undefined>;
  /** True on the machines where the lane has to run, so that a skip is a failure there. */
  readonly mustRun: () => Promise<boolean>;
  /** Runs it and cleans up after itself; the signal asks it to stop early. Resolves with the checks that failed. */
  readonly run: (options: LaneOptions) => Promise<readonly string[]>;
}

export interface LaneOptions {
  readonly signal: AbortSignal;
  /** A package that exists already, instead of one that is built from the sources. */
  readonly rpm: string | undefined;
  /** Only the first steps, for a look whether it works at all. */
  readonly quick: boolean;
  /** How long a lane without an end of its own goes on. */
  readonly seconds: number;
  /** What chooses by chance; the same seed gives the same. */
  readonly seed: number;
  /** The round to go on from. */
  readonly from: number;
}
