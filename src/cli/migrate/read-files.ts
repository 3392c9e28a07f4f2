/** Reads manifests from files, folders and standard input. A file that cannot be read is reported, and hides none of the others. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { misused } from '../output/failure.ts';
import { readYaml } from '../yaml/read.ts';
import { FieldReport, type FieldRow } from './convert/field-report.ts';
import type { Manifest } from './convert/manifest.ts';
import { type Forms, formsIn, isConfiguration, joinForms, mentionsMetalLb, noForms } from './forms.ts';

/** The content of files. */
interface FilesRead {
  readonly objects: readonly Manifest[];
  readonly rows: readonly FieldRow[];
}

/** Reads files, folders (`*.yaml`, `*.yml`, `*.json`, also in subfolders) and standard input (`-`). */
export async function readFiles(paths: readonly string[]): Promise<FilesRead> {
  const files = (await Promise.all(paths.map(filesAt))).flat();
  const forms: Forms[] = [];
  for (const { path, isManifest } of files) forms.push(await (isManifest ? manifestsIn(path) : otherFile(path)));
  if (!files.some(({ isManifest }) => isManifest))
    throw misused(`no manifest in ${paths.join(', ')}`, 'names of manifests end in .yaml, .yml or .json');
  const { objects, rows, others } = forms.reduce(joinForms, noForms);
  return { objects, rows: [...rows, ...restOf(others)] };
}

interface File {
  readonly path: string;
  /** Whether it is named directly, or has the name of a manifest. */
  readonly isManifest: boolean;
}

async function filesAt(path: string): Promise<readonly File[]> {
  if (path === '-') return [{ path, isManifest: true }];
  try {
    if (!(await stat(path)).isDirectory()) return [{ path, isManifest: true }];
    const names = await readdir(path, { recursive: true });
    return names
      .filter((name) => !/(^|[/\\])(\.git|node_modules)([/\\]|$)/.test(name))
      .sort()
      .map((name) => ({ path: join(path, name), isManifest: /\.(ya?ml|json)$/i.test(name) }));
  } catch (error) {
    throw misused(`${path} cannot be read: ${(error as Error).message}`);
  }
}

async function manifestsIn(path: string): Promise<Forms> {
  const content = await contentOf(path);
  if (content === undefined) return noForms;
  if (typeof content !== 'string') return unread(path, content.why);
  if (content.includes('\0')) return unread(path, 'it is not UTF-8');
  return readYaml(content)
    .map(({ line, value, fault, warnings, source }) => {
      const where = `${path}, line ${line}`;
      if (fault !== undefined) return broken(path, fault, source);
      return warnings.length > 0 && mentionsMetalLb(source) ? doubled(path, warnings) : formsIn(value, where);
    })
    .reduce(joinForms, noForms);
}

/** A file whose name is not that of a manifest, such as a template or a script. Documents have examples only. */
async function otherFile(path: string): Promise<Forms> {
  const content = /\.(md|rst|adoc|html?)$/i.test(path) ? undefined : await contentOf(path);
  return typeof content === 'string' && isConfiguration(content)
    ? unread(path, 'it contains configuration of MetalLB, but its name does not end in .yaml, .yml or .json')
    : noForms;
}

const largest = 8 * 1_024 * 1_024;

/** The text of a file, or why it cannot be read; undefined for a folder, and for a file that is too large for a manifest. */
async function contentOf(path: string): Promise<string | { readonly why: string } | undefined> {
  if (path === '-') return text(process.stdin);
  try {
    const facts = await stat(path);
    return facts.isFile() && facts.size <= largest ? await readFile(path, 'utf8') : undefined;
  } catch (error) {
    return { why: `it cannot be read: ${(error as Error).message}` };
  }
}

function unread(path: string, why: string): Forms {
  const notes = new FieldReport(path);
  notes.unread('', why, 'give the file in another form, or leave it out');
  return { ...noForms, rows: notes.rows };
}

function broken(path: string, fault: string, source: string): Forms {
  const notes = new FieldReport(path);
  if (mentionsMetalLb(source)) notes.unread('', `it is not valid YAML: ${fault}`, 'correct it, or render the template');
  else notes.notNeeded('', `it is not valid YAML, and does not mention MetalLB: ${fault}`);
  return { ...noForms, rows: notes.rows };
}

/** A document in which a key occurs twice. kubectl takes the last one; two objects without a line between them become one. */
function doubled(path: string, warnings: readonly string[]): Forms {
  const notes = new FieldReport(path);
  for (const warning of warnings)
    notes.unread(
      '',
      `a key occurs twice: ${warning}`,
      'put a line with --- between objects, or remove one of the keys',
    );
  return { ...noForms, rows: notes.rows };
}

/** One row for all objects that are not MetalLB's. */
function restOf(others: readonly string[]): readonly FieldRow[] {
  if (others.length === 0) return [];
  const notes = new FieldReport('Other objects');
  const counts = [...Map.groupBy(others, (kind) => kind)].map(([kind, { length }]) => `${kind} (${length})`);
  notes.notNeeded('', `${counts.sort().join(', ')}: no configuration of MetalLB`);
  return notes.rows;
}
