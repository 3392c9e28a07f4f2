/**
 * The files of `examples/`: they parse, have only fields that exist, and give the result that they
 * describe.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { coversPool, parseAdvertisement, type RawAdvertisement } from '../../src/api/advertisement.ts';
import { parseNamespace, type RawNamespace } from '../../src/api/namespace.ts';
import { parseNode, type RawNode } from '../../src/api/node.ts';
import { parsePool, type RawPool } from '../../src/api/pool.ts';
import { parseService, type RawService } from '../../src/api/service.ts';
import { outcomes, plan } from './ipam/plans.ts';
import { faultsOf, schemaOf } from './written/schema.ts';

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name?: string; readonly namespace?: string };
}

const files = globSync('examples/*.yaml').map((file) => basename(file));
const textOf = (file: string) => readFileSync(`examples/${file}`, 'utf8');

/** The objects of an example, as the API server would return them. */
function objectsIn(file: string): readonly Manifest[] {
  const documents = parseAllDocuments(textOf(file), { uniqueKeys: true });
  assert.ok(Array.isArray(documents));
  return documents.map((document) => {
    assert.deepEqual(document.errors, [], file);
    const object = document.toJS() as Manifest;
    const { name = 'any', namespace } = object.metadata;
    const isNamespaced = object.kind === 'Service';
    const made = { uid: `uid-${namespace}-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
    return { ...object, metadata: { ...made, ...(isNamespaced && { namespace: 'default' }), ...object.metadata } };
  });
}

const ofKind = <T>(file: string, kind: string): readonly T[] =>
  objectsIn(file).filter((object) => object.kind === kind) as unknown as readonly T[];

/** The addresses that each example promises its Services, in the order of the plan. */
const expected: Readonly<Record<string, readonly string[]>> = {
  'pool-and-service.yaml': ['web 192.0.2.10'],
  'both-families.yaml': ['web 192.0.2.10+2001:db8:0:1::10'],
  'pool-for-one-namespace.yaml': ['web 192.0.2.10', 'web NoPool'],
  'fixed-address.yaml': ['web 192.0.2.42'],
  'shared-address.yaml': ['web 192.0.2.10', 'web-admin 192.0.2.10'],
  'some-nodes.yaml': ['web 192.0.2.10'],
  'client-address.yaml': ['web 192.0.2.10'],
  'client-address-all-pods.yaml': ['web 192.0.2.10'],
  'drain-node.yaml': [],
  'quota.yaml': ['web-1 192.0.2.10', 'web-2 192.0.2.11', 'web-3 QuotaExceeded'],
  'take-over.yaml': ['web 192.0.2.42'],
};

/** The address that the Service of an example shows before the example is applied. */
const shownBefore: Readonly<Record<string, string>> = { 'take-over.yaml': '192.0.2.42' };

function serviceOf(raw: RawService, file: string): RawService {
  const ip = shownBefore[file];
  if (ip === undefined) return raw;
  const fieldsV1 = { 'f:status': { 'f:loadBalancer': { 'f:ingress': {} } } };
  const managedFields = [{ manager: 'another', subresource: 'status', time: '2026-01-01T00:00:00Z', fieldsV1 }];
  return { ...raw, metadata: { ...raw.metadata, managedFields }, status: { loadBalancer: { ingress: [{ ip }] } } };
}

test('the controller gives every Service of an example the address that the example promises', () => {
  assert.deepEqual([...files].sort(), Object.keys(expected).sort());
  for (const file of files) {
    const services = ofKind<RawService>(file, 'Service').map((raw) => parseService(serviceOf(raw, file)));
    const pools = ofKind<RawPool>(file, 'IPAddressPool').map(parsePool);
    const namespaces = ofKind<RawNamespace>(file, 'Namespace').map(parseNamespace);
    const decided = outcomes(plan({ pools, services, namespaces }));
    assert.deepEqual([...decided].sort(), expected[file], file);
    const covered = ofKind<RawAdvertisement>(file, 'L2Advertisement').map(parseAdvertisement);
    for (const { name, faults } of pools) {
      assert.deepEqual(faults, [], file);
      assert.ok(
        covered.some((one) => coversPool(one, name)),
        `${file}: pool ${name} is not announced`,
      );
    }
  }
});

test('an example has no field that the API server would refuse or drop, and no field without an effect', () => {
  const plurals: Readonly<Record<string, string>> = {
    IPAddressPool: 'ipaddresspools',
    L2Advertisement: 'l2advertisements',
  };
  for (const file of files) {
    for (const object of objectsIn(file)) {
      const plural = plurals[object.kind];
      if (plural !== undefined) {
        assert.equal(object.apiVersion, 'berth.dev/v1beta1', file);
        assert.deepEqual(faultsOf(object, schemaOf(plural)), [], file);
        continue;
      }
      assert.equal(object.apiVersion, 'v1', file);
      assert.ok(['Service', 'Namespace', 'Node'].includes(object.kind), `${file}: ${object.kind}`);
      if (object.kind === 'Service') everyFieldCounts(object as unknown as RawService, file);
      if (object.kind === 'Node') assert.equal(parseNode(object as unknown as RawNode).draining, true, file);
    }
  }
});

/** Every field and every annotation of the Service changes the view that Berth parses from it. */
function everyFieldCounts(raw: RawService, file: string): void {
  const view = parseService(raw);
  for (const field of Object.keys(raw.spec)) {
    assert.notDeepEqual(parseService({ ...raw, spec: { ...raw.spec, [field]: undefined } }), view, `${file}: ${field}`);
  }
  for (const field of (raw.spec.ports ?? []).flatMap(Object.keys)) assert.match(field, /^(port|targetPort)$/, file);
  const { annotations = {} } = raw.metadata;
  for (const name of Object.keys(annotations)) {
    const { [name]: _, ...rest } = annotations;
    const without = parseService({ ...raw, metadata: { ...raw.metadata, annotations: rest } });
    assert.notDeepEqual(without, view, `${file}: ${name}`);
  }
}

test('an example begins with its purpose, how to apply it, and how to see that it works', () => {
  for (const file of files) {
    const text = textOf(file);
    const [head = ''] = /^(#.*\n)+/.exec(text) ?? [];
    assert.match(head, /^# \w.*[.:]/, file);
    assert.match(head, new RegExp(`^# Apply: .* examples/${file}$`, 'm'), file);
    assert.match(head, /^# Check: {3}\S/m, file);
    for (const line of text.split('\n')) assert.ok(line.length <= 100, `${file}: ${line}`);
  }
});

test('examples/README.md lists every example, and each of them is applied to a real cluster', () => {
  const told = [...readFileSync('examples/README.md', 'utf8').matchAll(/\[([\w-]+\.yaml)\]\(\1\)/g)];
  assert.deepEqual(told.map(([, file = '']) => file).sort(), [...files].sort());
  const applied = readFileSync('test/cluster/examples.test.ts', 'utf8');
  for (const file of files) assert.ok(applied.includes(`'${file}'`), `${file} is not applied`);
});
