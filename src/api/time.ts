/** Times as text (RFC 3339) and as numbers. The only pure file that may use `Date`: it converts times and never reads the clock. */

/** Milliseconds since 1970; NaN if the text is not a time. */
export function parseTime(text: string): number {
  // biome-ignore lint/style/noRestrictedGlobals: converts a given time
  return Date.parse(text);
}

/** The time as RFC 3339 in UTC, from milliseconds since 1970. */
export function formatTime(ms: number): string {
  // biome-ignore lint/style/noRestrictedGlobals: converts a given time
  return new Date(ms).toISOString();
}
