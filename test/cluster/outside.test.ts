/** Both roles run outside the cluster, from source, for development. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';

const lab = berth.sharedLab();
const main = new URL('../../src/main.ts', import.meta.url).pathname;
const node = process.execPath;

before(async () => {
  // Berth's CRDs and the speakers' key stay.
  await berth.installBerth(lab);
  await berth.uninstallBerth(lab);
  await lab.apply(berth.backends);
  await lab.rolledOut('deployment/web');
});

test('controller and speakers with --kubeconfig do the main job', async () => {
  const common = ['--kubeconfig', lab.kubeconfig, '--namespace', berth.namespace];
  const alive = lab.nodes.flatMap(({ name }) => ['--assume-alive', name]);
  const processes = [lab.controlPlane.spawn([node, main, 'controller', ...common, '--health', '127.0.0.1:18081'])];
  try {
    const key = ['--liveness-key', await berth.livenessKey(lab)];
    for (const host of lab.nodes) {
      processes.push(host.spawn([node, main, 'speaker', ...common, '--node-name', host.name, ...alive, ...key]));
    }
    await lab.apply(berth.poolManifest('main', lab.subnet.vips));
    await lab.apply(berth.serviceManifest('one'));
    const vip = await berth.addressOf(lab, 'one');
    await eventually('an answer', () => berth.get(lab, vip));
    // The client may still know the node that had the address in another test, and that node serves it before any node announces it.
    await eventually('one node answers', async () => (await berth.answeringMacs(lab, vip)).size === 1);
    await berth.cleanUp(lab);
    await eventually('no answer any more', async () => (await berth.answeringMacs(lab, vip)).size === 0);
  } finally {
    await lab.api.delete('services', 'one');
    await Promise.all(
      processes.map(
        (child) =>
          new Promise((resolve) =>
            child.exitCode === null ? child.once('exit', resolve).kill('SIGTERM') && 0 : resolve(0),
          ),
      ),
    );
  }
});

test('a speaker without NET_RAW ends with one clear log line', async () => {
  const [host = assert.fail()] = lab.nodes;
  const { code, stdout } = await host.exec(
    [
      'setpriv',
      '--bounding-set',
      '-net_raw',
      '--inh-caps',
      '-net_raw',
      node,
      main,
      'speaker',
      '--kubeconfig',
      lab.kubeconfig,
      '--node-name',
      host.name,
    ],
    { timeoutMs: 20_000 },
  );
  assert.equal(code, 1);
  const lines = stdout.trim().split('\n');
  assert.equal(lines.length, 1, stdout);
  assert.match(
    lines[0] ?? '',
    /"level":"error".*"reason":"EPERM".*needs the capability NET_RAW.*securityContext\.capabilities\.add/,
  );
});

test('a role that cannot start says what to do', async () => {
  const rows: readonly [readonly string[], RegExp][] = [
    [['controller'], /not running in a cluster: set --kubeconfig FILE/],
    [['controller', '--kubeconfig', '/does/not/exist'], /\/does\/not\/exist/],
    [['speaker'], /--node-name/],
    [['controller', '--log-level', 'loud'], /debug, info, warn, error/],
    [['sing'], /unknown command 'sing'/],
  ];
  for (const [args, message] of rows) {
    const { code, stdout, stderr } = await lab.controlPlane.exec([node, main, ...args], { timeoutMs: 20_000 });
    assert.equal(code, 1, args.join(' '));
    assert.match(stdout + stderr, message);
  }
});
