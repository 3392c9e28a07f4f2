/** Colours for a terminal: they only repeat what the words say. */

/** Paints a text. */
export interface Colors {
  readonly good: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

const wrap = (code: number) => (text: string) => (text === '' ? '' : `\x1b[${code}m${text}\x1b[0m`);
const same = (text: string) => text;

const colours: Colors = { good: wrap(32), warn: wrap(33), bad: wrap(31), dim: wrap(2), bold: wrap(1) };

/** Leaves every text as it is. */
export const plain: Colors = { good: same, warn: same, bad: same, dim: same, bold: same };

/** Colours where somebody sees them and has not asked to be spared (https://no-color.org). */
export function colorsFor(isTerminal: boolean, { noColor }: { readonly noColor: boolean }): Colors {
  return isTerminal && !noColor ? colours : plain;
}

/** How long a text is on the screen. */
export function widthOf(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what paints
  return text.replace(/\x1b\[\d+m/g, '').length;
}
