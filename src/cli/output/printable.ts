/**
 * Makes text safe to print. Other people write names, annotations, conditions and Events: control characters in them could change what a
 * terminal shows, or do (ECMA-48), a line end could add a line that looks like the tool's own, and characters of direction could reorder a
 * line (Unicode TR 36, section 2.5). They are printed as JavaScript writes them: `\x1b`, `\n`, `\u202e`.
 */

/** C0, DEL, C1, the line and paragraph separators, and the characters of direction. */
const unsafe = '\\0-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069';
const inValues = new RegExp(`[${unsafe}]`, 'g');
/** The same without line ends. */
const inLines = new RegExp(`[${unsafe.replace('\\x1f', '\\x09\\x0b-\\x1f')}]`, 'g');
/** The codes of this tool's colors, or an unsafe character. */
const inColoredLines = new RegExp(`\\x1b\\[(?:0|1|2|31|32|33)m|${inLines.source}`, 'g');

/** The same value with printable strings, at every depth. */
export function printable<T>(value: T): T {
  if (typeof value === 'string') return value.replace(inValues, escaped) as T;
  if (Array.isArray(value)) return value.map(printable) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, printable(inner)])) as T;
}

/** The same lines with printable characters. With `colors`, the codes of the tool's own colors stay. */
export function printableLines(text: string, { colors = false } = {}): string {
  return text.replace(colors ? inColoredLines : inLines, (found) => (found.length > 1 ? found : escaped(found)));
}

/** The same JSON, or YAML whose scalars with such characters are quoted: the escapes mean the same characters. */
export function printableJson(text: string): string {
  return text.replace(inLines, (character) => `\\u${hex(character, 4)}`);
}

function escaped(character: string): string {
  const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character];
  return short ?? (character <= '\xff' ? `\\x${hex(character, 2)}` : `\\u${hex(character, 4)}`);
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0');
}
