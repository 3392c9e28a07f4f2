/** Helm renders the chart with many sets of values, and the API server checks the objects. Nothing is installed. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { promisify } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';
import { requiredValues, type ValueRow, valueRows } from '../../scripts/generated.ts';
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
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
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

/** The faults that the API server would find in the name, the namespace, the labels and the annotations of an object that Helm has rendered. */
function faultsOf({ kind, metadata }: Resource): readonly string[] {
  const { name, namespace: place = '', labels = {}, annotations = {} } = metadata;
  const texts = Object.entries({ ...labels, ...annotations, name, namespace: place });
  const wrong = texts.filter(([, value]) => typeof value !== 'string');
  // The name of a Service is a DNS label (RFC 1035). Other kinds allow longer names than the chart ever makes.
  const isName = kind !== 'Service' || /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name);
  return [
    ...wrong.map(([key, value]) => `${kind} ${name}: ${key} is not a string: ${value}`),
    ...(isName ? [] : [`${kind} ${name}: ${name.length} characters, 63 at most, beginning with a letter`]),
  ];
}

const largeValues = join(root, 'test/fixtures/values/large.yaml');

test('a release may have any name that Helm allows', async () => {
  const allowed = ['r'.repeat(53), `1${'r'.repeat(52)}`, 'a.b', ...['12345', '1e3', '0x10', 'true', 'null', 'y', 'on']];
  for (const name of allowed) {
    const objects = await rendered(largeValues, name);
    assert.deepEqual(objects.flatMap(faultsOf), []);
    await lab.api.tryToCreate(JSON.stringify({ items: objects.filter(({ apiVersion }) => apiVersion !== foreign) }));
  }
});

test('two releases with long names have different names for all objects', async () => {
  const [one, other] = await Promise.all(['a', 'b'].map((last) => rendered(largeValues, 'r'.repeat(52) + last)));
  const named = (objects: readonly Resource[] = []) => objects.map(({ kind, metadata: { name } }) => `${kind} ${name}`);
  const both = new Set(named(one)).intersection(new Set(named(other)));
  assert.deepEqual(
    [...both].filter((name) => !/^(IPAddressPool|L2Advertisement) /.test(name)),
    [],
  );
});

/** The values of large.yaml with one of them replaced. `undefined` leaves it out, so that the default applies. */
function valuesWith(path: string, replacement: unknown): object {
  const values = parse(readFileSync(largeValues, 'utf8')) as object;
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let place = values as Record<string, unknown>;
  for (const key of keys) {
    place[key] ??= {};
    place = place[key] as Record<string, unknown>;
  }
  place[last] = replacement;
  return values;
}

/** Renders the chart with one value replaced, and returns the objects, or Helm's error. */
async function renderedWith(path: string, replacement: unknown): Promise<readonly Resource[] | string> {
  const file = join(lab.stateDir, 'odd-values.json');
  await writeFile(file, JSON.stringify(valuesWith(path, replacement)));
  return rendered(file).catch((error: Error) => error.message);
}

/** The value that is empty. Helm adds the default keys to a map, so each of these is null. */
function emptied({ type, byDefault }: ValueRow): unknown {
  if (type !== 'map') return type === 'list' ? [] : '';
  const keys = Object.keys(byDefault as object);
  return keys.length === 0 ? undefined : Object.fromEntries(keys.map((key) => [key, null]));
}

test('null in place of a value means that it is empty, or is refused by an error that names the value', async () => {
  const required = new Set(requiredValues());
  const values = valueRows().filter(({ path, byDefault }) => byDefault !== undefined && !path.includes('[]'));
  assert.ok(values.length > 50);
  for (const row of values) {
    const { path } = row;
    const result = await renderedWith(path, null);
    if (required.has(path)) assert.match(String(result), new RegExp(`: the value ${path} is missing: `));
    else assert.deepEqual(result, await renderedWith(path, emptied(row)), path);
  }
});

test('a value of another type is refused by an error that names it', async () => {
  for (const { path, type, byDefault } of valueRows()) {
    if (byDefault === undefined) continue;
    const result = await renderedWith(path, type === 'list' ? { a: 'b' } : [1]);
    assert.match(String(result), new RegExp(`at '/${path.replaceAll('.', '/')}'`), path);
  }
});

test('null in place of a field of a pool is refused by an error that names it', async () => {
  const fields = valueRows().flatMap(({ path }) => /^pools\[\]\.(\w+)$/.exec(path)?.[1] ?? []);
  assert.ok(fields.length > 10);
  for (const field of fields) {
    const result = await renderedWith('pools', [{ name: 'p', addresses: ['192.0.2.1'], [field]: null }]);
    assert.match(String(result), new RegExp(`at '/pools/0/${field}'`), field);
  }
});

test('a number is passed to the programs digit by digit', async () => {
  const large = await renderedWith('speaker.nftables.synLimit', 1_000_000);
  assert.match(JSON.stringify(large), /"--syn-limit=1000000"/);
});

test("the chart's own labels have precedence over labels in the values, and no label is there twice", async () => {
  for (const value of ['commonLabels', 'speaker.podLabels', 'controller.podLabels', 'metrics.podMonitor.labels']) {
    const objects = await renderedWith(value, { 'app.kubernetes.io/instance': 'other', 'example.com/a': 'b' });
    assert.ok(typeof objects !== 'string', `${value}: ${objects}`);
    assert.doesNotMatch(JSON.stringify(objects), /"other"/, value);
    assert.match(JSON.stringify(objects), /"example\.com\/a":"b"/, value);
  }
});

test('the commands of the notes can be pasted into a shell', async () => {
  const args = ['install', 'trial', chart, '--namespace', namespace, '--dry-run=client'];
  const [, notes = ''] = (await lab.helm(args)).split('\nNOTES:\n');
  const [script = ''] = notes.match(/^ *kubectl apply .*?YAML\n.*?^ *YAML$/ms) ?? [];
  const pasted = await promisify(execFile)('bash', ['-c', `kubectl() { cat; }\n${script}\necho '# end'`]);
  assert.match(pasted.stdout, /\n# end\n$/, 'the here-document ends');
  const [pool, advertisement] = parseAllDocuments(pasted.stdout.replace('FIRST-LAST', '192.0.2.1-192.0.2.9'));
  await lab.api.tryToCreate(JSON.stringify({ items: [pool?.toJS(), advertisement?.toJS()] }));
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
