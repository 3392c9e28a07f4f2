/** Converts the pools of old versions of MetalLB: the kind AddressPool (until 0.13), and the ConfigMap before it (until 0.12). */
import { ownOf } from '../../../api/meta.ts';
import { readYaml } from '../../yaml/read.ts';
import { type NewAdvertisement, newAdvertisement } from './advertisements.ts';
import { FieldReport, type FieldRow } from './field-report.ts';
import { Fields } from './fields.ts';
import { isMap, type Manifest, titleOf } from './manifest.ts';
import { type Converted, convertAddresses, convertFlags, type NewPool, newPool } from './pools.ts';

/** What an old pool becomes: it has its own advertisement. */
interface OldPool {
  readonly pool: Converted<NewPool>;
  readonly advertisement: NewAdvertisement | undefined;
}

/** The names that are taken. */
interface Taken {
  readonly pools: ReadonlySet<string>;
  readonly advertisements: ReadonlySet<string>;
}

/** Converts an AddressPool. */
export function convertOldPool(raw: Manifest, taken: Taken): OldPool {
  const notes = new FieldReport(titleOf(raw));
  const nothing = (): OldPool => ({ pool: { object: undefined, rows: notes.rows }, advertisement: undefined });
  const { name } = raw.metadata;
  const spec = new Fields(raw.spec, 'spec', notes);
  const protocol = spec.text('protocol');
  if (protocol === 'bgp') {
    notes.notCarried('', `it is announced by BGP only, ${withoutBgp}`, todoOfBgp);
    return nothing();
  }
  if (taken.pools.has(name)) {
    notes.notCarried('', 'there is an IPAddressPool of this name, and MetalLB refuses two', 'give each its own name');
    return nothing();
  }
  if (protocol !== 'layer2')
    notes.unread('spec.protocol', `${protocol ?? 'no protocol'} is neither layer2 nor bgp`, 'correct the field');
  const addresses = convertAddresses(spec, notes);
  const flags = convertFlags(spec, notes);
  if (spec.has('bgpAdvertisements')) notes.notCarried('spec.bgpAdvertisements', 'Berth has no BGP');
  spec.reportUnknown();
  const object = newPool(raw, { ...flags, addresses }, notes);
  if (object === undefined) return nothing();
  const free = freeName(name, taken.advertisements);
  notes.adapted('spec.protocol', `IPAddressPool ${name}, and L2Advertisement ${free}`);
  const advertisement = newAdvertisement({ name: free }, { ipAddressPools: [name] });
  return { pool: { object, rows: notes.rows }, advertisement };
}

/** Why a pool of BGP is not carried over, and what to do. */
export const withoutBgp = 'which Berth does not have: no node would answer for its addresses';
/** See {@link withoutBgp}. */
export const todoOfBgp =
  "keep MetalLB for these Services; or, if the addresses are in the nodes' network, create an L2Advertisement of MetalLB first";

function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let i = 1; ; i++) {
    const candidate = i === 1 ? name : `${name}-${i}`;
    if (!taken.has(candidate)) return candidate;
  }
}

/** What a ConfigMap of MetalLB contains. */
interface OldConfig {
  /** Its pools, as AddressPools. */
  readonly pools: readonly Manifest[];
  readonly rows: readonly FieldRow[];
}

/** The names of AddressPool's fields, by those of the ConfigMap. */
const fieldNames: Readonly<Record<string, string>> = {
  'auto-assign': 'autoAssign',
  'avoid-buggy-ips': 'avoidBuggyIPs',
  'bgp-advertisements': 'bgpAdvertisements',
};

/** Reads a ConfigMap of MetalLB until 0.12; undefined if it is another one. */
export function readOldConfig(raw: Manifest & { readonly data?: unknown }): OldConfig | undefined {
  if (raw.kind !== 'ConfigMap' || raw.apiVersion !== 'v1' || !isMap(raw.data)) return undefined;
  const texts = Object.entries(raw.data).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && /^(address-pools|peers):/m.test(entry[1]),
  );
  return texts.length === 0 ? undefined : texts.map(([key, text]) => oldConfigIn(raw, key, text)).reduce(joined);
}

function joined(a: OldConfig, b: OldConfig): OldConfig {
  return { pools: [...a.pools, ...b.pools], rows: [...a.rows, ...b.rows] };
}

function oldConfigIn(raw: Manifest, key: string, text: string): OldConfig {
  const notes = new FieldReport(titleOf(raw));
  const [document] = readYaml(text);
  if (document?.fault !== undefined) {
    notes.unread(`data[${key}]`, `it is not valid YAML: ${document.fault}`, 'correct it');
    return { pools: [], rows: notes.rows };
  }
  const config = new Fields(document?.value, `data[${key}]`, notes);
  const listed = config.list('address-pools');
  for (const name of ['peers', 'bgp-communities', 'bfd-profiles'])
    if (config.has(name)) notes.notCarried(`data[${key}].${name}`, 'Berth has no BGP');
  config.reportUnknown();
  const pools = listed.flatMap((one, i) => {
    const { name, ...fields } = isMap(one) ? one : {};
    const at = `data[${key}].address-pools[${i}]`;
    if (typeof name === 'string') {
      const valid = validName(name);
      if (valid !== name)
        notes.adapted(
          `${at}.name`,
          `${name} became ${valid}: a pool has the name of an object`,
          'change it in the annotations address-pool of the Services',
        );
      return [addressPool(raw, valid, fields)];
    }
    notes.unread(at, 'it is no pool with a name', 'correct its indentation');
    return [];
  });
  notes.adapted(`data[${key}].address-pools`, `${pools.length} pools, see AddressPool`);
  return { pools, rows: notes.rows };
}

/** A name in a ConfigMap may contain anything; an object's name may not (RFC 1123). MetalLB's own converter renames such pools, too. */
function validName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '');
}

function addressPool({ metadata }: Manifest, name: string, fields: Readonly<Record<string, unknown>>): Manifest {
  const { namespace } = metadata;
  const spec = Object.fromEntries(Object.entries(fields).map(([key, value]) => [ownOf(fieldNames, key) ?? key, value]));
  return {
    ...{ apiVersion: 'metallb.io/v1beta1', kind: 'AddressPool', spec },
    metadata: { name, ...(namespace !== undefined && { namespace }) },
  };
}
