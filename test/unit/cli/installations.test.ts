/** The tool answers about the installation that the user means, or says that there is none, or more than one. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { bare, installation, type RawObject, runAt, together } from './served-cluster.ts';

const one = together(bare, installation('berth-system'));
const two = together(one, installation('other', { instance: 'second' }));
const commandLines = [
  ['status'],
  ['pools'],
  ['vips'],
  ['explain', 'web'],
  ['who-has', '192.0.2.10'],
  ['simulate', '--node-down', 'n1'],
  ['drain', 'n1', '--timeout', '0s'],
  ['move', '192.0.2.10', 'n1'],
  ['renumber', '--pool', 'p', '--yes'],
];

type Check = (ran: Awaited<ReturnType<typeof runAt>>, line: string) => void;
type Lists = Readonly<Record<string, readonly RawObject[]>>;

/** Runs every command that answers about an installation. */
async function everyCommand(
  t: TestContext,
  { objects, options = [] }: { objects: Lists; options?: string[] },
  check: Check,
) {
  for (const argv of commandLines) check(await runAt(t, { objects }, ...options, ...argv), argv.join(' '));
}

test('a wrong namespace of Berth is an error that names the right one, and nothing is changed', async (t) => {
  const check: Check = ({ exit, out, notes, writes }, line) => {
    assert.deepEqual([exit, out, writes], [3, '', []], line);
    assert.match(
      notes,
      /^error: there is no Berth in namespace berht: .*\n {2}Berth is in namespace berth-system /,
      line,
    );
  };
  await everyCommand(t, { objects: one, options: ['--berth-namespace', 'berht'] }, check);
  check(await runAt(t, { objects: one }, 'doctor', '--berth-namespace', 'berht'), 'doctor');
});

test('without an installation every command but the doctor says so', async (t) => {
  await everyCommand(t, { objects: bare }, ({ exit, out, notes, writes }, line) => {
    assert.deepEqual([exit, out, writes], [3, '', []], line);
    assert.match(notes, /^error: there is no Berth in the cluster http/, line);
  });
  const { exit, out } = await runAt(t, { objects: bare }, 'doctor');
  assert.equal(exit, 1);
  assert.match(out, /ERROR {3}ControllerNotReady/);
});

test('of two installations none is chosen silently', async (t) => {
  await everyCommand(t, { objects: two }, ({ exit, out, notes, writes }, line) => {
    assert.deepEqual([exit, out, writes], [1, '', []], line);
    assert.match(notes, /installed more than once: in namespace berth-system .* and namespace other/, line);
  });
  const { exit, out } = await runAt(t, { objects: two }, 'doctor');
  assert.equal(exit, 1);
  assert.match(out, /ERROR {3}SecondInstallation/);
  const chosen = await runAt(t, { objects: two }, '--berth-namespace', 'other', 'pools');
  assert.equal(chosen.exit, 0);
  assert.match(chosen.notes, /^note: Berth is also installed in namespace berth-system/);
});

test('two releases in one namespace are two installations, and each has its own Pods', async (t) => {
  const objects = together(one, installation('berth-system', { instance: 'second' }));
  const { notes } = await runAt(t, { objects }, 'pools');
  assert.match(notes, /more than once: in namespace berth-system \(release berth\) and .*\(release second\)/);
});

test("another program with Berth's name label is not an installation", async (t) => {
  const stranger = (kind: string): RawObject => ({
    metadata: { name: kind, namespace: 'aaa', labels: { 'app.kubernetes.io/name': 'berth' } },
    spec: { template: { metadata: {}, spec: { containers: [{ args: ['serve'] }] } } },
  });
  const strangers = {
    '/apis/apps/v1/daemonsets': [stranger('d')],
    '/apis/apps/v1/deployments': [stranger('e')],
  };
  const { exit, notes } = await runAt(t, { objects: together(one, strangers) }, 'pools');
  assert.deepEqual([exit, notes], [0, '']);
});

test('a user who may list the workloads of one namespace only gets an answer about it', async (t) => {
  const refuses = (path: string) => (/^\/apis\/apps\/v1\/(daemonsets|deployments)$/.test(path) ? 403 : undefined);
  assert.equal((await runAt(t, { objects: one, refuses }, 'pools')).exit, 0);
  const elsewhere = { objects: together(bare, installation('elsewhere')), refuses };
  assert.match((await runAt(t, elsewhere, 'pools')).notes, /there is no Berth in .*\n.*--berth-namespace/);
  assert.equal((await runAt(t, elsewhere, 'pools', '--berth-namespace', 'elsewhere')).exit, 0);
});
