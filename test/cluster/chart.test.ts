/** Helm renders the chart with many sets of values, and the API server checks the objects. Nothing is installed. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { promise } from '../honesty/promise.ts';
import * as berth from './berth.ts';

const lab = berth.sharedLab();
const { namespace } = berth;
const root = new URL('../..', import.meta.url).pathname;
const chart = join(root, 'charts/berth');

/** The API version of kinds that the cluster does not have. */
const foreign = 'monitoring.coreos.com/v1';

interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: object;
}

before(async () => {
  // A dry run needs the kinds and the namespace.
  await lab.kubectl(['apply', '--server-side', '--force-conflicts', '--filename', join(root, 'crds')]);
  await lab.kubectl(['apply', '--filename', '-'], {
    input: `{apiVersion: v1, kind: Namespace, metadata: {name: ${namespace}}}`,
  });
});

async function rendered(file: string, release = 'trial'): Promise<readonly Resource[]> {
  const text = await lab.helm(['template', release, chart, '--namespace', namespace, '--values', file]);
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Resource | null)
    .filter((object) => object !== null);
}

test('helm lint finds no fault, and the API server accepts the objects of every set of values', async () => {
  await lab.helm(['lint', '--strict', chart]);
  const files = globSync(join(root, 'test/fixtures/values/*.yaml')).sort();
  assert.ok(files.length >= 4);
  const optional = new Set<string>();
  for (const file of files) {
    const objects = await rendered(file);
    const ours = objects.filter(({ apiVersion }) => apiVersion !== foreign);
    for (const { kind } of objects.filter(({ apiVersion }) => apiVersion === foreign)) optional.add(kind);
    await lab.api.tryToCreate(JSON.stringify({ items: ours }));
  }
  assert.deepEqual([...optional].sort(), ['PodMonitor', 'PrometheusRule', 'ServiceMonitor']);
});

test('common labels and annotations are on all objects, and common labels are on all Pods', async () => {
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

test('the chart accepts all values in docs/install.md', async () => {
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
  await lab.api.tryToCreate(JSON.stringify({ items: pools }));
});

test('values of an older chart are refused, and the error says what to do', async () => {
  for (const name of ['metrics', 'crds']) {
    const args = ['template', 'trial', chart, '--skip-schema-validation', '--set', `${name}=null`];
    await assert.rejects(lab.helm(args), new RegExp(`the value ${name} is missing: .* --reset-then-reuse-values`));
  }
});

test('a value with its former name is refused, and the error gives the new name', async () => {
  const args = ['template', 'trial', chart, '--set', 'speaker.nodeLayer.enabled=false'];
  await assert.rejects(lab.helm(args), /the value speaker\.nodeLayer has a new name: speaker\.nftables/);
});

/** The faults that the API server would find in the name and the labels of an object that Helm has rendered. */
function faultsOf({ kind, metadata: { name, labels = {} } }: Resource): readonly string[] {
  const numbers = Object.entries(labels).filter(([, value]) => typeof value !== 'string');
  // The name of a Service is a DNS label (RFC 1035). Other kinds allow longer names than the chart ever makes.
  const isName = kind !== 'Service' || /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name);
  return [
    ...numbers.map(([key, value]) => `${kind} ${name}: label ${key} is not a string: ${value}`),
    ...(isName ? [] : [`${kind} ${name}: ${name.length} characters, 63 at most, beginning with a letter`]),
  ];
}

const largeValues = join(root, 'test/fixtures/values/large.yaml');

promise('a release may have the longest name that Helm allows', async () => {
  const objects = await rendered(largeValues, 'r'.repeat(53));
  assert.deepEqual(objects.flatMap(faultsOf), []);
});

promise('a release may have a name that YAML reads as a number, a boolean or null', async () => {
  for (const name of ['12345', '1e3', '0x10', 'true', 'null']) {
    const objects = await rendered(largeValues, name);
    assert.deepEqual(objects.flatMap(faultsOf), []);
  }
});

/** The names of all maps in the values, as Helm writes them. */
function mapsOf(values: object, at = ''): readonly string[] {
  const maps = Object.entries(values).filter(
    ([, value]) => typeof value === 'object' && !Array.isArray(value) && value,
  );
  return maps.flatMap(([key, value]) => [`${at}${key}`, ...mapsOf(value as object, `${at}${key}.`)]);
}

/** Helm's error for a null in place of a map, which people write to have no entries. Undefined if Helm renders the chart. */
function refusalOfNull(map: string): Promise<string | undefined> {
  const args = ['template', 'trial', chart, '--namespace', namespace, '--set', `${map}=null`];
  return lab.helm(args).then(
    () => undefined,
    (error: Error) => error.message,
  );
}

promise('the value commonAnnotations may be null', async () => {
  assert.equal(await refusalOfNull('commonAnnotations'), undefined);
});

promise('a map in the values that is null counts as empty, or is refused by an error that names it', async () => {
  const values = parseAllDocuments(readFileSync(join(chart, 'values.yaml'), 'utf8'))[0]?.toJS() as object;
  for (const map of mapsOf(values).filter((name) => name !== 'commonAnnotations')) {
    const refusal = await refusalOfNull(map);
    const isSaid =
      refusal === undefined ||
      new RegExp(`the value ${map} is missing|at '/${map.replaceAll('.', '/')}'`).test(refusal);
    assert.ok(isSaid, `${map}: ${refusal}`);
  }
});

/** The fields of a Pod template that docs/security.md describes. */
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

test('no Pod of the chart has more rights on its node than docs/security.md says', async () => {
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

/** The API server's error for a Pod of a workload in a namespace with a Pod Security level. Undefined if it accepts the Pod. */
async function refusalOf(workload: Resource, level: string): Promise<string | undefined> {
  const { template } = workload.spec as { readonly template: Resource };
  const pod = { ...template, apiVersion: 'v1', kind: 'Pod', metadata: { name: 'trial', namespace: level } };
  // The namespace does not have the Pod's service account. Only the Pod's rights on the node matter in this dry run.
  const spec = { ...(template.spec as object), serviceAccountName: 'default' };
  const refused = (error: Error) => error.message;
  return lab.api.tryToCreate(JSON.stringify({ ...pod, spec })).then(() => undefined, refused);
}

test('only the speaker needs more than the Pod Security level "restricted", for the reasons in docs/security.md', async () => {
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
    const speaker = (await refusalOf(ofKind('DaemonSet'), 'baseline')) ?? assert.fail('the speaker was accepted');
    assert.match(speaker, /host namespaces \(hostNetwork=true\)/);
    assert.match(speaker, /non-default capabilities .*"NET_ADMIN", "NET_RAW"/);
    const faults = speaker.replace(/^.*violates PodSecurity "baseline:latest": /s, '').split('), ');
    assert.match(speaker, /probe or lifecycle host/);
    assert.equal(faults.length, 3, speaker);
  } finally {
    await lab.kubectl(['delete', 'namespace', ...levels, '--ignore-not-found', '--wait=false']);
  }
});
