/** One measured number, always beside the same work done by a peer in the same run: machines are noisy, ratios less so. */
export interface Figure {
  readonly bench: string;
  readonly figure: string;
  readonly value: number;
  readonly unit: "ms" | "MiB" | "MB/s" | "packets" | "s/h";
  /** What it is compared with. */
  readonly peer: string;
  readonly peerValue: number;
  /** value / peerValue. */
  readonly ratio: number;
  /** The ratio to reach, or with `goalOf: "value"` the value; `null` where there is none. */
  readonly goal: number | null;
  readonly goalOf: "ratio" | "value";
  /** `null` without a goal. */
  readonly met: boolean | null;
}

export interface Series {
  readonly figure: string;
  readonly unit: Figure["unit"];
  readonly peer: string;
  readonly goal?: number;
  /** The greatest value, for what a peer does not do. */
  readonly most?: number;
  /** True where more is better: the goal is then the least ratio, not the greatest. */
  readonly atLeast?: boolean;
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
}

export interface Bench {
  readonly name: string;
  readonly about: string;
  /** How often each side is measured unless told otherwise. */
  readonly rounds: number;
  /** How long each round looks, in seconds, where that can be chosen. */
  readonly seconds?: number;
  /** Measures both sides in turns; `tick` after each round. */
  run(rounds: number, tick: () => void, seconds: number): Promise<readonly Series[]>;
}

/** Medians of two interleaved series. */
export function figureOf(
  bench: string,
  { figure, unit, peer, goal, most, atLeast = false, ours, theirs }: Series,
): Figure {
  const value = median(ours);
  const peerValue = median(theirs);
  const ratio = value / peerValue;
  return {
    bench,
    figure,
    value,
    unit,
    peer,
    peerValue,
    ratio,
    goal: most ?? goal ?? null,
    goalOf: most === undefined ? "ratio" : "value",
    met: most !== undefined ? value <= most : goal === undefined ? null : atLeast ? ratio >= goal : ratio <= goal,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** A line for a person. */
export function renderFigure({ bench, figure, value, unit, peer, peerValue, ratio, goal, met }: Figure): string {
  // Against a peer of 0 there is no ratio.
  const times = Number.isFinite(ratio) ? `: ${ratio.toFixed(2)} times` : "";
  const numbers = `${value.toFixed(1)} ${unit}, ${peer} ${peerValue.toFixed(1)} ${unit}${times}`;
  const verdict =
    goal === null
      ? ""
      : ` (goal ${unit === "MB/s" ? ">=" : "<="} ${goal.toFixed(2)}: ${met === true ? "met" : "missed"})`;
  return `${bench}: ${figure}: ${numbers}${verdict}`;
}
