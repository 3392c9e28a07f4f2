/** Converts MetalLB's pools to Berth's. */
import { formatRange, isRange, parseRange } from '../../../addr/range.ts';
import { rangeSet } from '../../../addr/range-set.ts';
import type { RawPool } from '../../../api/pool.ts';
import { brief } from '../../../api/text.ts';
import { FieldReport, type FieldRow } from './field-report.ts';
import { Fields } from './fields.ts';
import { type Manifest, titleOf } from './manifest.ts';
import { convertMetadata, type NewMetadata } from './metadata.ts';

/** A pool to create. */
export interface NewPool {
  readonly apiVersion: 'berth.dev/v1beta1';
  readonly kind: 'IPAddressPool';
  readonly metadata: NewMetadata;
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
  const spec = new Fields(raw.spec, 'spec', notes);
  const addresses = convertAddresses(spec, notes);
  const allocation = convertAllocation(spec.map('serviceAllocation'), notes);
  const flags = convertFlags(spec, notes);
  spec.reportUnknown();
  return { object: newPool(raw, { ...flags, ...allocation, addresses }, notes), rows: notes.rows };
}

/** Makes the pool; undefined if it has no addresses, or if a part of the object is not understood. */
export function newPool(raw: Manifest, spec: NewPool['spec'], notes: FieldReport): NewPool | undefined {
  const metadata = convertMetadata(raw, notes);
  if (spec.addresses.length === 0) notes.notCarried('', 'it has no address that Berth can give out');
  if (spec.addresses.length === 0 || notes.isUnread) return undefined;
  return { apiVersion: 'berth.dev/v1beta1', kind: 'IPAddressPool', metadata, spec };
}

/** Converts `autoAssign` and `avoidBuggyIPs`. */
export function convertFlags(spec: Fields, notes: FieldReport): Pick<NewPool['spec'], 'autoAssign' | 'avoidBuggyIPs'> {
  const flag = (name: 'autoAssign' | 'avoidBuggyIPs') => {
    const value = spec.boolean(name);
    if (value === undefined) return {};
    notes.carried(`spec.${name}`, String(value));
    return { [name]: value };
  };
  return { ...flag('autoAssign'), ...flag('avoidBuggyIPs') };
}

/**
 * Converts the entries. An entry that both programs understand stays as it is written, so that users can
 * search for it.
 */
export function convertAddresses(spec: Fields, notes: FieldReport): readonly string[] {
  const taken: string[] = [];
  for (const [i, text] of spec.list('addresses').entries()) {
    const field = `spec.addresses[${i}]`;
    if (typeof text !== 'string') {
      notes.unread(
        field,
        `${brief(JSON.stringify(text))} is not a text`,
        'put the address in quotes, on one line of its own',
      );
      continue;
    }
    const range = parseRange(text.trim());
    const fault = isRange(range) ? faultOf(text.trim()) : undefined;
    const entry = text.replaceAll(/\s/g, '');
    if (!isRange(range)) notes.unreadEntry(field, range.message, 'correct it, or replace the placeholder');
    else if (fault !== undefined) notes.notCarried(field, fault, 'give the pool other addresses');
    else {
      if (!taken.includes(entry)) taken.push(entry);
      notes.carried(field, entry);
    }
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

function convertAllocation(fields: Fields | undefined, notes: FieldReport): Pick<NewPool['spec'], 'serviceAllocation'> {
  if (fields === undefined) return {};
  const at = 'spec.serviceAllocation';
  const priority = fields.integer('priority');
  const namespaces = [...new Set(fields.texts('namespaces'))];
  const namespaceSelectors = fields.selectors('namespaceSelectors');
  const serviceSelectors = fields.selectors('serviceSelectors');
  fields.reportUnknown();
  if (namespaces.length > 0) notes.carried(`${at}.namespaces`, namespaces.join(', '));
  if (namespaceSelectors.length > 0) {
    notes.adapted(
      `${at}.namespaceSelectors`,
      'the same selectors; if they match no namespace, the pool serves no Service, whereas MetalLB served Services that asked for it by name',
    );
  }
  if (serviceSelectors.length > 0) notes.carried(`${at}.serviceSelectors`, 'the same selectors');
  return {
    serviceAllocation: {
      ...convertPriority(priority, notes),
      ...(namespaces.length > 0 && { namespaces }),
      ...(namespaceSelectors.length > 0 && { namespaceSelectors }),
      ...(serviceSelectors.length > 0 && { serviceSelectors }),
    },
  };
}

function convertPriority(priority: number | undefined, notes: FieldReport): { readonly priority?: number } {
  const field = 'spec.serviceAllocation.priority';
  if (priority === undefined) return {};
  if (priority < 0) {
    notes.adapted(field, `${priority} became 0, which is tried last`, 'give the pools priorities of 1 and higher');
    return {};
  }
  notes.carried(
    field,
    `${priority}; among equal priorities the pool with the first name is tried first (MetalLB: any of them)`,
  );
  return { priority };
}
