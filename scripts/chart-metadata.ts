/** The chart's Chart.yaml: the version of package.json, and the annotations that Artifact Hub shows. */
import { globSync, readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { summaryOf, versionSection } from './changelog.ts';

interface Package {
  readonly version: string;
  readonly homepage: string;
}

interface Crd {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly storage: boolean;
      readonly schema: { readonly openAPIV3Schema: { readonly description: string } };
    }[];
  };
}

const head = '# Written by `npm run generate`, from package.json, CHANGELOG.md and the CRDs.\n';

/** Returns the text of Chart.yaml. */
export function chartMetadata(): string {
  const { version, homepage } = JSON.parse(readFileSync('package.json', 'utf8')) as Package;
  const metadata = {
    apiVersion: 'v2',
    name: 'berth',
    description: 'Bare-metal LoadBalancer for Kubernetes',
    type: 'application',
    version,
    appVersion: version,
    kubeVersion: '>=1.31.0-0',
    keywords: ['load-balancer', 'bare-metal', 'layer-2', 'arp', 'ndp', 'ipv6', 'ipam'],
    home: homepage,
    sources: [homepage],
    maintainers: [{ name: 'The Berth maintainers', url: homepage }],
    annotations: annotations({ version, homepage }),
  };
  return `${head}${stringify(metadata, { lineWidth: 0 })}`;
}

/** Each value is text that contains YAML: https://artifacthub.io/docs/topics/annotations/helm/. */
function annotations({ version, homepage }: Package): Readonly<Record<string, string>> {
  const { changes } = versionSection(readFileSync('CHANGELOG.md', 'utf8'), version);
  const { image } = parse(readFileSync('charts/berth/values.yaml', 'utf8')) as { image: { repository: string } };
  const page = (path: string) => `${homepage}/blob/v${version}/${path}`;
  const links = [
    { name: 'Documentation', url: page('README.md') },
    { name: 'Changelog', url: page('CHANGELOG.md') },
    { name: 'Security policy', url: page('SECURITY.md') },
    { name: 'Support', url: `${homepage}/issues` },
  ];
  const images = [
    { name: 'berth', image: `${image.repository}:${version}`, platforms: ['linux/amd64', 'linux/arm64'] },
  ];
  return {
    'artifacthub.io/category': 'networking',
    'artifacthub.io/license': 'Apache-2.0',
    'artifacthub.io/prerelease': String(version.includes('-')),
    'artifacthub.io/links': stringify(links, { lineWidth: 0 }),
    'artifacthub.io/images': stringify(images, { lineWidth: 0 }),
    'artifacthub.io/crds': stringify(crds(), { lineWidth: 0 }),
    'artifacthub.io/changes': stringify(
      changes.map((change) => ({ kind: change.kind, description: summaryOf(change) })),
      { lineWidth: 0 },
    ),
  };
}

function crds(): readonly object[] {
  return globSync('crds/*.yaml')
    .sort()
    .map((file) => {
      const { metadata, spec } = parse(readFileSync(file, 'utf8')) as Crd;
      const stored = spec.versions.find(({ storage }) => storage);
      if (stored === undefined) throw new Error(`${file} stores no version`);
      const description = stored.schema.openAPIV3Schema.description.trim();
      const { kind } = spec.names;
      return { kind, version: stored.name, name: metadata.name, displayName: kind, description };
    });
}
