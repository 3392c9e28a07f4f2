/** Converts MetalLB's L2Advertisements to Berth's. */
import type { RawAdvertisement } from '../../api/advertisement.ts';
import { type LabelSelector, selects } from '../../api/meta.ts';
import { FieldReport } from './field-report.ts';
import { type Manifest, objectsOf, textsOf, titleOf } from './manifest.ts';
import type { Converted } from './pools.ts';

/** An advertisement to create. */
export interface NewAdvertisement {
  readonly apiVersion: 'berth.dev/v1beta1';
  readonly kind: 'L2Advertisement';
  readonly metadata: { readonly name: string };
  readonly spec: NonNullable<RawAdvertisement['spec']>;
}

/** Makes an advertisement with this name and spec. */
export function newAdvertisement(name: string, spec: NewAdvertisement['spec']): NewAdvertisement {
  return { apiVersion: 'berth.dev/v1beta1', kind: 'L2Advertisement', metadata: { name }, spec };
}

/** The names of the pools that an advertisement of MetalLB covers (L2 or BGP); undefined for all pools. */
export function poolsCovered({ spec = {} }: Manifest, pools: readonly Manifest[]): readonly string[] | undefined {
  const names = textsOf(spec.ipAddressPools);
  const selectors = objectsOf<LabelSelector>(spec.ipAddressPoolSelectors);
  if (names.length === 0 && selectors.length === 0) return undefined;
  const chosen = pools.filter(({ metadata }) => selectors.some((selector) => selects(selector, metadata.labels ?? {})));
  return [...new Set([...names, ...chosen.map(({ metadata }) => metadata.name)])];
}

/** The maximum length of a link's name in the kernel (IFNAMSIZ - 1). */
const maxLinkNameLength = 15;

/** Converts an L2Advertisement of MetalLB; `pools` are all of MetalLB's pools. */
export function convertAdvertisement(raw: Manifest, pools: readonly Manifest[]): Converted<NewAdvertisement> {
  const notes = new FieldReport(titleOf(raw));
  const { spec = {}, metadata } = raw;
  const covered = convertPools(raw, pools, notes);
  if (covered !== undefined && covered.length === 0) {
    notes.notCarried(
      '',
      'its selectors match no pool: it announced nothing, and for Berth an empty list means all pools',
    );
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
    const todo = missing.length === 0 ? undefined : `correct the name: there is no pool ${missing.join(', ')}`;
    notes.carried('spec.ipAddressPools', names.join(', '), todo);
  }
  if (objectsOf(spec.ipAddressPoolSelectors).length > 0) {
    const became = covered?.join(', ') || 'no pool';
    notes.adapted(
      'spec.ipAddressPoolSelectors',
      `the names of the pools that they match now: ${became}`,
      'add the names of pools that you create later yourself',
    );
  }
  return covered;
}

function convertInterfaces(value: unknown, notes: FieldReport): readonly string[] {
  const names = [...new Set(textsOf(value))];
  const good = names.filter((name) => name !== '' && name.length <= maxLinkNameLength);
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

function reportWithoutLike(spec: Readonly<Record<string, unknown>>, notes: FieldReport): void {
  if (objectsOf(spec.serviceSelectors).length > 0) {
    notes.notCarried(
      'spec.serviceSelectors',
      'Berth announces every Service of the pools',
      'give the Services their own pool (annotation address-pool, or serviceAllocation.serviceSelectors), and advertise that pool',
    );
  }
  if (objectsOf(spec.preferredNodeSelectors).length > 0) {
    notes.notCarried(
      'spec.preferredNodeSelectors',
      'an address stays on its node while the node lives; Berth prefers no node',
      'move the address by hand: kubectl berth move, or the annotation berth.dev/move-to of its IPAllocation',
    );
  }
}
