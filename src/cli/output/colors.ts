/** Colors for a terminal. They add no information: the text says the same. */

/** Functions that color a text. */
export interface Colors {
  readonly good: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

const wrap = (code: number) => (text: string) => (text === '' ? '' : `\x1b[${code}m${text}\x1b[0m`);
const same = (text: string) => text;

const ansiColors: Colors = { good: wrap(32), warn: wrap(33), bad: wrap(31), dim: wrap(2), bold: wrap(1) };

/** Leaves every text without color. */
export const plain: Colors = { good: same, warn: same, bad: same, dim: same, bold: same };

/** Returns colors for a terminal, unless the user switched them off (https://no-color.org). */
export function colorsFor(isTerminal: boolean, { noColor }: { readonly noColor: boolean }): Colors {
  return isTerminal && !noColor ? ansiColors : plain;
}

/** Returns the width of a text on the screen, without color codes. */
export function widthOf(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the color codes
  return text.replace(/\x1b\[\d+m/g, '').length;
}
