/**
 * A software bill of materials (CycloneDX 1.5) of dist/: it lists the packages that were bundled or copied,
 * and no others.
 */

/** One package in package-lock.json. */
export interface LockedPackage {
  readonly version: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
}

/** The part of package-lock.json that is read. */
export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** Returns the folder of a file's package (`node_modules/@scope/name`); undefined for Berth's own files. */
export function packageOf(file: string): string | undefined {
  return /(?:^|\/)((?:node_modules\/(?:@[^/]+\/)?[^/]+\/)*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];
}

/**
 * Makes the bill of materials. The same input gives the same text. `npm sbom` does not fit: it lists everything that is
 * installed, of which the bundle contains a fraction; it contains the time; and it names the program after its folder.
 */
export function billOfMaterials(packages: Iterable<string>, lock: Lock): string {
  const { version = '' } = lock.packages[''] ?? {};
  const components = [...new Set(packages)].sort().map((folder) => componentOf(folder, lock.packages[folder]));
  const bill = {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: component('application', { name: 'berth', version, license: 'Apache-2.0' }) },
    components,
  };
  return `${JSON.stringify(bill, undefined, 2)}\n`;
}

function componentOf(folder: string, locked: LockedPackage | undefined): object {
  if (locked?.license === undefined)
    throw new Error(`package-lock.json does not contain ${folder}, or not its license`);
  if (locked.dev) throw new Error(`${folder} is in the bundle, but it is a development dependency`);
  const name = folder.replace(/^.*node_modules\//, '');
  const [algorithm = '', digest = ''] = (locked.integrity ?? '').split(/-(.*)/s);
  const content = Buffer.from(digest, 'base64').toString('hex');
  const hashes = algorithm === 'sha512' ? [{ alg: 'SHA-512', content }] : [];
  return { ...component('library', { ...locked, name, license: locked.license }), hashes };
}

/**
 * Makes a component. A license is an SPDX expression (`(MIT OR Apache-2.0)`) or a single id; CycloneDX has a
 * field for each.
 */
function component(
  type: string,
  { name, version, license }: { readonly name: string; readonly version: string; readonly license: string },
): object {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const licenses = license.includes(' ') ? [{ expression: license }] : [{ license: { id: license } }];
  return { type, 'bom-ref': `${name}@${version}`, name, version, purl, licenses };
}
