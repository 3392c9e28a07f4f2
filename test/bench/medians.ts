/** Statistics of repeated measurements. Pure. */

/** The median and the two quartiles. */
export interface Summary {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Computes the median and the quartiles. */
export function summaryOf(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

/** Divides `values` by `to`, round by round. Other load on the machine affects both values of a round. */
export function ratios(values: readonly number[], to: readonly number[]): readonly number[] {
  return values.map((value, i) => value / (to[i] ?? Number.NaN));
}

/** Formats as `12.3 (11.9 to 13.0)`. */
export function summaryText({ median, low, high }: Summary, digits: number): string {
  return `${median.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
}
