/** What several rounds gave. */
export interface Figure {
  readonly median: number;
  /** Half the distance between the quartiles, as a share of the median. */
  readonly spread: number;
}

/** The value below which that share of the sorted values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? NaN;
  const above = sorted[Math.ceil(place)] ?? NaN;
  return below + (above - below) * (place - Math.floor(place));
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export function figureOf(values: readonly number[]): Figure {
  const middle = median(values);
  return {
    median: middle,
    spread: (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / Math.abs(middle || 1),
  };
}

/** The median of the ratios round by round: the weather of a round is in both of its sides. */
export const ratioOf = (above: readonly number[], below: readonly number[]): number =>
  median(above.map((value, round) => value / (below[round] ?? NaN)));
