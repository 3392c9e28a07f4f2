/** The chart as Helm and the API server take it: with many values, and over an older version. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse, parseAllDocuments, stringify } from 'yaml';
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
const crds = join(root, 'crds');

/** Kinds of programs that the cluster does not have. */
const foreign = 'monitoring.coreos.com/v1';

interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: object;
}

before(async () => {
  enterNetworkOf(lab.controlPlane);
  await lab.helm(['uninstall', 'berth', '--namespace', namespace, '--wait', '--ignore-not-found']);
  // Whoever led then could not give it back any more.
  await lab.kubectl(['delete', 'lease', '--all', '--namespace', namespace, '--ignore-not-found']);
});
after(async () => {
  // Whatever has become of the test, others get the CRDs of this work tree.
  await lab.kubectl(['apply', '--server-side', '--force-conflicts', '--filename', crds]);
  await berth.installBerth(lab);
  await berth.cleanUp(lab);
  await rm(oldChart, { recursive: true, force: true });
});

async function rendered(file: string): Promise<readonly Resource[]> {
  const text = await lab.helm(['template', 'trial', chart, '--namespace', namespace, '--values', file]);
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Resource | null)
    .filter((object) => object !== null);
}

test('helm lint has nothing to say, and the API server takes what comes of many values', async () => {
  await lab.helm(['lint', '--strict', chart]);
  const files = globSync(join(root, 'test/fixtures/values/*.yaml')).sort();
  assert.ok(files.length >= 4);
  const optional = new Set<string>();
  for (const file of files) {
    const objects = await rendered(file);
    const ours = objects.filter(({ apiVersion }) => apiVersion !== foreign);
    for (const { kind } of objects.filter(({ apiVersion }) => apiVersion === foreign)) optional.add(kind);
    const input = ours.map((object) => JSON.stringify(object)).join('\n---\n');
    await lab.kubectl(['create', '--dry-run=server', '--validate=strict', '--filename', '-'], { input });
  }
  assert.deepEqual([...optional].sort(), ['PodMonitor', 'PrometheusRule', 'ServiceMonitor']);
});

test('labels and annotations for all objects are on all objects, and on all Pods', async () => {
  const objects = await rendered(join(root, 'test/fixtures/values/large.yaml'));
  assert.ok(objects.length > 20);
  for (const object of objects) {
    const { kind, metadata } = object;
    assert.equal(metadata.labels?.team, 'network', `${kind} ${metadata.name}`);
    assert.match(JSON.stringify(metadata), /"example\.com\/owner":"network"/, `${kind} ${metadata.name}`);
    const { template } = (object.spec ?? {}) as { readonly template?: Resource };
    if (template) assert.equal(template.metadata.labels?.team, 'network', `Pods of ${kind} ${metadata.name}`);
  }
});

test('the values of docs/install.md are values of the chart', async () => {
  const text = readFileSync(join(root, 'docs/install.md'), 'utf8');
  const blocks = [...text.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, block = '']) => block);
  assert.ok(blocks.length >= 8);
  const file = join(lab.stateDir, 'values-of-docs.yaml');
  const pools: Resource[] = [];
  for (const block of blocks) {
    await writeFile(file, block);
    const objects = await rendered(file);
    assert.ok(objects.length > 10, block);
    pools.push(...objects.filter(({ apiVersion }) => apiVersion.startsWith('berth.dev/')));
  }
  await rm(file);
  const input = pools.map((object) => JSON.stringify(object)).join('\n---\n');
  await lab.kubectl(['create', '--dry-run=server', '--filename', '-'], { input });
});

test('values of an older chart are refused by a word that says what to do', async () => {
  for (const name of ['metrics', 'crds']) {
    const args = ['template', 'trial', chart, '--skip-schema-validation', '--set', `${name}=null`];
    await assert.rejects(lab.helm(args), new RegExp(`the value ${name} is missing: .* --reset-then-reuse-values`));
  }
});

/** What of a Pod's template docs/security.md speaks about. */
interface PodSpec {
  readonly automountServiceAccountToken?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly securityContext?: { readonly seccompProfile?: { readonly type: string } };
  readonly volumes?: readonly object[];
  readonly containers: readonly {
    readonly securityContext?: {
      readonly privileged?: boolean;
      readonly allowPrivilegeEscalation?: boolean;
      readonly readOnlyRootFilesystem?: boolean;
      readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
    };
  }[];
}

test('no Pod of the chart has more rights at its node than docs/security.md says', async () => {
  const sets: readonly (readonly [string, readonly string[]])[] = [
    ['minimal', ['NET_RAW', 'NET_ADMIN']],
    ['beside-another', ['NET_RAW']],
  ];
  for (const [name, capabilities] of sets) {
    const objects = await rendered(join(root, `test/fixtures/values/${name}.yaml`));
    for (const { kind, metadata, ...rest } of objects) {
      if (kind === 'ServiceAccount')
        assert.match(JSON.stringify(rest), /"automountServiceAccountToken":false/, metadata.name);
      const pod = (rest.spec as { readonly template?: { readonly spec: PodSpec } } | undefined)?.template?.spec;
      if (pod === undefined) continue;
      assert.equal(pod.automountServiceAccountToken, true, metadata.name);
      assert.equal(pod.securityContext?.seccompProfile?.type, 'RuntimeDefault', metadata.name);
      assert.ok(!pod.hostPID && !pod.hostIPC, metadata.name);
      assert.doesNotMatch(JSON.stringify(pod.volumes ?? []), /hostPath/, metadata.name);
      for (const { securityContext: rights } of pod.containers) {
        assert.ok(rights?.readOnlyRootFilesystem && rights.allowPrivilegeEscalation === false && !rights.privileged);
        assert.deepEqual(rights.capabilities?.drop, ['ALL'], metadata.name);
        assert.deepEqual(rights.capabilities.add ?? [], kind === 'DaemonSet' ? capabilities : [], metadata.name);
      }
    }
  }
});

/** What the API server says to Pods of a workload in a namespace of a Pod Security level; undefined when it takes them. */
async function refusalOf(workload: Resource, level: string): Promise<string | undefined> {
  const { template } = workload.spec as { readonly template: Resource };
  const pod = { ...template, apiVersion: 'v1', kind: 'Pod', metadata: { name: 'trial', namespace: level } };
  // The service account is not there, and the Pod is never made: what it may do on the node is all that is asked.
  const spec = { ...(template.spec as object), serviceAccountName: 'default' };
  const create = ['create', '--dry-run=server', '--filename', '-'];
  const refused = (error: Error) => error.message;
  return lab.kubectl(create, { input: JSON.stringify({ ...pod, spec }) }).then(() => undefined, refused);
}

test('E7 of all Pods, only the speaker needs more than Pod Security level "restricted", and for what docs/security.md says', async () => {
  const levels = ['baseline', 'restricted'];
  const objects = await rendered(join(root, 'test/fixtures/values/minimal.yaml'));
  try {
    for (const level of levels) {
      await lab.kubectl(['create', 'namespace', level]);
      await lab.kubectl(['label', 'namespace', level, `pod-security.kubernetes.io/enforce=${level}`]);
    }
    const ofKind = (kind: string) => objects.find((object) => object.kind === kind) ?? assert.fail(kind);
    for (const kind of ['Deployment', 'Job'])
      assert.equal(await refusalOf(ofKind(kind), 'restricted'), undefined, kind);
    const speaker = (await refusalOf(ofKind('DaemonSet'), 'baseline')) ?? assert.fail('the speaker is taken');
    assert.match(speaker, /host namespaces \(hostNetwork=true\)/);
    assert.match(speaker, /non-default capabilities .*"NET_ADMIN", "NET_RAW"/);
    const faults = speaker.replace(/^.*violates PodSecurity "baseline:latest": /s, '').split('), ');
    assert.match(speaker, /probe or lifecycle host/);
    assert.equal(faults.length, 3, speaker);
  } finally {
    await lab.kubectl(['delete', 'namespace', ...levels, '--ignore-not-found', '--wait=false']);
  }
});

/** A version of the chart from before a field of pools, and from before the hook that replaces CRDs. */
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
  await lab.kubectl(['replace', '--filename', join(oldChart, 'crds')]);
}

async function knowsField(): Promise<boolean> {
  const field = 'jsonpath={.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.reuseAfter.type}';
  return (await lab.kubectl(['get', 'crd', 'ipaddresspools.berth.dev', '-o', field])) === 'string';
}

/** What the speaker of the first node tells a host of the network that asks it for its metrics; undefined when it does not answer. */
async function metricsFromOutside(): Promise<string | undefined> {
  const where = ['get', 'node', lab.nodes[0]?.name ?? '', '-o', 'jsonpath={.status.addresses[0].address}'];
  const url = `http://${await lab.kubectl(where)}:7933/metrics`;
  const { code, stdout } = await lab.client.exec(['curl', '-sS', '--fail', '--max-time', '2', url]);
  return code === 0 ? stdout : undefined;
}

/** Installs or upgrades, with a pool in the values. */
async function upgrade(from: string, ...more: readonly string[]): Promise<void> {
  const image = 'image.repository=localhost/berth,image.tag=lab,image.pullPolicy=Never';
  const pool = `pools[0].name=main,pools[0].addresses[0]=${lab.subnet.vips}`;
  const sets = [image, pool, ...more].flatMap((set) => ['--set', set]);
  await lab.helm(['upgrade', '--install', 'berth', from, '--namespace', namespace, '--create-namespace', ...sets]);
}

test('helm upgrade brings new CRDs, with a pool that needs them in the same values, and helm uninstall keeps them', async () => {
  const begun = new Date().toISOString();
  await makeOldChart();
  await upgrade(oldChart);
  await berth.rolledOut(lab);
  assert.equal(await knowsField(), false);
  await lab.apply(berth.backends);
  await lab.apply(berth.serviceManifest('one'));
  const vip = await berth.addressOf(lab, 'one');

  const client = new KubeClient(await connect(lab.kubeconfig));
  const account = { namespace, name: 'berth-crds' };
  let grants: readonly Grant[] = [];
  const done = new AbortController();
  const looking = (async () => {
    while (grants.length === 0 && !done.signal.aborted) grants = await grantsOf(client, account).catch(() => []);
  })();
  assert.equal(await metricsFromOutside(), undefined);
  await upgrade(chart, 'pools[0].reuseAfter=1s', 'metrics.onNodeNetwork=true').finally(() => done.abort());
  await looking;
  client.close();
  assert.equal(await knowsField(), true);
  const field = ['get', 'ipaddresspool', 'main', '-o', 'jsonpath={.spec.reuseAfter}'];
  assert.equal(await lab.kubectl(field), '1s');
  await berth.rolledOut(lab);
  assert.equal(await berth.ingressOf(lab, 'one'), vip);
  await eventually('an answer', () => berth.curl(lab, vip));
  assert.match((await metricsFromOutside()) ?? '', /^berth_speaker_rules_loaded 1$/m);

  assert.deepEqual(grants.map(grantText).sort(), documented('crds'));
  const user = `system:serviceaccount:${namespace}:${account.name}`;
  const records = () =>
    readAudit(lab.stateDir).filter((one) => one.user.username === user && one.requestReceivedTimestamp >= begun);
  await eventually('the hook made use of all of its rights', () => {
    const uses = records().map(useOf);
    assert.deepEqual(grants.filter((grant) => !uses.some((use) => covers(grant, use))).map(grantText), []);
    return grants.length > 0;
  });
  assert.deepEqual(
    records().filter(({ responseStatus }) => responseStatus?.code === 403),
    [],
  );
  // Nothing is to be done when the CRDs are the chart's already.
  const again = await lab.helm([
    'upgrade',
    'berth',
    chart,
    '--namespace',
    namespace,
    '--reuse-values',
    '--dry-run=server',
  ]);
  assert.doesNotMatch(again, /berth-crds/);

  await lab.kubectl(['delete', 'service', 'one']);
  await lab.kubectl(['delete', 'deployment', 'web']);
  await eventually('an empty ledger', async () => (await berth.ledgerOf(lab)).length === 0);
  await lab.helm(['uninstall', 'berth', '--namespace', namespace, '--wait']);
  assert.equal(await knowsField(), true);
  assert.equal(await lab.kubectl(['get', 'ipaddresspools', '-o', 'name']), '');
});
