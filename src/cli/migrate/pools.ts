/** Converts MetalLB's pools to Berth's. */
import { formatRange, isRange, parseRange } from '../../addr/range.ts';
import { rangeSet } from '../../addr/range-set.ts';
import type { LabelSelector } from '../../api/meta.ts';
import type { RawPool } from '../../api/pool.ts';
import { FieldReport, type FieldRow } from './field-report.ts';
import { type Manifest, objectsOf, textsOf, titleOf } from './manifest.ts';

/** A pool to create. */
export interface NewPool {
  readonly apiVersion: 'berth.dev/v1beta1';
  readonly kind: 'IPAddressPool';
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: RawPool['spec'];
}

/** The result for an object; `object` is undefined if it has no equivalent. */
export interface Converted<T> {
  readonly object: T | undefined;
  readonly rows: readonly FieldRow[];
}

/** The maximum length of spec.addresses in the CRD. */
const maxEntries = 256;
/** Addresses that no Service can have; the API server refuses pools that begin or end there. */
const unusable = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3', '::/16', 'fe80::/10', 'ff00::/8']
  .map(parseRange)
  .filter(isRange);

/** Converts an IPAddressPool of MetalLB. */
export function convertPool(raw: Manifest): Converted<NewPool> {
  const notes = new FieldReport(titleOf(raw));
  const { spec = {}, metadata } = raw;
  const addresses = convertAddresses(spec.addresses, notes);
  if (addresses.length === 0) {
    notes.notCarried('', 'it has no address that Berth can give out');
    return { object: undefined, rows: notes.rows };
  }
  const flag = (name: 'autoAssign' | 'avoidBuggyIPs') => {
    const value = spec[name];
    if (typeof value !== 'boolean') return {};
    notes.carried(`spec.${name}`, String(value));
    return { [name]: value };
  };
  const allocation = convertAllocation(spec.serviceAllocation, notes);
  notes.unknown(spec, ['addresses', 'autoAssign', 'avoidBuggyIPs', 'serviceAllocation']);
  const object: NewPool = {
    ...header,
    metadata: { name: metadata.name, ...labelsOf(metadata.labels) },
    spec: { addresses, ...flag('autoAssign'), ...flag('avoidBuggyIPs'), ...allocation },
  };
  return { object, rows: notes.rows };
}

const header = { apiVersion: 'berth.dev/v1beta1', kind: 'IPAddressPool' } as const;

/** Keeps the labels, except those of Helm and Kubernetes. */
function labelsOf(labels: Readonly<Record<string, string>> = {}): Pick<NewPool['metadata'], 'labels'> {
  const own = Object.entries(labels).filter(([key]) => !/(^|\.)(kubernetes\.io|helm\.sh)\//.test(key));
  return own.length === 0 ? {} : { labels: Object.fromEntries(own) };
}

/**
 * Converts the entries. An entry that both programs understand stays as it is written, so that users can
 * search for it.
 */
export function convertAddresses(value: unknown, notes: FieldReport): readonly string[] {
  const taken: string[] = [];
  for (const [i, text] of textsOf(value).entries()) {
    const field = `spec.addresses[${i}]`;
    const range = parseRange(text.trim());
    const fault = isRange(range) ? faultOf(text.trim()) : range.message;
    if (fault === undefined) {
      const entry = text.replaceAll(/\s/g, '');
      if (!taken.includes(entry)) taken.push(entry);
      notes.carried(field, entry);
    } else notes.notCarried(field, fault, 'give the pool other addresses');
  }
  if (taken.length <= maxEntries) return taken;
  const merged = rangeSet(taken.map(parseRange).filter(isRange)).map(formatRange);
  const fits = merged.length <= maxEntries;
  notes.adapted(
    'spec.addresses',
    `merged into ${merged.length} ranges: a pool may have at most ${maxEntries}`,
    fits ? undefined : 'split the pool into two',
  );
  return merged;
}

function faultOf(text: string): string | undefined {
  const range = parseRange(text);
  if (!isRange(range)) return range.message;
  const hit = unusable.find(
    ({ family, first, last }) =>
      family === range.family && [range.first, range.last].some((end) => end >= first && end <= last),
  );
  if (hit) return `${text} begins or ends in ${formatRange(hit)}, which no Service can have`;
  const bits = range.family === 'IPv4' ? 24n : 112n;
  return range.last - range.first >= 1n << bits && text.includes('/')
    ? `${text} is larger than the maximum of a pool`
    : undefined;
}

interface MetalLbAllocation {
  readonly priority?: number;
  readonly namespaces?: readonly string[];
  readonly namespaceSelectors?: readonly LabelSelector[];
  readonly serviceSelectors?: readonly LabelSelector[];
}

function convertAllocation(value: unknown, notes: FieldReport): Pick<RawPool['spec'], 'serviceAllocation'> {
  if (typeof value !== 'object' || value === null) return {};
  const at = 'spec.serviceAllocation';
  const { priority, ...rest } = value as MetalLbAllocation;
  const namespaces = [...new Set(textsOf(rest.namespaces))];
  const namespaceSelectors = objectsOf<LabelSelector>(rest.namespaceSelectors);
  const serviceSelectors = objectsOf<LabelSelector>(rest.serviceSelectors);
  if (namespaces.length > 0) notes.carried(`${at}.namespaces`, namespaces.join(', '));
  if (namespaceSelectors.length > 0) {
    notes.adapted(
      `${at}.namespaceSelectors`,
      'the same selectors; if they match no namespace, the pool serves no Service, whereas MetalLB served Services that asked for it by name',
    );
  }
  if (serviceSelectors.length > 0) notes.carried(`${at}.serviceSelectors`, 'the same selectors');
  const order = priority !== undefined && priority >= 0 ? { priority } : {};
  if (priority !== undefined && priority < 0) {
    notes.adapted(
      `${at}.priority`,
      `${priority} became 0, which is tried last`,
      'give the pools priorities of 1 and higher',
    );
  } else if (priority !== undefined) {
    notes.carried(
      `${at}.priority`,
      `${priority}; among equal priorities the pool with the first name is tried first (MetalLB: any of them)`,
    );
  }
  return {
    serviceAllocation: {
      ...order,
      ...(namespaces.length > 0 && { namespaces }),
      ...(namespaceSelectors.length > 0 && { namespaceSelectors }),
      ...(serviceSelectors.length > 0 && { serviceSelectors }),
    },
  };
}
