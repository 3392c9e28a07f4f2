/** Times on the wire (RFC 3339) and as numbers. The only pure file that may use `Date`: it converts, and never asks what time it is. */

/** Milliseconds since 1970; NaN where the text is no time. */
export function parseTime(text: string): number {
  // biome-ignore lint/style/noRestrictedGlobals: converts a time that it is given
  return Date.parse(text);
}

/** RFC 3339 in UTC, of milliseconds since 1970. */
export function formatTime(ms: number): string {
  // biome-ignore lint/style/noRestrictedGlobals: converts a time that it is given
  return new Date(ms).toISOString();
}
