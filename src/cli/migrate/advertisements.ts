/** MetalLB's L2Advertisements as Berth's. */
import type { RawAdvertisement } from '../../api/advertisement.ts';
import { type LabelSelector, selects } from '../../api/meta.ts';
import { FieldReport } from './field-report.ts';
import { type Manifest, objectsOf, textsOf, titleOf } from './manifest.ts';
import type { Converted } from './pools.ts';

/** An advertisement to be made. */
export interface NewAdvertisement {
  readonly apiVersion: 'berth.dev/v1beta1';
  readonly kind: 'L2Advertisement';
  readonly metadata: { readonly name: string };
  readonly spec: NonNullable<RawAdvertisement['spec']>;
}

/** An advertisement of these pools, from every node and link. */
export function newAdvertisement(name: string, spec: NewAdvertisement['spec']): NewAdvertisement {
  return { apiVersion: 'berth.dev/v1beta1', kind: 'L2Advertisement', metadata: { name }, spec };
}

/** Names of the pools that an advertisement of MetalLB covers, of L2 or BGP; undefined for all of them. */
export function poolsCovered({ spec = {} }: Manifest, pools: readonly Manifest[]): readonly string[] | undefined {
  const names = textsOf(spec.ipAddressPools);
  const selectors = objectsOf<LabelSelector>(spec.ipAddressPoolSelectors);
  if (names.length === 0 && selectors.length === 0) return undefined;
  const chosen = pools.filter(({ metadata }) => selectors.some((selector) => selects(selector, metadata.labels ?? {})));
  return [...new Set([...names, ...chosen.map(({ metadata }) => metadata.name)])];
}

/** The longest name that the kernel gives a link (IFNAMSIZ). */
const maxLinkNameLength = 15;

/** An L2Advertisement of MetalLB; `pools` are all of its pools. */
export function convertAdvertisement(raw: Manifest, pools: readonly Manifest[]): Converted<NewAdvertisement> {
  const notes = new FieldReport(titleOf(raw));
  const { spec = {}, metadata } = raw;
  const covered = convertPools(raw, pools, notes);
  if (covered !== undefined && covered.length === 0) {
    notes.notCarried('', 'its selectors choose no pool: it announced nothing, and an empty list means all pools');
    return { object: undefined, rows: notes.rows };
  }
  const nodeSelectors = objectsOf<LabelSelector>(spec.nodeSelectors);
  if (nodeSelectors.length > 0) notes.carried('spec.nodeSelectors', 'the same selectors');
  const interfaces = convertInterfaces(spec.interfaces, notes);
  reportWithoutLike(spec, notes);
  notes.unknown(spec, known);
  const object = newAdvertisement(metadata.name, {
    ...(covered && { ipAddressPools: covered }),
    ...(nodeSelectors.length > 0 && { nodeSelectors }),
    ...(interfaces.length > 0 && { interfaces }),
  });
  const where =
    interfaces.length > 0 ? '' : ', on each link that has an address in the subnet of the VIP (MetalLB: on every link)';
  notes.carried('', `L2Advertisement ${metadata.name}${where}`);
  return { object, rows: notes.rows };
}

const known = [
  'ipAddressPools',
  'ipAddressPoolSelectors',
  'nodeSelectors',
  'interfaces',
  'serviceSelectors',
  'preferredNodeSelectors',
];

function convertPools(raw: Manifest, pools: readonly Manifest[], notes: FieldReport): readonly string[] | undefined {
  const { spec = {} } = raw;
  const names = textsOf(spec.ipAddressPools);
  const missing = names.filter((name) => !pools.some(({ metadata }) => metadata.name === name));
  const covered = poolsCovered(raw, pools);
  if (names.length > 0) {
    const todo = missing.length === 0 ? undefined : `there is no pool ${missing.join(', ')}: correct the name`;
    notes.carried('spec.ipAddressPools', names.join(', '), todo);
  }
  if (objectsOf(spec.ipAddressPoolSelectors).length > 0) {
    const became = covered?.join(', ') || 'no pool';
    notes.adapted(
      'spec.ipAddressPoolSelectors',
      `the names of the pools that they choose now: ${became}`,
      'name pools that you make later yourself',
    );
  }
  return covered;
}

function convertInterfaces(value: unknown, notes: FieldReport): readonly string[] {
  const names = [...new Set(textsOf(value))];
  const good = names.filter((name) => name !== '' && name.length <= maxLinkNameLength);
  for (const name of names.filter((one) => !good.includes(one))) {
    notes.notCarried('spec.interfaces', `"${name}" is the name of no link`);
  }
  if (good.length > 0) {
    notes.carried(
      'spec.interfaces',
      `${good.join(', ')}; a node without such a link is no candidate (MetalLB elected it, and nobody answered)`,
    );
  }
  return good;
}

function reportWithoutLike(spec: Readonly<Record<string, unknown>>, notes: FieldReport): void {
  if (objectsOf(spec.serviceSelectors).length > 0) {
    notes.notCarried(
      'spec.serviceSelectors',
      'every Service of the pools is announced',
      'give the Services a pool of their own (annotation address-pool, or serviceAllocation.serviceSelectors), and advertise that one',
    );
  }
  if (objectsOf(spec.preferredNodeSelectors).length > 0) {
    notes.notCarried(
      'spec.preferredNodeSelectors',
      'an address stays where it is while its node lives; no node is preferred',
      'move the address by hand: annotation berth.dev/move-to of its IPAllocation',
    );
  }
}
