/**
 * The values of plain (unquoted) scalars, as kubectl and the API server read them. Their reader (go.yaml.in/yaml/v2, behind
 * sigs.k8s.io/yaml) follows YAML 1.1: `no` is false, `010` is eight. YAML 1.2 reads both as texts or other numbers.
 */

/** The value of a scalar. */
type Scalar = string | number | boolean | null;

const words: ReadonlyMap<string, Scalar> = new Map<string, Scalar>([
  ...inEveryCase(['y', 'yes', 'true', 'on'], true),
  ...inEveryCase(['n', 'no', 'false', 'off'], false),
  ...inEveryCase(['null'], null),
  ['~', null],
  ['', null],
]);

/** `yes`, `Yes` and `YES`: YAML 1.1 knows no other cases. */
function inEveryCase(texts: readonly string[], value: Scalar): readonly (readonly [string, Scalar])[] {
  return texts.flatMap((text) => {
    const capital = `${text[0]?.toUpperCase()}${text.slice(1)}`;
    return [text, capital, text.toUpperCase()].map((one) => [one, value] as const);
  });
}

const integer = /^[-+]?(?:0x[0-9a-f]+|0b[01]+|0o?[0-7]+|0|[1-9][0-9]*)$/i;
const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:e[-+]?[0-9]+)?$/i;

/** Returns the value of a plain scalar. A text that looks like infinity, or like no number, stays a text: JSON has no such number. */
export function resolvePlain(text: string): Scalar {
  const word = words.get(text);
  if (word !== undefined) return word;
  if (!/^[-+.0-9]/.test(text)) return text;
  // In a number that begins with a dot, underscores are allowed between digits only.
  const digits = text.replaceAll(text.startsWith('.') ? /(?<=[0-9])_(?=[0-9])/g : '_', '');
  const binary = /^0b([-+][01]+)$/.exec(digits)?.[1];
  if (binary !== undefined) return Number.parseInt(binary, 2);
  if (integer.test(digits)) {
    const value = integerOf(digits);
    if (value !== undefined) return value;
  }
  const value = float.test(digits) ? Number(digits) : Number.NaN;
  return Number.isFinite(value) ? value : text;
}

/** The value of an integer that fits 64 bits; undefined if it does not. */
function integerOf(digits: string): number | undefined {
  const isNegative = digits.startsWith('-');
  // A zero in front means octal.
  const magnitude = BigInt(
    digits
      .replace(/^[-+]/, '')
      .toLowerCase()
      .replace(/^0(?=[0-7])/, '0o'),
  );
  const most = isNegative ? 2n ** 63n : /^[+]/.test(digits) ? 2n ** 63n - 1n : 2n ** 64n - 1n;
  if (magnitude > most) return undefined;
  return isNegative ? 0 - Number(magnitude) : Number(magnitude);
}
