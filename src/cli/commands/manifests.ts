/** Reads pools and advertisements from files, and has the API server check them without writing them (dry run). */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type AdvertisementView, parseAdvertisement, type RawAdvertisement } from '../../api/advertisement.ts';
import { type PoolView, parsePool, type RawPool } from '../../api/pool.ts';
import { ApiError } from '../../kube/client.ts';
import { collections, mergePatch } from '../../kube/resources.ts';
import { explained, readOne } from '../cluster/read.ts';
import type { Reach } from '../cluster/session.ts';
import { misused, wrong } from '../output/failure.ts';
import { readYaml } from '../yaml/read.ts';
import { appliedPatch } from './applied-patch.ts';

/** An object in a file. */
export interface Manifest {
  readonly kind: 'IPAddressPool' | 'L2Advertisement';
  readonly metadata: { readonly name: string; readonly labels?: object; readonly annotations?: object };
  readonly spec?: object;
}

/** The object that an apply would leave in the cluster. */
export type Checked = { readonly name: string; readonly change: 'Created' | 'Changed' | 'Unchanged' } & (
  | { readonly kind: 'IPAddressPool'; readonly view: PoolView }
  | { readonly kind: 'L2Advertisement'; readonly view: AdvertisementView }
);

const paths = { IPAddressPool: collections.pools, L2Advertisement: collections.advertisements } as const;

interface AnyObject {
  readonly kind?: unknown;
  readonly apiVersion?: unknown;
  readonly metadata?: { readonly name?: unknown };
  readonly items?: readonly AnyObject[];
}

/**
 * Reads Berth's objects from files (`-` is standard input), and the kinds of all other objects. Throws a
 * Failure if a file is not YAML.
 */
export async function readManifests(
  files: readonly string[],
): Promise<{ readonly manifests: readonly Manifest[]; readonly others: readonly string[] }> {
  const objects: AnyObject[] = [];
  for (const file of files) objects.push(...parseFile(file, await contentOf(file)));
  const isOurs = ({ kind, apiVersion }: AnyObject) =>
    typeof kind === 'string' && Object.hasOwn(paths, kind) && String(apiVersion).startsWith('berth.dev/');
  const ours = objects.filter(isOurs);
  for (const { kind, metadata } of ours) {
    if (typeof metadata?.name !== 'string') throw wrong(`an ${kind} in ${files.join(', ')} has no metadata.name`);
  }
  const names = ours.map(({ kind, metadata }) => `${kind} ${metadata?.name}`);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw misused(`${twice} is there twice in ${files.join(', ')}`);
  const others = objects
    .filter((object) => !isOurs(object))
    .map(({ kind }) => String(kind ?? 'a document without a kind'));
  return { manifests: ours as unknown as readonly Manifest[], others: [...new Set(others)] };
}

async function contentOf(file: string): Promise<string> {
  try {
    return file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    throw misused(`${file} cannot be read: ${(error as Error).message}`);
  }
}

function parseFile(file: string, content: string): readonly AnyObject[] {
  if (content.includes('\0')) throw wrong(`${file} is not UTF-8`, 'Windows PowerShell writes UTF-16: save it as UTF-8');
  return readYaml(content).flatMap(({ value, fault }) => {
    if (fault !== undefined) throw wrong(`${file} is not valid YAML: ${fault.split('\n')[0]}`);
    const { items } = value as AnyObject;
    return (Array.isArray(items) ? items : [value]).map((one): AnyObject => one ?? {});
  });
}

/**
 * Has the API server check an object and set its defaults, as in an apply. Throws a Failure with the server's
 * message if it refuses the object.
 */
export async function dryRun(reach: Reach, { kind, metadata, spec }: Manifest): Promise<Checked> {
  const { name } = metadata;
  const path = `${paths[kind]}/${name}`;
  const before = await readOne<RawPool>(reach, path);
  const object = { apiVersion: 'berth.dev/v1beta1', kind, metadata, spec };
  const request =
    before === undefined
      ? ({ method: 'POST', path: paths[kind], body: object } as const)
      : ({ ...mergePatch, path, body: appliedPatch(before.metadata.annotations ?? {}, object) } as const);
  try {
    const raw = await reach.client.json<RawPool>({ ...request, query: { dryRun: 'All' } });
    const isSame = before !== undefined && JSON.stringify(before.spec) === JSON.stringify(raw.spec);
    const change = before === undefined ? 'Created' : isSame ? 'Unchanged' : 'Changed';
    // The returned generation belongs to the spec before this change: data that is cached by generation must not match.
    if (kind === 'IPAddressPool') return { name, change, kind, view: { ...parsePool(raw), generation: 0 } };
    return { name, change, kind, view: parseAdvertisement(raw as unknown as RawAdvertisement) };
  } catch (error) {
    if (error instanceof ApiError && (error.status === 422 || error.status === 400)) {
      throw wrong(`the API server refuses ${kind} ${name}: ${error.message}`);
    }
    throw explained(error, reach, { verb: before === undefined ? 'create' : 'patch', path });
  }
}
