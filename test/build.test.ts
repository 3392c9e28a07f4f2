/**
 * The output of `npm run build`. The bill of materials lists all of its packages. It contains no development
 * dependency, and it has native modules for both architectures.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { billOfMaterials, type Lock, packageOf } from '../scripts/sbom.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-build-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock;

function build(out: string, ...args: readonly string[]): { readonly status: number | null; readonly stderr: string } {
  return spawnSync(process.execPath, ['scripts/build.ts', '--out', out, ...args], { encoding: 'utf8' });
}

interface Component {
  readonly name: string;
  readonly version: string;
  readonly licenses: readonly { readonly license?: { readonly id: string }; readonly expression?: string }[];
}

function namesIn(out: string): readonly string[] {
  const { components } = JSON.parse(readFileSync(join(out, 'sbom.json'), 'utf8')) as {
    readonly components: readonly Component[];
  };
  for (const { name, version, licenses } of components) {
    assert.match(version, /^\d+\.\d+\.\d+/, name);
    assert.ok(licenses[0]?.license?.id ?? licenses[0]?.expression, `${name} has no license`);
  }
  return components.map(({ name }) => name).sort();
}

test('the bill of materials lists exactly the packages of the bundle, and none of them is for development', () => {
  const out = join(folder, 'own');
  const { status, stderr } = build(out);
  assert.equal(status, 0, stderr);
  // What the bundler itself reports: the sources in its source maps, and the folders that were copied.
  const sources = globSync('*.js.map', { cwd: out }).flatMap((map) => {
    return (JSON.parse(readFileSync(join(out, map), 'utf8')) as { readonly sources: readonly string[] }).sources;
  });
  const copied = globSync('node_modules/**/package.json', { cwd: out });
  const folders = new Set([...sources, ...copied].flatMap((file) => packageOf(file) ?? []));
  const development = [...folders].filter((path) => lock.packages[path] === undefined || lock.packages[path].dev);
  assert.deepEqual(development, []);
  const names = [...folders].map((path) => path.replace(/^.*node_modules\//, '')).sort();
  assert.ok(names.includes('koffi') && names.includes('pino'));
  assert.deepEqual(namesIn(out), names);
  const bytes = globSync('**/*', { cwd: out }).reduce((sum, file) => sum + statSync(join(out, file)).size, 0);
  assert.ok(bytes < 7_000_000, `dist/ has ${bytes} bytes`);
});

/** `e_machine` in the header of an ELF file, see elf(5). */
const machines: Readonly<Record<string, number>> = { amd64: 62, arm64: 183 };

test('one build contains the native module for both architectures', () => {
  const out = join(folder, 'both');
  const { status, stderr } = build(out, '--arch', 'amd64', '--arch', 'arm64');
  assert.equal(status, 0, stderr);
  const found = globSync('node_modules/**/*.node', { cwd: out }).map((file) => {
    const header = readFileSync(join(out, file)).subarray(0, 20);
    assert.equal(header.toString('latin1', 1, 4), 'ELF', file);
    return header.readUInt16LE(18);
  });
  assert.deepEqual(
    found.sort((a, b) => a - b),
    Object.values(machines),
  );
  assert.ok(namesIn(out).includes('@koromix/koffi-linux-arm64'));
});

test('the build refuses an unknown architecture', () => {
  assert.match(
    build(join(folder, 'none'), '--arch', 'mips').stderr,
    /unknown architecture mips: use one of amd64, arm64/,
  );
});

test('the bill of materials refuses a package that is not in package-lock.json or is for development', () => {
  assert.throws(() => billOfMaterials(['node_modules/none'], lock), /does not contain node_modules\/none/);
  assert.throws(() => billOfMaterials(['node_modules/typescript'], lock), /is a development dependency/);
});
