/**
 * Validation of objects by kind: the schemas of Berth's own definitions in `crds/`, and the limits of Kubernetes that
 * texts of Berth could exceed.
 */
import { globSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Kind } from './kinds.ts';
import { type ApiObject, type Fields, isFields } from './objects.ts';

/** The parts of a schema that are checked. CEL rules are not. */
interface Schema {
  readonly type?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
}

interface Definition {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

const text = (maxLength: number): Schema => ({ type: 'string', maxLength });

/** Limits of Kubernetes' own validation, for `meta/v1` conditions and Events. */
const builtIn: Readonly<Record<string, Schema>> = {
  Service: {
    properties: {
      status: {
        properties: {
          conditions: {
            items: {
              required: ['type', 'status', 'reason', 'lastTransitionTime'],
              properties: {
                type: text(316),
                status: { enum: ['True', 'False', 'Unknown'] },
                reason: { ...text(1_024), minLength: 1, pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$' },
                message: text(32_768),
              },
            },
          },
        },
      },
    },
  },
  Event: {
    required: ['eventTime', 'reportingController', 'reportingInstance', 'action', 'reason', 'type'],
    properties: {
      reason: { ...text(128), minLength: 1 },
      action: { ...text(128), minLength: 1 },
      reportingInstance: { ...text(128), minLength: 1 },
      note: text(1_024),
      type: { enum: ['Normal', 'Warning'] },
    },
  },
};

/** Reads Berth's definitions once, and returns a function that lists the problems of an object. */
export function readDefinitions(): (object: ApiObject, kind: Kind) => readonly string[] {
  const files = globSync(new URL('../../crds/*.yaml', import.meta.url).pathname);
  const own = files
    .map((file) => parse(readFileSync(file, 'utf8')) as Definition)
    .map(({ spec }) => [spec.names.kind, spec.versions[0]?.schema.openAPIV3Schema ?? {}] as const);
  const schemas = new Map<string, Schema>([...own, ...Object.entries(builtIn)]);
  return (object, { kind }) => {
    const schema = schemas.get(kind);
    return schema === undefined ? [] : problemsOf(object, schema, '');
  };
}

function problemsOf(value: unknown, schema: Schema, path: string): readonly string[] {
  if (schema.enum && !schema.enum.includes(value)) return [`${path}: Unsupported value: ${JSON.stringify(value)}`];
  if (typeof value === 'string') return problemsOfText(value, schema, path);
  if (typeof value === 'number') {
    const { minimum = value, maximum = value } = schema;
    return value < minimum || value > maximum ? [`${path}: ${value} is not from ${minimum} to ${maximum}`] : [];
  }
  if (Array.isArray(value)) {
    const { minItems = 0, maxItems = value.length, items = {} } = schema;
    if (value.length < minItems || value.length > maxItems) return [`${path}: Too many or too few: ${value.length}`];
    return value.flatMap((item, i) => problemsOf(item, items, `${path}[${i}]`));
  }
  return isFields(value) ? problemsOfFields(value, schema, path) : [];
}

function problemsOfText(value: string, schema: Schema, path: string): readonly string[] {
  const { type, minLength = 0, maxLength, pattern } = schema;
  const length = [...value].length;
  if (type !== undefined && type !== 'string') return [`${path}: must be of type ${type}: "string"`];
  if (maxLength !== undefined && length > maxLength)
    return [`${path}: Too long: may not be more than ${maxLength} bytes`];
  if (length < minLength) return [`${path}: should be at least ${minLength} chars long`];
  return pattern !== undefined && !new RegExp(pattern).test(value) ? [`${path}: should match '${pattern}'`] : [];
}

function problemsOfFields(value: Fields, { required = [], properties = {} }: Schema, path: string): readonly string[] {
  const missing = required.filter((key) => value[key] === undefined).map((key) => `${path}.${key}: Required value`);
  const wrong = Object.entries(properties).flatMap(([key, schema]) =>
    value[key] === undefined ? [] : problemsOf(value[key], schema, path === '' ? key : `${path}.${key}`),
  );
  return [...missing, ...wrong];
}
