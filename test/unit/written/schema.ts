/**
 * Whether an object fits the OpenAPI schema of its CRD, as the API server checks it: no field is
 * refused, and none is silently dropped.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** The keywords of a structural schema that the CRDs use. */
export interface Schema {
  readonly type: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly [limit: string]: unknown;
}

/** Keywords without a limit, or with a CEL rule. A real API server tests those rules. */
const silent = new Set(['type', 'description', 'default', 'x-kubernetes-validations', 'x-kubernetes-map-type']);

/** The schema of a kind. */
export function schemaOf(plural: string): Schema {
  const file = new URL(`../../../crds/berth.dev_${plural}.yaml`, import.meta.url);
  const crd = parse(readFileSync(file, 'utf8')) as {
    readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[] };
  };
  const [version] = crd.spec.versions;
  if (version === undefined) throw new Error(`${plural} has no version`);
  return version.schema.openAPIV3Schema;
}

/** The faults of a value, one line each. */
export function faultsOf(value: unknown, schema: Schema, at = ''): readonly string[] {
  const words = Object.keys(schema).filter((word) => !silent.has(word));
  return [...typeFault(value, schema, at), ...words.flatMap((word) => faultOf(value, { schema, word, at }))];
}

interface Asked {
  readonly schema: Schema;
  readonly word: string;
  readonly at: string;
}

function typeFault(value: unknown, { type }: Schema, at: string): readonly string[] {
  const is = {
    object: () => typeof value === 'object' && value !== null && !Array.isArray(value),
    array: () => Array.isArray(value),
    string: () => typeof value === 'string',
    integer: () => Number.isSafeInteger(value),
    boolean: () => typeof value === 'boolean',
  };
  return is[type]() ? [] : [`${at}: ${JSON.stringify(value)?.slice(0, 60)} is no ${type}`];
}

function faultOf(value: unknown, { schema, word, at }: Asked): readonly string[] {
  const limit = schema[word] as number;
  const no = (isWrong: boolean, what: string) => (isWrong ? [`${at}: ${what}`] : []);
  const texts = typeof value === 'string' ? [...value].length : 0;
  const list = Array.isArray(value) ? (value as readonly unknown[]) : [];
  const fields = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  switch (word) {
    case 'properties':
      return fields.flatMap(([key, one]) => {
        const field = schema.properties?.[key];
        // If an object has no listed fields (metadata), the API server keeps all its fields.
        if (field === undefined) return [`${at}.${key}: no such field, it would be dropped`];
        return field.type === 'object' && Object.keys(field).length === 1 ? [] : faultsOf(one, field, `${at}.${key}`);
      });
    case 'additionalProperties':
      return fields.flatMap(([key, one]) => faultsOf(one, limit as unknown as Schema, `${at}.${key}`));
    case 'required': {
      const missing = (schema.required ?? []).filter(
        (key) => !fields.some(([name, one]) => name === key && one !== undefined),
      );
      return missing.map((key) => `${at}.${key}: is required`);
    }
    case 'items':
      return list.flatMap((one, i) => faultsOf(one, limit as unknown as Schema, `${at}[${i}]`));
    case 'enum':
      return no(!schema.enum?.includes(value), `${JSON.stringify(value)} is none of ${schema.enum?.join(', ')}`);
    case 'minLength':
      return no(texts < limit, `${texts} characters, ${limit} at least`);
    case 'maxLength':
      return no(texts > limit, `${texts} characters, ${limit} at most`);
    case 'minItems':
      return no(list.length < limit, `${list.length} items, ${limit} at least`);
    case 'maxItems':
      return no(list.length > limit, `${list.length} items, ${limit} at most`);
    case 'maxProperties':
      return no(fields.length > limit, `${fields.length} fields, ${limit} at most`);
    case 'minimum':
      return no((value as number) < limit, `${value} is less than ${limit}`);
    case 'maximum':
      return no((value as number) > limit, `${value} is more than ${limit}`);
    case 'pattern':
      return no(!new RegExp(`${schema[word]}`, 'u').test(`${value}`), `"${value}" does not match ${schema[word]}`);
    case 'format':
      return no(schema[word] === 'date-time' && !isTime(value), `"${value}" is no time`);
    case 'x-kubernetes-list-type':
      return no(schema[word] === 'set' && new Set(list).size < list.length, 'holds the same twice');
    case 'x-kubernetes-list-map-keys':
      return no(hasTwins(list, schema[word] as readonly string[]), `holds two of one ${schema[word]}`);
    default:
      throw new Error(`unknown keyword of the schema: ${word}`);
  }
}

/** RFC 3339, in the form in which Kubernetes writes and reads times. */
function isTime(value: unknown): boolean {
  return (
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(`${value}`) &&
    !Number.isNaN(Date.parse(`${value}`))
  );
}

function hasTwins(list: readonly unknown[], keys: readonly string[]): boolean {
  const names = list.map((one) => JSON.stringify(keys.map((key) => (one as Record<string, unknown>)[key])));
  return new Set(names).size < names.length;
}
