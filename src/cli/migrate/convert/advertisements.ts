/** Converts MetalLB's L2Advertisements to Berth's. */
import type { RawAdvertisement } from '../../../api/advertisement.ts';
import { type LabelSelector, selects } from '../../../api/meta.ts';
import { FieldReport } from './field-report.ts';
import { Fields } from './fields.ts';
import { type Manifest, titleOf } from './manifest.ts';
import { convertMetadata, type NewMetadata } from './metadata.ts';
import type { Converted } from './pools.ts';

/** An advertisement to create. */
export interface NewAdvertisement {
  readonly apiVersion: 'berth.dev/v1beta1';
  readonly kind: 'L2Advertisement';
  readonly metadata: NewMetadata;
  readonly spec: NonNullable<RawAdvertisement['spec']>;
}

/** Makes an advertisement. */
export function newAdvertisement(metadata: NewMetadata, spec: NewAdvertisement['spec']): NewAdvertisement {
  return { apiVersion: 'berth.dev/v1beta1', kind: 'L2Advertisement', metadata, spec };
}

/** The pools that an advertisement of MetalLB names and selects. */
interface Chosen {
  readonly names: readonly string[];
  readonly selectors: readonly LabelSelector[];
}

/**
 * The names of the pools that an advertisement of MetalLB covers (L2 or BGP); undefined for all pools. One that cannot be read covers
 * none, because it is not carried over.
 */
export function poolsCovered(raw: Manifest, pools: readonly Manifest[]): readonly string[] | undefined {
  const notes = new FieldReport('');
  const covered = coveredBy(chosenIn(new Fields(raw.spec, '', notes)), pools);
  return notes.isUnread ? [] : covered;
}

function chosenIn(spec: Fields): Chosen {
  return { names: spec.texts('ipAddressPools'), selectors: spec.selectors('ipAddressPoolSelectors') };
}

function coveredBy({ names, selectors }: Chosen, pools: readonly Manifest[]): readonly string[] | undefined {
  if (names.length === 0 && selectors.length === 0) return undefined;
  const chosen = pools.filter(({ metadata }) => selectors.some((selector) => selects(selector, metadata.labels ?? {})));
  return [...new Set([...names, ...chosen.map(({ metadata }) => metadata.name)])];
}

/** A link's name in the kernel: at most 15 characters (IFNAMSIZ - 1), no slash, no space. Berth takes stars and question marks for patterns. */
const linkName = /^[^\s/*?]{1,15}$/;

/** Converts an L2Advertisement of MetalLB; `pools` are all of MetalLB's pools. */
export function convertAdvertisement(raw: Manifest, pools: readonly Manifest[]): Converted<NewAdvertisement> {
  const notes = new FieldReport(titleOf(raw));
  const spec = new Fields(raw.spec, 'spec', notes);
  const covered = convertPools(chosenIn(spec), pools, notes);
  const nodeSelectors = spec.selectors('nodeSelectors');
  if (nodeSelectors.length > 0) notes.carried('spec.nodeSelectors', 'the same selectors');
  const named = [...new Set(spec.texts('interfaces'))];
  const interfaces = convertInterfaces(named, notes);
  reportWithoutLike(spec, notes);
  spec.reportUnknown();
  const metadata = convertMetadata(raw, notes);
  const nothing = whyNothing({ covered, named, interfaces });
  if (nothing !== undefined) notes.notCarried('', `${nothing}, and for Berth an empty list means all`);
  if (nothing !== undefined || notes.isUnread) return { object: undefined, rows: notes.rows };
  const where =
    interfaces.length > 0 ? '' : ', on each link that has an address in the subnet of the VIP (MetalLB: on every link)';
  notes.carried('', `L2Advertisement ${metadata.name}${where}`);
  const object = newAdvertisement(metadata, {
    ...(covered && { ipAddressPools: covered }),
    ...(nodeSelectors.length > 0 && { nodeSelectors }),
    ...(interfaces.length > 0 && { interfaces }),
  });
  return { object, rows: notes.rows };
}

interface Limits {
  readonly covered: readonly string[] | undefined;
  readonly named: readonly string[];
  readonly interfaces: readonly string[];
}

/** Why an advertisement of MetalLB announced nothing; undefined if it announced something. */
function whyNothing({ covered, named, interfaces }: Limits): string | undefined {
  if (covered?.length === 0) return 'its selectors match no pool: it announced nothing';
  return named.length > 0 && interfaces.length === 0 ? 'it names no valid link: it announced nothing' : undefined;
}

function convertPools(chosen: Chosen, pools: readonly Manifest[], notes: FieldReport): readonly string[] | undefined {
  const { names, selectors } = chosen;
  const missing = names.filter((name) => !pools.some(({ metadata }) => metadata.name === name));
  const covered = coveredBy(chosen, pools);
  if (names.length > 0) {
    const todo = missing.length === 0 ? undefined : `correct the name: there is no pool ${missing.join(', ')}`;
    notes.carried('spec.ipAddressPools', names.join(', '), todo);
  }
  if (selectors.length > 0) {
    const became = covered?.join(', ') || 'no pool';
    notes.adapted(
      'spec.ipAddressPoolSelectors',
      `the names of the pools that they match now: ${became}`,
      'add the names of pools that you create later yourself',
    );
  }
  return covered;
}

function convertInterfaces(names: readonly string[], notes: FieldReport): readonly string[] {
  const good = names.filter((name) => linkName.test(name));
  for (const name of names.filter((one) => !good.includes(one))) {
    notes.notCarried('spec.interfaces', `"${name}" is not a valid name of a link`);
  }
  if (good.length > 0) {
    notes.carried(
      'spec.interfaces',
      `${good.join(', ')}; a node without such a link is no candidate (MetalLB could elect such a node, and then no node answered)`,
    );
  }
  return good;
}

function reportWithoutLike(spec: Fields, notes: FieldReport): void {
  if (spec.selectors('serviceSelectors').length > 0) {
    notes.notCarried(
      'spec.serviceSelectors',
      'Berth announces every Service of the pools',
      'give the Services their own pool (annotation address-pool, or serviceAllocation.serviceSelectors), and advertise that pool',
    );
  }
  if (spec.list('preferredNodeSelectors').length > 0) {
    notes.notCarried(
      'spec.preferredNodeSelectors',
      'an address stays on its node while the node lives; Berth prefers no node',
      'move the address by hand: kubectl berth move, or the annotation berth.dev/move-to of its IPAllocation',
    );
  }
}
