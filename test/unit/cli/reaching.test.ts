/** The connection to the cluster: the kubeconfig, the settings of the installation, and the names of resources in refusals. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { settingsOf } from '../../../src/cli/cluster/installation.ts';
import { resourceOf } from '../../../src/cli/cluster/read.ts';
import { readKubeconfig } from '../../../src/kube/kubeconfig.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-kubeconfig-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function configFile(name: string, current: string): string {
  const file = join(folder, name);
  const config = {
    clusters: [{ name, cluster: { server: `https://${name}.example:6443` } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: `in-${name}` } }],
    'current-context': current,
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

test('the kubeconfig is found and merged as kubectl does it', () => {
  const [a, b] = [configFile('a', 'a'), configFile('b', 'b')];
  const server = (choice: Parameters<typeof readKubeconfig>[0]) => readKubeconfig(choice).getCurrentCluster()?.server;
  assert.equal(server({ file: b }), 'https://b.example:6443');
  assert.equal(server({ file: `${a}:${b}` }), 'https://a.example:6443');
  assert.equal(server({ file: `${a}:${b}`, context: 'b' }), 'https://b.example:6443');
  writeFileSync(join(folder, 'again'), readFileSync(a, 'utf8').replaceAll('a.example', 'z.example'));
  assert.equal(server({ file: `${a}:${join(folder, 'again')}` }), 'https://a.example:6443');
  assert.throws(() => readKubeconfig({ file: a, context: 'c' }), /no context "c": it has a$/);
  writeFileSync(join(folder, 'broken'), ': : :\n  - [');
  assert.throws(() => readKubeconfig({ file: join(folder, 'broken') }), /kubeconfig \S+broken cannot be read: [^\n]+$/);
  assert.throws(() => readKubeconfig({ file: join(folder, 'none') }), /there is no kubeconfig at/);
  assert.throws(
    () => readKubeconfig({ file: configFile('d', '') }),
    /the kubeconfig has no current context: choose one of d/,
  );
});

test('the settings of the installation are read from its arguments', () => {
  const chart = [
    'controller',
    '--load-balancer-class=a.io/x',
    '--load-balancer-class=b.io/y',
    '--no-services-without-class',
  ];
  const settings = settingsOf([...chart, '--take-over', '--hand-off=NodePort'], ['--health=127.0.0.1:9931']);
  assert.deepEqual(settings.ownership, {
    ...{ classes: ['a.io/x', 'b.io/y'], withoutClass: false, takeOver: true, writer: 'berth-controller' },
  });
  assert.deepEqual([settings.handOff, settings.healthPort], ['NodePort', 9931]);
  const bare = settingsOf([], []);
  assert.deepEqual([bare.ownership.classes, bare.ownership.withoutClass], [['berth.dev/berth'], true]);
  assert.deepEqual([bare.handOff, bare.healthPort], ['KubeProxy', 7931]);
  assert.deepEqual(settingsOf(['--no-load-balancer-class'], []).ownership.classes, []);
});

test('a resource has the name that RBAC gives it', () => {
  const rows: readonly [string, string][] = [
    ['/api/v1/services', 'services'],
    ['/api/v1/nodes/n1', 'nodes'],
    ['/api/v1/namespaces', 'namespaces'],
    ['/api/v1/namespaces/x/pods', 'pods'],
    ['/apis/berth.dev/v1beta1/ipallocations/192.0.2.1', 'ipallocations.berth.dev'],
    ['/apis/apps/v1/namespaces/x/daemonsets', 'daemonsets.apps'],
    ['/apis/coordination.k8s.io/v1/namespaces/x/leases/y', 'leases.coordination.k8s.io'],
  ];
  for (const [path, resource] of rows) assert.equal(resourceOf(path), resource);
});
