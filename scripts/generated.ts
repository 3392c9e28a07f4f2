/**
 * The generated files: the chart's Chart.yaml, README, dashboard and list of required values, docs/metrics.md, docs/crds.md, and the CRDs
 * with an annotation that marks their version.
 */
import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { chartMetadata } from './chart-metadata.ts';
import { crdsPage } from './crds-page.ts';
import { dashboard } from './dashboard.ts';
import { metricsPage } from './metrics-page.ts';

/** The part of JSON Schema that values.schema.json uses. */
interface Schema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly description?: string;
  /** Whether this is a former name, which the templates refuse; the README leaves it out. */
  readonly deprecated?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly minLength?: number;
  readonly minItems?: number;
  readonly definitions?: Readonly<Record<string, Schema>>;
  readonly $ref?: string;
}

/** One value of the chart: a row in the README's table. */
export interface ValueRow {
  readonly path: string;
  readonly type: string;
  /** The default in values.yaml; undefined if it has none. */
  readonly byDefault: unknown;
  readonly description: string;
  /** Whether the value only contains other values. */
  readonly isGroup: boolean;
}

const chart = 'charts/berth';

/** Returns the text of every generated file. Paths are relative to the repository's root. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>([
    [`${chart}/Chart.yaml`, chartMetadata()],
    [`${chart}/README.md`, chartReadme()],
    ['docs/metrics.md', metricsPage()],
    ['docs/crds.md', crdsPage()],
    [`${chart}/files/required-values.txt`, `${requiredValues().join('\n')}\n`],
    [`${chart}/files/dashboard.json`, `${JSON.stringify(dashboard(), undefined, 2)}\n`],
  ]);
  for (const crd of globSync('crds/*.yaml').sort()) {
    const text = stamped(readFileSync(crd, 'utf8'));
    files.set(crd, text).set(`${chart}/${crd}`, text);
  }
  return files;
}

/**
 * Adds a digest of the CRD's spec as an annotation. By it the chart finds out whether the CRD in the cluster
 * differs.
 */
export function stamped(crd: string): string {
  const spec = crd.slice(crd.indexOf('\nspec:\n'));
  const mark = `    berth.dev/schema: ${createHash('sha256').update(spec).digest('hex').slice(0, 16)}`;
  const old = /^ {4}berth\.dev\/schema: .*$/m;
  if (old.test(crd)) return crd.replace(old, mark);
  return crd.replace(/^(metadata:\n {2}name: .*\n)/m, `$1  annotations:\n${mark}\n`);
}

/** Returns all values; nested values follow the value that contains them. */
export function valueRows(): readonly ValueRow[] {
  const schema = JSON.parse(readFileSync(`${chart}/values.schema.json`, 'utf8')) as Schema;
  const values: unknown = parse(readFileSync(`${chart}/values.yaml`, 'utf8'));
  return rowsBelow(schema, { path: '', byDefault: values, root: schema });
}

/**
 * Returns the values that a template cannot do without, each after the value that contains it. A null in place of a map of labels, a list or
 * a text that may be empty means that it is empty. In place of any other value it has no meaning.
 */
export function requiredValues(): readonly string[] {
  const schema = JSON.parse(readFileSync(`${chart}/values.schema.json`, 'utf8')) as Schema;
  const values: unknown = parse(readFileSync(`${chart}/values.yaml`, 'utf8'));
  return requiredBelow(schema, { path: '', byDefault: values, root: schema });
}

function requiredBelow(schema: Schema, { path, byDefault, root }: Place): readonly string[] {
  return propertiesOf(schema, root).flatMap(([name, property]) => {
    const { type = '', enum: choices, minLength = 0, minItems = 0, properties } = property;
    const mayBeEmpty = choices === undefined && minLength + minItems === 0 && !['boolean', 'integer'].includes(type);
    const value = (byDefault as Record<string, unknown> | undefined)?.[name];
    if (value === undefined || (mayBeEmpty && properties === undefined)) return [];
    return [`${path}${name}`, ...requiredBelow(property, { path: `${path}${name}.`, byDefault: value, root })];
  });
}

interface Place {
  readonly path: string;
  readonly byDefault: unknown;
  readonly root: Schema;
}

function rowsBelow(schema: Schema, { path, byDefault, root }: Place): readonly ValueRow[] {
  return propertiesOf(schema, root).flatMap(([name, property]) => {
    const isList = property.items?.properties !== undefined;
    const place = `${path}${name}${isList ? '[]' : ''}`;
    const value = (byDefault as Record<string, unknown> | undefined)?.[name];
    const inner = isList ? property.items : property;
    const below = rowsBelow(inner ?? {}, { path: `${place}.`, byDefault: isList ? undefined : value, root });
    const type = isList ? 'list' : typeOf(property);
    const { description = '' } = property;
    return [{ path: `${path}${name}`, type, byDefault: value, description, isGroup: below.length > 0 }, ...below];
  });
}

/** The properties of a map, without former names. */
function propertiesOf(schema: Schema, root: Schema): readonly (readonly [name: string, property: Schema])[] {
  const all = Object.entries(schema.properties ?? {}).map(([name, short]) => {
    const reference = short.$ref?.replace('#/definitions/', '') ?? '';
    return [name, { ...root.definitions?.[reference], ...short }] as const;
  });
  return all.filter(([, { deprecated = false }]) => !deprecated);
}

function typeOf({ type, enum: choices }: Schema): string {
  if (choices !== undefined) return choices.map((choice) => `\`${choice}\``).join(', ');
  return { array: 'list', object: 'map' }[type ?? ''] ?? type ?? '';
}

/** Returns the chart's README. */
function chartReadme(): string {
  const lines = valueRows().map(({ path, type, byDefault, description, isGroup }) => {
    const silent = byDefault === undefined || (isGroup && !Array.isArray(byDefault));
    const value = silent ? '' : `\`${JSON.stringify(byDefault)}\``;
    return `| \`${path}\` | ${isGroup && type === 'map' ? '' : type} | ${value} | ${description} |`;
  });
  return `${head}${lines.join('\n')}\n`;
}

const head = `# The Berth chart

\`\`\`
helm install berth charts/berth --namespace berth-system --create-namespace --values my-values.yaml
\`\`\`

[docs/install.md](../../docs/install.md) describes how to install, upgrade and remove Berth.
[docs/security.md](../../docs/security.md) describes the permissions of its Pods.

## Values

A schema checks the values: it refuses names that are not in this table. \`pools[].NAME\` is a field of each pool.

| value | type | default | description |
|---|---|---|---|
`;
