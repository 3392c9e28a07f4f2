/** Upgrades the chart and rolls it back while clients connect: the CRDs are upgraded and stay, and no connection fails. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { KubeClient } from '../../src/kube/client.ts';
import { connect } from '../../src/kube/connection.ts';
import { readAudit } from '../lab/audit.ts';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { enterNetworkOf } from './enter-network.ts';
import { covers, documented, type Grant, grantsOf, grantText, useOf } from './permissions.ts';

const lab = berth.sharedLab();
const { namespace } = berth;
const root = new URL('../..', import.meta.url).pathname;
const chart = join(root, 'charts/berth');
const oldChart = join(lab.stateDir, 'old-chart');
const stopFile = join(lab.stateDir, 'stop-asking');
const crds = join(root, 'crds');
/** The service account of the hook that replaces the CRDs. It exists only while the hook runs. */
const account = { namespace, name: 'berth-crds' };

before(async () => {
  enterNetworkOf(lab.controlPlane);
  await berth.uninstallBerth(lab);
  await makeOldChart();
});
after(async () => {
  // Other tests must get the CRDs of this work tree, also after a failure.
  await lab.kubectl(['apply', '--server-side', '--force-conflicts', '--filename', crds]);
  await berth.installBerth(lab);
  await berth.cleanUp(lab);
  await rm(oldChart, { recursive: true, force: true });
});

/** Makes an older version of the chart, without one field of pools and without the hook that replaces CRDs. Installs its CRDs. */
async function makeOldChart(): Promise<void> {
  await rm(oldChart, { recursive: true, force: true });
  await cp(chart, oldChart, { recursive: true });
  await rm(join(oldChart, 'templates/crds.yaml'));
  const version = await readFile(join(chart, 'Chart.yaml'), 'utf8');
  await writeFile(join(oldChart, 'Chart.yaml'), version.replace(/^version: .*$/m, 'version: 0.0.9'));
  for (const name of globSync('*.yaml', { cwd: crds })) {
    const crd = parse(readFileSync(join(crds, name), 'utf8'));
    delete crd.metadata.annotations;
    delete crd.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.reuseAfter;
    await writeFile(join(oldChart, 'crds', name), stringify(crd));
  }
  // The cluster may have no CRDs yet.
  await lab.kubectl(['apply', '--server-side', '--force-conflicts', '--filename', crds]);
  await lab.kubectl(['replace', '--filename', join(oldChart, 'crds')]);
}

async function knowsField(): Promise<boolean> {
  const crd = await lab.api.get('customresourcedefinitions', 'ipaddresspools.berth.dev');
  return JSON.stringify(crd).includes('"reuseAfter":{');
}

/** The metrics of the first node's speaker, as the client gets them over the network. Undefined if there is no answer. */
async function metricsFromOutside(): Promise<string | undefined> {
  const where = ['get', 'node', lab.nodes[0]?.name ?? '', '-o', 'jsonpath={.status.addresses[0].address}'];
  const url = `http://${await lab.kubectl(where)}:7933/metrics`;
  const { code, stdout } = await lab.client.exec(['curl', '-sS', '--fail', '--max-time', '2', url]);
  return code === 0 ? stdout : undefined;
}

/** Installs or upgrades Berth, with a pool in the values. */
async function upgrade(from: string, ...more: readonly string[]): Promise<void> {
  const image = 'image.repository=localhost/berth,image.tag=lab,image.pullPolicy=Never';
  const pool = `pools[0].name=main,pools[0].addresses[0]=${lab.subnet.vips}`;
  const sets = [image, pool, ...more].flatMap((set) => ['--set', set]);
  await lab.helm(['upgrade', '--install', 'berth', from, '--namespace', namespace, '--create-namespace', ...sets]);
  await berth.rolledOut(lab);
}

/** Makes one connection after the other while the task runs, and returns how many were answered, and the failures. */
async function whileAsking(vip: string, task: () => Promise<void>): Promise<{ answered: number; failed: string }> {
  const ask = `curl -sS --fail --max-time 5 -o /dev/null -w 'answered\\n' http://${vip}/hostname`;
  const script = `while [ ! -e ${stopFile} ]; do ${ask} || date +%T.%N >&2; sleep 0.02; done`;
  await rm(stopFile, { force: true });
  const asking = lab.client.exec(['sh', '-c', script]);
  await task().finally(() => writeFile(stopFile, ''));
  const { stdout, stderr } = await asking;
  await rm(stopFile);
  return { answered: stdout.split('answered').length - 1, failed: stderr };
}

/** Runs a task, and returns the rights of the hook's account, which are read while it exists. */
async function grantsDuring(task: () => Promise<void>): Promise<readonly Grant[]> {
  const client = new KubeClient(await connect(lab.kubeconfig));
  let grants: readonly Grant[] = [];
  const done = new AbortController();
  const looking = (async () => {
    while (grants.length === 0 && !done.signal.aborted) {
      grants = await grantsOf(client, account).catch(() => []);
      // The hook's Pod takes seconds to start and end, and needs CPU time for that.
      await delay(50);
    }
  })();
  await task().finally(() => done.abort());
  await looking;
  client.close();
  return grants;
}

test('helm upgrade installs new CRDs and a pool that needs them, no connection fails, and helm uninstall keeps the CRDs', async () => {
  const begun = new Date().toISOString();
  await upgrade(oldChart);
  assert.equal(await knowsField(), false);
  await lab.apply(berth.backends);
  await lab.apply(berth.serviceManifest('one'));
  await lab.rolledOut('deployment/web');
  const vip = await berth.addressOf(lab, 'one');
  await eventually('an answer', () => berth.get(lab, vip));
  assert.equal(await metricsFromOutside(), undefined);

  let grants: readonly Grant[] = [];
  const there = await whileAsking(vip, async () => {
    grants = await grantsDuring(() => upgrade(chart, 'pools[0].reuseAfter=1s', 'metrics.onNodeNetwork=true'));
  });
  assert.equal(there.failed, '');
  assert.ok(there.answered > 50, `only ${there.answered} connections`);
  assert.equal(await knowsField(), true);
  const field = ['get', 'ipaddresspool', 'main', '-o', 'jsonpath={.spec.reuseAfter}'];
  assert.equal(await lab.kubectl(field), '1s');
  assert.equal(await berth.ingressOf(lab, 'one'), vip);
  assert.match((await metricsFromOutside()) ?? '', /^berth_speaker_rules_loaded 1$/m);
  await compare(grants, begun);
  // There is no hook if the cluster has the chart's CRDs already.
  const again = ['upgrade', 'berth', chart, '--namespace', namespace, '--reuse-values', '--dry-run=server'];
  assert.doesNotMatch(await lab.helm(again), /berth-crds/);

  const back = await whileAsking(vip, async () => {
    await lab.helm(['rollback', 'berth', '1', '--namespace', namespace]);
    await berth.rolledOut(lab);
  });
  assert.equal(back.failed, '');
  assert.equal(await knowsField(), true);
  assert.equal(await berth.ingressOf(lab, 'one'), vip);

  await lab.api.delete('services', 'one');
  await eventually('an empty ledger', async () => (await berth.ledgerOf(lab)).length === 0);
  await lab.helm(['uninstall', 'berth', '--namespace', namespace, '--wait']);
  assert.equal(await knowsField(), true);
  assert.equal(await lab.kubectl(['get', 'ipaddresspools', '-o', 'name']), '');
});

/** Checks that the hook has the rights in docs/security.md, has used all of them, and that no request was denied. */
async function compare(grants: readonly Grant[], since: string): Promise<void> {
  assert.deepEqual(grants.map(grantText).sort(), documented('crds'));
  const user = `system:serviceaccount:${namespace}:${account.name}`;
  const records = () =>
    readAudit(lab.stateDir).filter((one) => one.user.username === user && one.requestReceivedTimestamp >= since);
  await eventually('the hook has used all of its rights', () => {
    const uses = records().map(useOf);
    assert.deepEqual(grants.filter((grant) => !uses.some((use) => covers(grant, use))).map(grantText), []);
    return true;
  });
  const denied = records().filter(({ responseStatus }) => responseStatus?.code === 403);
  assert.deepEqual(denied, []);
}
