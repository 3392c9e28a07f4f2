/** Converts a whole MetalLB installation to Berth's objects, and reports on every field. */
import type { RawService } from '../../api/service.ts';
import { convertAdvertisement, type NewAdvertisement, newAdvertisement, poolsCovered } from './advertisements.ts';
import { isBgp, reportBgp } from './bgp.ts';
import { FieldReport, type FieldRow } from './field-report.ts';
import { type Manifest, titleOf } from './manifest.ts';
import { type Converted, convertAddresses, convertPool, type NewPool } from './pools.ts';
import { type ConvertedService, convertService, isBalanced } from './services.ts';

/** The input of a conversion. */
interface Installation {
  /** Objects; those that are not of `metallb.io` are ignored. */
  readonly objects: readonly Manifest[];
  readonly services: readonly RawService[];
  /** Classes that Berth serves. */
  readonly classes: readonly string[];
}

/** The result of a conversion. */
export interface Migration {
  readonly pools: readonly NewPool[];
  readonly advertisements: readonly NewAdvertisement[];
  readonly services: readonly ConvertedService[];
  readonly rows: readonly FieldRow[];
}

/** Kinds in which MetalLB's components report their own state. */
const reports = ['ServiceL2Status', 'ServiceBGPStatus', 'ConfigurationState'];
const converted = ['IPAddressPool', 'L2Advertisement', 'AddressPool'];

/** Converts everything. The result depends on the objects only, not on their order. */
export function convertMetalLb({ objects, services, classes }: Installation): Migration {
  const { kept, rows: doubled } = withoutDoubles(
    objects.filter(({ apiVersion }) => apiVersion.startsWith('metallb.io/')),
  );
  const ofKind = (kind: string) => kept.filter((object) => object.kind === kind);
  const oldPools = ofKind('AddressPool').map(convertOldPool);
  const allPools = [...ofKind('IPAddressPool'), ...ofKind('AddressPool')];
  const advertisements = ofKind('L2Advertisement').map((raw) => convertAdvertisement(raw, allPools));
  const byBgpAlone = poolsOfBgpAlone(kept, allPools);
  const pools = ofKind('IPAddressPool').map((raw) =>
    byBgpAlone.includes(raw.metadata.name)
      ? leftToBgp(raw)
      : withAdvertisement(convertPool(raw), { raw, kept, allPools }),
  );
  const made = [...pools, ...oldPools.map(({ pool }) => pool)];
  const poolObjects = made.flatMap(({ object }) => object ?? []);
  const context = { pools: poolObjects.map(({ metadata }) => metadata.name), classes, services };
  const balanced = services.filter(isBalanced).map((service) => convertService(service, context));
  return {
    pools: poolObjects,
    advertisements: [
      ...advertisements.flatMap(({ object }) => object ?? []),
      ...oldPools.flatMap(({ advertisement }) => advertisement ?? []),
    ],
    services: balanced,
    rows: [
      ...doubled,
      ...[...made, ...advertisements, ...balanced].flatMap(({ rows }) => rows),
      ...kept.filter(isBgp).flatMap(reportBgp),
      ...kept.filter(isOther).map(reportOther),
    ],
  };
}

/**
 * The names of pools that are announced by BGP and not by L2: Berth could give out their addresses, but no
 * node would answer for them.
 */
function poolsOfBgpAlone(kept: readonly Manifest[], pools: readonly Manifest[]): readonly string[] {
  const covers = (kind: string, pool: string) =>
    kept.some((raw) => raw.kind === kind && (poolsCovered(raw, pools)?.includes(pool) ?? true));
  const names = pools.map(({ metadata }) => metadata.name);
  return names.filter((name) => covers('BGPAdvertisement', name) && !covers('L2Advertisement', name));
}

function leftToBgp(raw: Manifest): Converted<NewPool> {
  const notes = new FieldReport(titleOf(raw));
  notes.notCarried(
    '',
    'it is announced by BGP only, which Berth does not have: no node would answer for its addresses',
    "keep MetalLB for these Services; or, if the addresses are in the nodes' network, create an L2Advertisement of MetalLB first",
  );
  return { object: undefined, rows: notes.rows };
}

function withAdvertisement(
  pool: Converted<NewPool>,
  {
    raw,
    kept,
    allPools,
  }: { readonly raw: Manifest; readonly kept: readonly Manifest[]; readonly allPools: readonly Manifest[] },
): Converted<NewPool> {
  const { name } = raw.metadata;
  const covers = kept.some(
    (one) => one.kind === 'L2Advertisement' && (poolsCovered(one, allPools)?.includes(name) ?? true),
  );
  if (pool.object === undefined) return pool;
  const notes = new FieldReport(titleOf(raw));
  if (covers) notes.carried('', `IPAddressPool ${name}`);
  else
    notes.adapted(
      '',
      `IPAddressPool ${name}, which no L2Advertisement covers: no node answers for its addresses, as before`,
      'create an L2Advertisement',
    );
  return { object: pool.object, rows: [...pool.rows, ...notes.rows] };
}

interface OldPool {
  readonly pool: Converted<NewPool>;
  readonly advertisement: NewAdvertisement | undefined;
}

/** Converts an AddressPool, a kind that MetalLB had until 0.13. It defines its own advertisement. */
function convertOldPool(raw: Manifest): OldPool {
  const { spec = {}, metadata } = raw;
  const { protocol, bgpAdvertisements, autoAssign } = spec;
  if (protocol !== 'layer2') return { pool: leftToBgp(raw), advertisement: undefined };
  const notes = new FieldReport(titleOf(raw));
  const addresses = convertAddresses(spec.addresses, notes);
  if (addresses.length === 0) return { pool: { object: undefined, rows: notes.rows }, advertisement: undefined };
  notes.adapted('spec.protocol', `IPAddressPool ${metadata.name} and an L2Advertisement of the same name`);
  if (autoAssign !== undefined) notes.carried('spec.autoAssign', String(autoAssign));
  if (bgpAdvertisements !== undefined) notes.notCarried('spec.bgpAdvertisements', 'Berth has no BGP');
  notes.unknown(spec, ['addresses', 'protocol', 'autoAssign', 'bgpAdvertisements']);
  const object: NewPool = {
    apiVersion: 'berth.dev/v1beta1',
    kind: 'IPAddressPool',
    metadata: { name: metadata.name },
    spec: { addresses, ...(typeof autoAssign === 'boolean' && { autoAssign }) },
  };
  const advertisement = newAdvertisement(metadata.name, { ipAddressPools: [metadata.name] });
  return { pool: { object, rows: notes.rows }, advertisement };
}

/** Removes duplicates: files may contain a name twice, and a cluster would have the last object. */
function withoutDoubles(objects: readonly Manifest[]): {
  readonly kept: readonly Manifest[];
  readonly rows: readonly FieldRow[];
} {
  const byTitle = new Map(objects.map((object) => [`${object.kind}/${object.metadata.name}`, object]));
  const kept = objects.filter((object) => byTitle.get(`${object.kind}/${object.metadata.name}`) === object);
  const rows = objects
    .filter((object) => !kept.includes(object))
    .map((object) => {
      const as = 'the files contain another object of this kind and name below: only the last one counts';
      return { object: titleOf(object), field: '', fate: 'NotCarried' as const, as, todo: 'give each its own name' };
    });
  return { kept, rows };
}

function isOther(object: Manifest): boolean {
  return !isBgp(object) && !converted.includes(object.kind);
}

function reportOther(object: Manifest): FieldRow {
  const title = titleOf(object);
  return reports.includes(object.kind)
    ? {
        object: title,
        field: '',
        fate: 'NotNeeded',
        as: 'kubectl get ipallocations shows the holder of every address',
      }
    : { object: title, field: '', fate: 'NotCarried', as: 'Berth does not know this kind' };
}
