/** A software bill of materials (CycloneDX 1.5) of what is in dist/: the packages that were bundled or copied, and no others. */

/** One package as package-lock.json has it. */
export interface LockedPackage {
  readonly version: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
}

/** package-lock.json, as much of it as is read. */
export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** The folder below node_modules that a file belongs to (`node_modules/@scope/name`); undefined for our own files. */
export function packageOf(file: string): string | undefined {
  return /(?:^|\/)((?:node_modules\/(?:@[^/]+\/)?[^/]+\/)*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];
}

/**
 * npm's own `npm sbom` lists what is installed: of what a bundle takes that is a fraction, it tells the time, and it calls the program after
 * its folder. The same input gives the same text here.
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
  if (locked?.license === undefined) throw new Error(`package-lock.json does not know ${folder}, or its license`);
  if (locked.dev) throw new Error(`${folder} is for development only, and is in the bundle`);
  const name = folder.replace(/^.*node_modules\//, '');
  const [algorithm = '', digest = ''] = (locked.integrity ?? '').split(/-(.*)/s);
  const content = Buffer.from(digest, 'base64').toString('hex');
  const hashes = algorithm === 'sha512' ? [{ alg: 'SHA-512', content }] : [];
  return { ...component('library', { ...locked, name, license: locked.license }), hashes };
}

/** SPDX knows expressions (`(MIT OR Apache-2.0)`) and single licenses; CycloneDX has a field for each. */
function component(
  type: string,
  { name, version, license }: { readonly name: string; readonly version: string; readonly license: string },
): object {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const licenses = license.includes(' ') ? [{ expression: license }] : [{ license: { id: license } }];
  return { type, 'bom-ref': `${name}@${version}`, name, version, purl, licenses };
}
