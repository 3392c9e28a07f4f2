/** Generates docs/crds.md, the reference of the CRDs, from `crds/*.yaml`: every kind with its fields, defaults, limits and rules. */
import { globSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** A rule that the API server checks (CEL). */
interface Validation {
  readonly rule: string;
  readonly message?: string;
  /** A CEL expression that returns the message. */
  readonly messageExpression?: string;
}

/** The part of a structural schema that Berth's CRDs use. */
export interface CrdSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly format?: string;
  readonly pattern?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, CrdSchema>>;
  readonly additionalProperties?: CrdSchema;
  readonly items?: CrdSchema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly 'x-kubernetes-validations'?: readonly Validation[];
  readonly 'x-kubernetes-list-type'?: 'set' | 'map' | 'atomic';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'atomic';
}

/** One of Berth's CRDs. */
export interface Crd {
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly kind: string; readonly plural: string; readonly shortNames: readonly string[] };
    readonly versions: readonly {
      readonly name: string;
      readonly additionalPrinterColumns?: readonly { readonly name: string; readonly jsonPath: string }[];
      readonly schema: { readonly openAPIV3Schema: CrdSchema };
    }[];
  };
}

/** One field of a kind: a row of its table. */
export interface FieldRow {
  readonly path: string;
  readonly type: string;
  readonly byDefault: string;
  readonly limits: string;
  readonly description: string;
}

/** Returns all CRDs, sorted by the names of their files. */
export function crds(): readonly Crd[] {
  return globSync('crds/*.yaml')
    .sort()
    .map((file) => parse(readFileSync(file, 'utf8')) as Crd);
}

/** Returns the page as Markdown. */
export function crdsPage(): string {
  return `${[head, ...crds().map(sectionOf)].join('\n\n')}\n`;
}

/** Returns the fields of a CRD. Nested fields follow the field that contains them. `metadata` is left out, because every object has it. */
export function fieldRows(crd: Crd): readonly FieldRow[] {
  const { schema, rules } = described(crd);
  const { spec, status } = schema.properties ?? {};
  const root = { ...schema, properties: { ...(spec && { spec }), ...(status && { status }) } };
  return rowsBelow(root, '', rules);
}

type Rules = readonly { readonly validation: Validation; readonly paths: readonly string[] }[];

function described(crd: Crd): { readonly schema: CrdSchema; readonly rules: Rules } {
  const [version, ...more] = crd.spec.versions;
  if (version === undefined || more.length > 0) throw new Error('the page is made for CRDs of one version');
  const schema = version.schema.openAPIV3Schema;
  const rules = new Map<string, { readonly validation: Validation; readonly paths: string[] }>();
  for (const [path, { 'x-kubernetes-validations': validations = [] }] of placesIn(schema, '')) {
    for (const validation of validations) {
      const key = JSON.stringify(validation);
      const known = rules.get(key);
      if (known) known.paths.push(path);
      else rules.set(key, { validation, paths: [path] });
    }
  }
  return { schema, rules: [...rules.values()] };
}

/** Returns every place of a schema, with its path. */
function placesIn(schema: CrdSchema, path: string): readonly (readonly [string, CrdSchema])[] {
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => placesIn(field, joined(path, name)));
  const items = schema.items === undefined ? [] : placesIn(schema.items, `${path}[]`);
  return [[path, schema], ...inner, ...items];
}

const joined = (path: string, name: string) => (path === '' ? name : `${path}.${name}`);

function rowsBelow(schema: CrdSchema, path: string, rules: Rules): readonly FieldRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const at = joined(path, name);
    const inner = field.items?.properties === undefined ? field : field.items;
    const row = {
      path: at,
      type: typeOf(field),
      byDefault: field.default === undefined ? '' : `\`${JSON.stringify(field.default)}\``,
      limits: limitsOf(field, { at, isRequired: schema.required?.includes(name) === true, rules }),
      description: field.description ?? '',
    };
    return [row, ...rowsBelow(inner, inner === field ? at : `${at}[]`, rules)];
  });
}

function typeOf({ type = '', enum: choices, format, items, additionalProperties }: CrdSchema): string {
  if (choices !== undefined) return choices.map((choice) => `\`${choice}\``).join(', ');
  if (format === 'date-time') return 'time (RFC 3339)';
  if (items !== undefined) return items.properties === undefined ? `list of ${typeOf(items)}` : 'list of maps';
  if (additionalProperties !== undefined) return `map of ${typeOf(additionalProperties)}`;
  return { string: 'text', integer: 'number', object: 'map' }[type] ?? type;
}

interface Place {
  readonly at: string;
  readonly isRequired: boolean;
  readonly rules: Rules;
}

function limitsOf(field: CrdSchema, { at, isRequired, rules }: Place): string {
  const here = (path: string) =>
    rules.flatMap(({ validation, paths }, i) => (paths.includes(path) && !isFrozen(validation) ? [i + 1] : []));
  const numbers = [...new Set([...here(at), ...here(`${at}[]`)])];
  const isConstant = field['x-kubernetes-validations']?.some(isFrozen) === true;
  const each = field.items ?? field.additionalProperties;
  const isPlain = each !== undefined && each.properties === undefined;
  return [
    isRequired ? 'required' : '',
    isConstant ? 'never changes' : '',
    ...ownLimits(field, at),
    ...(isPlain ? ownLimits(each, `${at}[]`).map((limit) => `each ${limit}`) : []),
    numbers.length === 0 ? '' : `rule ${numbers.join(', ')}`,
  ]
    .filter((limit) => limit !== '')
    .join('; ');
}

/** Returns the limits of a value itself. Throws if the schema has a keyword that the page would leave out. */
function ownLimits(schema: CrdSchema, at: string): readonly string[] {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems, maxProperties, pattern } = schema;
  const { 'x-kubernetes-list-type': listType, 'x-kubernetes-list-map-keys': keys = [] } = schema;
  const unknown = Object.keys(schema).filter((word) => !knownWords.has(word));
  if (unknown.length > 0) throw new Error(`${at}: the page does not say what ${unknown.join(', ')} means`);
  const isWhole = listType === 'atomic' || schema['x-kubernetes-map-type'] === 'atomic';
  return [
    range(minimum, maximum),
    range(minLength, maxLength, 'characters'),
    range(minItems, maxItems, 'items'),
    range(undefined, maxProperties, 'entries'),
    pattern === undefined ? '' : `matches \`${pattern}\``,
    listType === 'set' ? 'no item twice' : '',
    listType === 'map' ? `one item for each \`${keys.join('`, `')}\`` : '',
    isWhole ? 'applied as a whole' : '',
  ].filter((limit) => limit !== '');
}

const knownWords: ReadonlySet<string> = new Set([
  ...['type', 'description', 'default', 'enum', 'format', 'pattern', 'required', 'properties', 'additionalProperties'],
  ...['items', 'minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems', 'maxProperties'],
  ...['x-kubernetes-validations', 'x-kubernetes-list-type', 'x-kubernetes-list-map-keys', 'x-kubernetes-map-type'],
]);

function range(least: number | undefined, most: number | undefined, unit = ''): string {
  const text =
    least === undefined ? `at most ${most}` : most === undefined ? `at least ${least}` : `${least} to ${most}`;
  return least === undefined && most === undefined ? '' : `${text} ${unit}`.trim();
}

function isFrozen({ rule }: Validation): boolean {
  return rule.trim() === 'self == oldSelf';
}

function sectionOf(crd: Crd): string {
  const { group, names, scope, versions } = crd.spec;
  const { name = '', additionalPrinterColumns: columns = [] } = versions[0] ?? {};
  const { schema, rules } = described(crd);
  const cells = fieldRows(crd).map(({ path, type, byDefault, limits, description }) =>
    [`\`${path}\``, type, byDefault, limits, description].map((cell) => cell.replaceAll('|', '\\|')),
  );
  return [
    `## ${names.kind}`,
    `\`${group}/${name}\`, ${scope === 'Cluster' ? 'without a namespace' : 'in a namespace'}. ${schema.description ?? ''}`,
    `\`kubectl get ${names.plural}.${group}\` (short: \`${names.shortNames.join(', ')}\`) shows:`,
    columns.map(({ name: title, jsonPath }) => `- ${title}: \`${jsonPath}\``).join('\n'),
    ['| field | type | default | limits | description |', '|---|---|---|---|---|']
      .concat(cells.map((row) => `| ${row.join(' | ')} |`))
      .join('\n'),
    ...(rules.length === 0 ? [] : [`### Rules of ${names.kind}`, rules.map(ruleText).join('\n\n')]),
  ].join('\n\n');
}

function ruleText({ validation, paths }: Rules[number], index: number): string {
  const { rule, message, messageExpression = '' } = validation;
  const where = paths.map((path) => (path === '' ? 'the object' : `\`${path}\``)).join(', ');
  const number = `${index + 1}. `;
  const indent = ' '.repeat(number.length);
  const block = ['```', ...rule.trim().split('\n'), '```'].map((line) => `${indent}${line}`).join('\n');
  return `${number}${where}: \`${message ?? plainText(messageExpression)}\`\n\n${block}`;
}

/** Returns the text that a CEL expression makes. Computed parts are in braces. */
function plainText(expression: string): string {
  const parts: string[] = [];
  let part = '';
  let depth = 0;
  let isQuoted = false;
  for (const sign of expression) {
    if (sign === "'") isQuoted = !isQuoted;
    if (!isQuoted && '()'.includes(sign)) depth += sign === '(' ? 1 : -1;
    if (sign === '+' && depth === 0 && !isQuoted) {
      parts.push(part);
      part = '';
    } else part += sign;
  }
  return [...parts, part]
    .map((one) => one.trim())
    .map((one) => /^'([^']*)'$/.exec(one)?.[1] ?? `{${one.replace(/^\((.*)\)$/s, '$1')}}`)
    .join('');
}

const head = `# Reference of the CRDs

Every field of Berth's kinds. This page is made from \`crds/*.yaml\` by \`npm run generate\`. The API
server checks all of it, the rules too: there is no webhook.

How the fields work together: [allocation](allocation.md), [architecture](architecture.md) and
[data path](data-path.md). A manifest for each task: [examples](../examples/README.md).

- \`LIST[]\` is an item of a list.
- "Applied as a whole": server-side apply replaces the whole list or map; it merges no items.
- A rule is written in CEL. \`self\` is the value of the field that the rule names.
- Each rule begins with the fields that it is for and the message of the API server. The API server
  computes what stands in braces.`;
