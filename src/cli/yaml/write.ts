/** Writes YAML that every reader understands alike, whether it follows YAML 1.1 (kubectl) or YAML 1.2. */
import { Document, visit } from 'yaml';
import { resolvePlain } from './scalars.ts';

/**
 * Words and sentences without special characters, and IPv4 addresses with what follows them: no version of YAML reads anything else in
 * them. Some readers take e1 for a number.
 */
const clear = /^(?:(?!e[-+]?\d)[a-z](?:[\w./(), -]*[\w./)])?|\d+\.\d+\.\d+\.\d+[\d./-]*)$/i;

/** Characters that a reader refuses, or takes for the end of a line, if they are not escaped. */
const unprintable = /[\u007f-\u00a0\u2028\u2029\ufeff\ufffe\uffff]/g;

/** Formats a value of JSON as one document. Texts that a reader could take for something else are in double quotes. */
export function writeYaml(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_, scalar) => {
      const { value: text } = scalar;
      if (typeof text === 'string' && !(clear.test(text) && typeof resolvePlain(text) === 'string'))
        scalar.type = 'QUOTE_DOUBLE';
    },
  });
  // All of them are in double quotes.
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return document.toString({ lineWidth: 0 }).replaceAll(unprintable, escaped);
}
