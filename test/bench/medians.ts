/** What many measurements of the same thing say together. Pure. */

/** The value in the middle, and those with a quarter of all below and above them. */
export interface Summary {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Sums up. */
export function summaryOf(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

/** Round by round, how many times the one is of the other: what else the machine does meets both of a round. */
export function ratios(values: readonly number[], to: readonly number[]): readonly number[] {
  return values.map((value, i) => value / (to[i] ?? Number.NaN));
}

/** `12.3 (11.9 to 13.0)`. */
export function summaryText({ median, low, high }: Summary, digits: number): string {
  return `${median.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
}
