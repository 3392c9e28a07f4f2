/** The facts that a release states, and the files that GitHub reads: one version, one address, workflows with few permissions. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { summaryOf, versionSection } from '../scripts/changelog.ts';

const read = (file: string) => readFileSync(file, 'utf8');
const { version } = JSON.parse(read('package.json')) as { readonly version: string };

test('package.json, package-lock.json, the chart and the changelog have the same version', () => {
  const lock = JSON.parse(read('package-lock.json')) as {
    readonly version: string;
    readonly packages: Readonly<Record<string, { readonly version: string }>>;
  };
  const chart = parse(read('charts/berth/Chart.yaml')) as { readonly version: string; readonly appVersion: string };
  assert.deepEqual(
    [lock.version, lock.packages['']?.version, chart.version, chart.appVersion],
    [version, version, version, version],
  );
  assert.match(versionSection(read('CHANGELOG.md'), version).date, /^\d{4}-\d{2}-\d{2}$/);
});

test('the annotations of the chart are valid YAML, and name its image and each of its CRDs', () => {
  const chart = parse(read('charts/berth/Chart.yaml')) as { readonly annotations: Readonly<Record<string, string>> };
  const annotation = (name: string): unknown => parse(chart.annotations[`artifacthub.io/${name}`] ?? '');
  const { image } = parse(read('charts/berth/values.yaml')) as { readonly image: { readonly repository: string } };
  const [listed] = annotation('images') as readonly { readonly image: string }[];
  assert.equal(listed?.image, `${image.repository}:${version}`);
  const kinds = (annotation('crds') as readonly { readonly kind: string }[]).map(({ kind }) => kind);
  assert.deepEqual(kinds, ['IPAddressPool', 'IPAllocation', 'L2Advertisement']);
  const known = ['added', 'changed', 'deprecated', 'removed', 'fixed', 'security'];
  for (const { kind, description } of annotation('changes') as readonly { kind: string; description: string }[]) {
    assert.ok(known.includes(kind), `${kind}: ${description}`);
    assert.notEqual(description, '');
  }
});

const changelog = `# Changelog

## [Unreleased]

## [1.1.0] - 2027-01-02

### Added

Addresses:

- First, see [docs](docs/a.md#b). A second
  sentence.

Speakers:

- Waits \`0.5 s\`.

### Fixed

- Third.

## [1.0.0] - 2026-01-02

- Old.

## [0.9.0]

- Older.
`;

test('a section of the changelog has a date, its text and its entries', () => {
  const { date, notes, changes } = versionSection(changelog, '1.1.0');
  assert.equal(date, '2027-01-02');
  assert.match(notes, /^### Added[\s\S]*- Third\.$/);
  assert.deepEqual(changes, [
    { kind: 'added', text: 'First, see [docs](docs/a.md#b). A second sentence.' },
    { kind: 'added', text: 'Waits `0.5 s`.' },
    { kind: 'fixed', text: 'Third.' },
  ]);
  assert.deepEqual(changes.map(summaryOf), ['First, see docs', 'Waits 0.5 s', 'Third']);
});

test('a version without a section, without a date or without an entry is refused', () => {
  assert.throws(() => versionSection(changelog, '2.0.0'), /no heading "## \[2\.0\.0\] - YYYY-MM-DD"/);
  assert.throws(() => versionSection(changelog, '0.9.0'), /no heading "## \[0\.9\.0\] - YYYY-MM-DD"/);
  assert.throws(() => versionSection('## [1.0.0] - 2026-01-02\n', '1.0.0'), /says nothing about 1\.0\.0/);
});

interface Job {
  readonly uses?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly 'timeout-minutes'?: number;
  readonly steps?: readonly { readonly uses?: string }[];
}

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

test('every job of a workflow has a time limit, names its permissions, and uses actions by their major version', () => {
  const workflows = globSync('.github/workflows/*.yml');
  assert.ok(workflows.length >= 2);
  for (const file of workflows) {
    const { permissions, jobs } = parse(read(file)) as Workflow;
    for (const [name, job] of Object.entries(jobs)) {
      assert.ok(
        job['timeout-minutes'] !== undefined || job.uses?.startsWith('./'),
        `${file}: ${name} has no time limit`,
      );
      const granted = Object.entries(job.permissions ?? permissions ?? {});
      assert.notDeepEqual(granted, [], `${file}: ${name} names no permissions`);
      const writes = granted.filter(([, access]) => access !== 'read');
      assert.ok(writes.length <= 1, `${file}: ${name} may write to more than one thing`);
      for (const { uses } of job.steps ?? []) {
        if (uses !== undefined) assert.match(uses, /^(actions|docker)\/[\w-]+@v\d+$/, `${file}: ${name}`);
      }
    }
  }
});

test('every YAML file for GitHub is valid, and all files use one address of the repository', () => {
  const { homepage } = JSON.parse(read('package.json')) as { readonly homepage: string };
  const files = ['.github/**/*.{yml,md}', '*.md', 'docs/**/*.md', 'charts/berth/*.{md,yaml}', 'package.json'];
  for (const file of files.flatMap((pattern) => globSync(pattern))) {
    if (file.endsWith('.yml')) assert.ok(parse(read(file)), file);
    for (const [address] of read(file).matchAll(/https:\/\/github\.com\/berth[\w-]*(\/[\w-]+)?/g)) {
      assert.equal(address, homepage, file);
    }
  }
});
