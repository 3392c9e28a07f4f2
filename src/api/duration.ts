/** Durations as people write them: `1500ms`, `15s`, `1h30m`. */

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const part = /(\d+(?:\.\d+)?)(ms|s|m|h)/g;
const whole = new RegExp(`^(?:${part.source})+$`);

/** Parses a duration to milliseconds; undefined if the text is none. The format is Go's, without signs and units below a millisecond. */
export function parseDuration(text: string): number | undefined {
  if (!whole.test(text)) return undefined;
  return [...text.matchAll(part)].reduce((sum, [, count, unit]) => sum + Number(count) * (unitMs[unit ?? ''] ?? 0), 0);
}
