/** Reads YAML and JSON files as kubectl reads them: the scalars are those of YAML 1.1, and each document stands alone. */
import { parseAllDocuments } from 'yaml';
import { resolvePlain } from './scalars.ts';

/** One document of a file. */
interface YamlDocument {
  /** The line of the file where it begins; the first line is 1. */
  readonly line: number;
  /** Its content: a value of JSON; undefined if it cannot be read. */
  readonly value: unknown;
  /** Why it cannot be read; undefined if it can. */
  readonly fault?: string;
  /** Keys that occur twice in a mapping: the last one counts. */
  readonly warnings: readonly string[];
  /** Its text. */
  readonly source: string;
}

/** Reads all documents of a file. Empty documents are left out. Lines may end as on Windows: in YAML every end of a line is the same. */
export function readYaml(content: string): readonly YamlDocument[] {
  const text = content.replaceAll(/\r\n?/g, '\n');
  return jsonIn(text) ?? chunksOf(text).flatMap(documentsIn);
}

function jsonIn(text: string): readonly YamlDocument[] | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    return [{ line: 1, value: JSON.parse(text), warnings: [], source: text }];
  } catch {
    return undefined;
  }
}

interface Chunk {
  readonly line: number;
  readonly text: string;
}

/** Divides a file at the lines that begin with `---`, so that one broken document does not affect the others. */
function chunksOf(text: string): readonly Chunk[] {
  const chunks: { line: number; lines: string[] }[] = [{ line: 1, lines: [] }];
  for (const [i, line] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const last = chunks.at(-1);
    // Directives and comments belong to the document below them.
    const isOpen = last?.lines.some((one) => !/^(?:\s*(?:#.*)?|%.*)$/.test(one));
    if (/^---(?:\s|$)/.test(line) && isOpen) chunks.push({ line: i + 1, lines: [line] });
    else last?.lines.push(line);
  }
  return chunks.map(({ line, lines }) => ({ line, text: lines.join('\n') }));
}

/** All plain scalars, and the explicit types, which their reader resolves by the same rules. */
const tags = [
  { tag: 'tag:yaml.org,2002:plain', default: true, test: /^/, resolve: resolvePlain },
  ...['bool', 'int', 'float', 'null', 'timestamp'].map((name) => ({
    tag: `tag:yaml.org,2002:${name}`,
    resolve: resolvePlain,
  })),
];

function documentsIn({ line, text }: Chunk): readonly YamlDocument[] {
  const documents = parseAllDocuments(text, { schema: 'failsafe', customTags: tags, merge: true, prettyErrors: false });
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document): readonly YamlDocument[] => {
    const at = ([begin]: readonly number[]) => line + text.slice(0, begin).split('\n').length - 1;
    const told = document.errors.map(({ code, message, pos }) => ({ code, text: `line ${at(pos)}: ${message}` }));
    const [fault] = told.filter(({ code }) => code !== 'DUPLICATE_KEY');
    const warnings = told.filter(({ code }) => code === 'DUPLICATE_KEY').map((one) => one.text);
    const begin = at([document.contents?.range?.[0] ?? 0]);
    if (fault !== undefined) return [{ line: begin, value: undefined, fault: fault.text, warnings, source: text }];
    try {
      const value: unknown = document.toJS();
      return value === null ? [] : [{ line: begin, value, warnings, source: text }];
    } catch (error) {
      // Aliases that would fill the memory.
      const why = `line ${begin}: ${(error as Error).message}`;
      return [{ line: begin, value: undefined, fault: why, warnings, source: text }];
    }
  });
}
