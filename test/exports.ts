/** The exports of src, and the files that import each of them, for `test/architecture.test.ts`. Both are read from the source text. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** An export of a file of src. */
export interface Exported {
  /** `FILE#NAME`. */
  readonly id: string;
  readonly file: string;
  readonly name: string;
  /** The files of src, scripts and test that import it. */
  readonly importers: readonly string[];
}

/** The names that a file imports from another one. */
interface Import {
  readonly from: string;
  readonly names: readonly string[];
}

/** All exports of src. Throws if a file has an export or an import in a form that is not supported here. */
export function exportsOfSource(): readonly Exported[] {
  const importers = new Map<string, string[]>();
  for (const file of ['src', 'scripts', 'test'].flatMap((folder) => globSync(`${folder}/**/*.ts`)).sort()) {
    for (const { from, names } of importsIn(file, readFileSync(file, 'utf8'))) {
      for (const name of names) {
        const id = `${from}#${name}`;
        importers.set(id, [...(importers.get(id) ?? []), file]);
      }
    }
  }
  return globSync('src/**/*.ts')
    .sort()
    .flatMap((file) => namesExportedBy(file).map((name) => ({ id: `${file}#${name}`, file, name })))
    .map((one) => ({ ...one, importers: importers.get(one.id) ?? [] }));
}

function namesExportedBy(file: string): readonly string[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines
    .filter((line) => line.startsWith('export '))
    .map((line) => {
      const name = /^export (?:async )?(?:function|const|class|interface|type) (\w+)/.exec(line)?.[1];
      if (name === undefined) throw new Error(`${file} exports in another form: ${line}`);
      return name;
    });
}

function importsIn(file: string, source: string): readonly Import[] {
  const target = (path: string) => normalize(join(dirname(file), path));
  const named = [...source.matchAll(/^import (?:type )?([^']*?) from '(\.[^']+)';$/gm)].map(
    ([, what = '', path = '']) => {
      const list = /^\{(.*)\}$/s.exec(what)?.[1];
      if (list === undefined && target(path).startsWith('src/'))
        throw new Error(`${file} imports ${what} from ${path}`);
      const names = (list ?? '').split(',').map((item) => item.trim().replace(/^type /, ''));
      return { from: target(path), names: names.map((name) => name.replace(/ as .*$/s, '')) };
    },
  );
  // The names that are used of a dynamic import stand somewhere in the file. So every word of the file may be such a name.
  const later = [...source.matchAll(/\bimport\('(\.[^']+)'\)/g)].map(([, path = '']) => target(path));
  if (later.length === 0) return named;
  const words = [...new Set(source.match(/\b[A-Za-z]\w*\b/g))];
  return [...named, ...later.map((from) => ({ from, names: words }))];
}
