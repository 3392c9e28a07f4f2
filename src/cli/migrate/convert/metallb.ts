/** Converts a whole MetalLB installation to Berth's objects, and reports on every field. */
import type { RawService } from '../../../api/service.ts';
import { convertAdvertisement, type NewAdvertisement, poolsCovered } from './advertisements.ts';
import { isBgp, reportBgp } from './bgp.ts';
import { chooseObjects } from './choose.ts';
import { excludesLinks, reportExcludedLinks } from './excluded-links.ts';
import { FieldReport, type FieldRow } from './field-report.ts';
import { isOfMetalLb, type Manifest, titleOf } from './manifest.ts';
import { convertOldPool, readOldConfig, todoOfBgp, withoutBgp } from './old-pools.ts';
import { type Converted, convertPool, type NewPool } from './pools.ts';
import { type ConvertedService, convertService, isBalanced } from './services.ts';

/** The input of a conversion. */
interface Installation {
  /** Objects; those that are not MetalLB's are ignored. */
  readonly objects: readonly Manifest[];
  readonly services: readonly RawService[];
  /** Classes that Berth serves. */
  readonly classes: readonly string[];
  /** The namespaces in which MetalLB's programs run, if they are known. */
  readonly homes?: readonly string[];
}

/** The result of a conversion. */
export interface Migration {
  readonly pools: readonly NewPool[];
  readonly advertisements: readonly NewAdvertisement[];
  readonly services: readonly ConvertedService[];
  readonly rows: readonly FieldRow[];
}

/** Kinds in which MetalLB's components report their own state. */
const reports = ['ServiceL2Status', 'ServiceBGPStatus', 'ConfigurationState', 'FRRNodeState', 'BGPSessionState'];
const converted = ['IPAddressPool', 'L2Advertisement', 'AddressPool'];

/** Converts everything. */
export function convertMetalLb({ objects, services, classes, homes = [] }: Installation): Migration {
  const old = objects.flatMap((object) => readOldConfig(object) ?? []);
  const all = [...objects.filter(isOfMetalLb), ...old.flatMap(({ pools }) => pools)];
  const { kept, rows: left } = chooseObjects(all, homes);
  const { pools, advertisements, rows } = convertConfiguration(kept);
  const context = { pools: pools.map(({ metadata }) => metadata.name), classes, services };
  const balanced = services.filter(isBalanced).map((service) => convertService(service, context));
  return {
    pools,
    advertisements,
    services: balanced,
    rows: [
      ...left,
      ...old.flatMap((one) => one.rows),
      ...rows,
      ...balanced.flatMap((one) => one.rows),
      ...objects.filter(excludesLinks).flatMap(reportExcludedLinks),
      ...kept.filter(isBgp).flatMap(reportBgp),
      ...kept.filter(isOther).flatMap(reportOther),
    ],
  };
}

function convertConfiguration(kept: readonly Manifest[]): Pick<Migration, 'pools' | 'advertisements' | 'rows'> {
  const ofKind = (kind: string) => kept.filter((object) => object.kind === kind);
  const allPools = [...ofKind('IPAddressPool'), ...ofKind('AddressPool')];
  const advertisements = ofKind('L2Advertisement').map((raw) => convertAdvertisement(raw, allPools));
  const byBgpAlone = poolsOfBgpAlone(kept, allPools);
  const pools = ofKind('IPAddressPool').map((raw) =>
    byBgpAlone.includes(raw.metadata.name)
      ? leftToBgp(raw)
      : withAdvertisement(convertPool(raw), { raw, kept, allPools }),
  );
  const taken = { pools: namesOf(ofKind('IPAddressPool')), advertisements: namesOf(ofKind('L2Advertisement')) };
  const old = ofKind('AddressPool').map((raw) => {
    const result = convertOldPool(raw, taken);
    if (result.advertisement !== undefined) taken.advertisements.add(result.advertisement.metadata.name);
    return result;
  });
  const made = [...pools, ...old.map(({ pool }) => pool)];
  return {
    pools: made.flatMap(({ object }) => object ?? []),
    advertisements: [
      ...advertisements.flatMap(({ object }) => object ?? []),
      ...old.flatMap(({ advertisement }) => advertisement ?? []),
    ],
    rows: [...made, ...advertisements].flatMap(({ rows }) => rows),
  };
}

function namesOf(objects: readonly Manifest[]): Set<string> {
  return new Set(objects.map(({ metadata }) => metadata.name));
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
  notes.notCarried('', `it is announced by BGP only, ${withoutBgp}`, todoOfBgp);
  return { object: undefined, rows: notes.rows };
}

interface Surroundings {
  readonly raw: Manifest;
  readonly kept: readonly Manifest[];
  readonly allPools: readonly Manifest[];
}

function withAdvertisement(pool: Converted<NewPool>, { raw, kept, allPools }: Surroundings): Converted<NewPool> {
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

function isOther(object: Manifest): boolean {
  return !isBgp(object) && !converted.includes(object.kind);
}

function reportOther(object: Manifest): readonly FieldRow[] {
  const notes = new FieldReport(titleOf(object));
  if (reports.includes(object.kind)) {
    notes.notNeeded('', 'kubectl get ipallocations.berth.dev shows the holder of every address');
  } else if (object.kind === 'MetalLB') {
    const todo = "see the chart's values: loadBalancerClasses, speaker.nodeSelector, speaker.tolerations, logLevel";
    notes.notCarried('', "settings of MetalLB's own programs, for its operator", todo);
    for (const field of Object.keys(object.spec ?? {})) notes.notCarried(`spec.${field}`, 'a setting of MetalLB');
  } else {
    notes.unread('', `Berth does not know the kind ${object.kind}`, "check the spelling; see MetalLB's documentation");
  }
  return notes.rows;
}
