/** What a migration from a cluster reports before anything is changed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RawObject, runAt, type ServedCluster, together } from '../served-cluster.ts';
import { cluster, healthy, healthyObjects, meta, paths, service } from '../served-world.ts';

const home = 'metallb-system';
const api = '/apis/metallb.io/v1beta1';

/** A program of MetalLB in its namespace. */
const program = (name: string, status: object): RawObject => ({
  metadata: meta(name, { namespace: home, labels: { app: 'metallb' } }),
  spec: { replicas: 0, template: { metadata: {}, spec: { containers: [{ image: `quay.io/metallb/${name}:v0.15` }] } } },
  status,
});

/** The healthy cluster beside MetalLB, whose controller is stopped. */
function beside(facts: { readonly data?: object } & Omit<Partial<ServedCluster>, 'objects'> = {}): ServedCluster {
  const { data = {}, ...more } = facts;
  const objects = together(healthyObjects, {
    '/apis/apps/v1/deployments': [program('controller', {})],
    '/apis/apps/v1/daemonsets': [program('speaker', { desiredNumberScheduled: 3 })],
    [paths.configMaps]: [{ metadata: meta('metallb-excludel2', { namespace: home }), ...{ data } }],
    [`${api}/ipaddresspools`]: [
      { metadata: meta('lan', { namespace: home }), spec: { addresses: ['192.0.2.40-192.0.2.49'] } },
    ],
    [`${api}/l2advertisements`]: [{ metadata: meta('lan', { namespace: home }), spec: {} }],
    [paths.services]: [service('old', { shows: ['192.0.2.40'], manager: 'controller' })],
  });
  const version = { groupVersion: 'metallb.io/v1beta1', version: 'v1beta1' };
  const resources = [
    { name: 'ipaddresspools', kind: 'IPAddressPool' },
    { name: 'l2advertisements', kind: 'L2Advertisement' },
  ];
  const documents = {
    '/apis/metallb.io': { preferredVersion: version, versions: [version] },
    [api]: { resources },
  };
  return { ...cluster(objects, more), documents };
}

const excluding = { 'excludel2.yaml': 'announcedInterfacesToExclude: ["^lo$", "^eth1$"]\n' };

test('the links on which MetalLB does not announce are read from its ConfigMap, or the report says that they are not known', async (t) => {
  const read = await runAt(t, beside({ data: excluding }), 'migrate', 'metallb');
  assert.match(read.notes, /ConfigMap metallb-system\/metallb-excludel2, data.*: "\^eth1\$": Berth also announces/);
  assert.doesNotMatch(read.notes, /"\^lo\$"/);
  assert.equal(read.exit, 0, read.notes);
  const refuses = (path: string) => (path === `/api/v1/namespaces/${home}/configmaps` ? 403 : undefined);
  const unread = await runAt(t, beside({ refuses }), 'migrate', 'metallb');
  assert.match(unread.notes, /ConfigMaps of metallb-system: not read \(you may not list configmaps\)/);
});

test('a take-over does not begin while a speaker of Berth is silent, unless the user accepts it', async (t) => {
  const speakers = (node: string) => (node === 'n2' ? undefined : healthy(node));
  const at = beside({ speakers });
  const preview = await runAt(t, at, 'migrate', 'metallb');
  assert.match(preview.notes, /Obstacles to --apply\n {2}Berth's speaker on n2 does not answer/);
  assert.equal(preview.exit, 1);
  const applied = await runAt(t, at, 'migrate', 'metallb', '--apply');
  assert.deepEqual([applied.exit, applied.writes], [1, []]);
  assert.match(applied.notes, /nothing was changed:\n {2}Berth's speaker on n2 does not answer/);
  const accepted = await runAt(t, at, 'migrate', 'metallb', '--without-node', 'n2');
  assert.doesNotMatch(accepted.notes, /Obstacles/);
  assert.equal(accepted.exit, 0, accepted.notes);
  const misspelt = await runAt(t, at, 'migrate', 'metallb', '--without-node', 'n9');
  assert.equal(misspelt.exit, 2);
  assert.match(misspelt.notes, /there is no node n9/);
});
