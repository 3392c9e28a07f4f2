/** The conversion of files: whatever form MetalLB's configuration has, it is converted, or the report names it. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { type Found, findInFiles } from '../../../../src/cli/migrate/find.ts';

const root = mkdtempSync(join(tmpdir(), 'berth-migrate-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

/** Converts a folder with these files. */
async function convert(files: Readonly<Record<string, string>>): Promise<Found['migration']> {
  const folder = join(root, String(folders++));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return (await findInFiles([folder])).migration;
}
const one = (text: string) => convert({ 'a.yaml': text });
/** What is not understood: the object or file without its folder, and the field. */
const unread = ({ rows }: Found['migration']) =>
  rows
    .filter(({ fate }) => fate === 'Unread')
    .map(({ object, field }) => `${object.replace(/^\S*\/\d+\//, '')}${field === '' ? '' : ` ${field}`}`);
const names = ({ pools }: Found['migration']) => pools.map(({ metadata }) => metadata.name);

const pool = (name: string, spec = 'addresses: [192.0.2.0/28]', namespace = 'metallb-system') =>
  `apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { ${spec} }\n`;
const advertisement = (name: string, spec = '') =>
  `apiVersion: metallb.io/v1beta1\nkind: L2Advertisement\nmetadata: { name: ${name}, namespace: metallb-system }\nspec: { ${spec} }\n`;
const documents = (...texts: readonly string[]) => texts.join('---\n');

test('values are those that kubectl reads: autoAssign: no keeps the expensive pool for those that ask for it', async () => {
  const made = await one(pool('a', 'addresses: [192.0.2.0/28], autoAssign: no, avoidBuggyIPs: on'));
  assert.deepEqual(made.pools[0]?.spec, { addresses: ['192.0.2.0/28'], autoAssign: false, avoidBuggyIPs: true });
});

for (const { desc, text, fields } of [
  {
    desc: 'a text instead of a boolean',
    text: pool('a', 'addresses: [192.0.2.0/28], autoAssign: "no"'),
    fields: ['spec.autoAssign'],
  },
  { desc: 'one address instead of a list', text: pool('a', 'addresses: 192.0.2.0/28'), fields: ['spec.addresses'] },
  {
    desc: 'a number instead of an address',
    text: pool('a', 'addresses: [192.0.2.0/28, 5]'),
    fields: ['spec.addresses[1]'],
  },
  {
    desc: 'a mapping instead of an address',
    text: pool('a', 'addresses: [{ cidr: 192.0.2.0/28 }]'),
    fields: ['spec.addresses[0]'],
  },
  {
    desc: 'a namespace instead of a list',
    text: pool('a', 'addresses: [192.0.2.0/28], serviceAllocation: { namespaces: a }'),
    fields: ['spec.serviceAllocation.namespaces'],
  },
  {
    desc: 'a text as the allocation',
    text: pool('a', 'addresses: [192.0.2.0/28], serviceAllocation: a'),
    fields: ['spec.serviceAllocation'],
  },
  {
    desc: 'a text as the priority',
    text: pool('a', 'addresses: [192.0.2.0/28], serviceAllocation: { priority: "1" }'),
    fields: ['spec.serviceAllocation.priority'],
  },
  {
    desc: 'a selector without matchLabels',
    text: pool('a', 'addresses: [192.0.2.0/28], serviceAllocation: { serviceSelectors: [{ app: a }] }'),
    fields: ['spec.serviceAllocation.serviceSelectors'],
  },
  { desc: 'a placeholder as the name', text: pool('"{{pool}}"'), fields: ['metadata.name'] },
  {
    desc: 'a boolean as a label',
    text: pool('a').replace('name: a,', 'name: a, labels: { lan: yes },'),
    fields: ['metadata.labels'],
  },
  { desc: 'a namespace that is a boolean', text: pool('a', undefined, 'y'), fields: ['metadata.namespace'] },
  {
    desc: 'the spec at the level of the kind',
    text: pool('a').replace('spec: { addresses: [192.0.2.0/28] }', 'spec:\naddresses: [192.0.2.0/28]'),
    fields: ['addresses'],
  },
  {
    desc: 'the spec is a text',
    text: pool('a')
      .replace('spec: {', 'spec: "')
      .replace(' }\n', ' }\n')
      .replace(/\]\s*\}\n$/, ']"\n'),
    fields: ['spec'],
  },
])
  test(`a pool that MetalLB would refuse is not carried over without its limit, and the report names the field: ${desc}`, async () => {
    const made = await one(documents(text, pool('good')));
    assert.deepEqual(names(made), ['good']);
    assert.deepEqual(
      unread(made).map((row) => row.replace(/^IPAddressPool \S+ /, '')),
      fields,
    );
  });

for (const { desc, spec, field } of [
  {
    desc: 'a selector without matchLabels',
    spec: 'nodeSelectors: [{ kubernetes.io/hostname: n1 }]',
    field: 'spec.nodeSelectors',
  },
  { desc: 'a selector that is no list', spec: 'nodeSelectors: { matchLabels: { a: b } }', field: 'spec.nodeSelectors' },
  {
    desc: 'an operator that does not exist',
    spec: 'nodeSelectors: [{ matchExpressions: [{ key: a, operator: Equals, values: [b] }] }]',
    field: 'spec.nodeSelectors',
  },
  {
    desc: 'a boolean as the value of a label',
    spec: 'nodeSelectors: [{ matchLabels: { lb: yes } }]',
    field: 'spec.nodeSelectors',
  },
  { desc: 'one link instead of a list', spec: 'interfaces: eth0', field: 'spec.interfaces' },
  { desc: 'one pool instead of a list', spec: 'ipAddressPools: a', field: 'spec.ipAddressPools' },
  { desc: 'a number as a pool', spec: 'ipAddressPools: [1]', field: 'spec.ipAddressPools' },
  {
    desc: 'selectors of pools that are labels',
    spec: 'ipAddressPoolSelectors: [{ a: b }]',
    field: 'spec.ipAddressPoolSelectors',
  },
])
  test(`an advertisement that cannot be read does not become one of all pools, nodes and links: ${desc}`, async () => {
    const made = await one(documents(pool('a'), advertisement('x', spec)));
    assert.deepEqual(made.advertisements, []);
    assert.deepEqual(unread(made), [`L2Advertisement metallb-system/x ${field}`]);
  });

test('an advertisement whose links have no valid names does not become one of all links, or of a pattern', async () => {
  const made = await one(documents(pool('a'), advertisement('x', 'interfaces: [a-name-that-no-link-has, "eth*"]')));
  assert.deepEqual(made.advertisements, []);
  assert.ok(made.rows.some(({ object, field, fate }) => fate === 'NotCarried' && field === '' && /\/x$/.test(object)));
});

test('a field of the allocation that is misspelt is in the report', async () => {
  const made = await one(pool('a', 'addresses: [192.0.2.0/28], serviceAllocation: { nameSpaces: [a] }'));
  assert.ok(
    made.rows.some(({ field, fate }) => fate === 'NotCarried' && field === 'spec.serviceAllocation.nameSpaces'),
  );
});

test('null is a field that is not set', async () => {
  const made = await one(pool('a', 'addresses: [192.0.2.0/28], autoAssign: null, serviceAllocation: ~'));
  assert.deepEqual(made.pools[0]?.spec, { addresses: ['192.0.2.0/28'] });
  assert.deepEqual(unread(made), []);
});

test('labels are copied, except those of Helm and Kubernetes; the report names those and the annotations', async () => {
  const labels = 'labels: { tier: "yes", app.kubernetes.io/name: metallb }, annotations: { owner: me }';
  const made = await one(
    documents(
      pool('a').replace('name: a,', `name: a, ${labels},`),
      advertisement('x').replace('name: x,', 'name: x, labels: { tier: web },'),
    ),
  );
  assert.deepEqual(
    [made.pools[0]?.metadata.labels, made.advertisements[0]?.metadata.labels],
    [{ tier: 'yes' }, { tier: 'web' }],
  );
  const told = made.rows
    .filter(({ field }) => field.startsWith('metadata'))
    .map(({ fate, field }) => `${fate} ${field}`);
  assert.deepEqual(told.sort(), [
    'Carried metadata.labels',
    'Carried metadata.labels',
    'NotCarried metadata.annotations',
    'NotNeeded metadata.labels',
  ]);
});

test('the ConfigMap of MetalLB until 0.12 becomes pools and advertisements', async () => {
  const config = `
    peers:
    - peer-address: 192.0.2.1
    address-pools:
    - name: lan
      protocol: layer2
      addresses: [192.0.2.0/28]
      auto-assign: false
      avoid-buggy-ips: true
    - name: far
      protocol: bgp
      addresses: [198.51.100.0/28]
    - name: odd
      protocol: Layer2
      addresses: [203.0.113.0/28]
    - addresses: [203.0.113.0/28]
`;
  const made = await one(
    documents(
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: config, namespace: metallb-system }\ndata:\n  config: |${config}`,
      advertisement('lan', 'ipAddressPools: [other]'),
    ),
  );
  assert.deepEqual(
    made.pools.map(({ metadata, spec }) => [metadata.name, spec]),
    [['lan', { addresses: ['192.0.2.0/28'], autoAssign: false, avoidBuggyIPs: true }]],
  );
  assert.deepEqual(
    made.advertisements.map(({ metadata, spec }) => [metadata.name, spec.ipAddressPools]),
    [
      ['lan', ['other']],
      ['lan-2', ['lan']],
    ],
  );
  assert.deepEqual(unread(made), [
    'ConfigMap metallb-system/config data[config].address-pools[3]',
    'AddressPool metallb-system/odd spec.protocol',
  ]);
  assert.ok(made.rows.some(({ field }) => field === 'data[config].peers'));
});

test('a ConfigMap whose configuration cannot be read is reported', async () => {
  const made = await one(
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\ndata:\n  config: |\n    address-pools:\n    - name: [\n',
  );
  assert.deepEqual(unread(made), ['ConfigMap c data[config]']);
});

const nested =
  'apiVersion: metallb.io/v1beta1\n    kind: IPAddressPool\n    metadata: { name: x }\n    spec: { addresses: [192.0.2.0/28] }\n';
for (const { desc, text, path } of [
  {
    desc: 'a template of OpenShift',
    text: `apiVersion: template.openshift.io/v1\nkind: Template\nmetadata: { name: t }\nobjects:\n  - ${nested}`,
    path: 'Template t objects[0]',
  },
  {
    desc: 'a policy of a fleet',
    text: `apiVersion: policy.open-cluster-management.io/v1\nkind: Policy\nmetadata: { name: t }\nspec:\n  policy-templates: [{ objectDefinition: { apiVersion: metallb.io/v1beta1, kind: IPAddressPool } }]\n`,
    path: 'Policy t spec.policy-templates[0].objectDefinition',
  },
  {
    desc: 'values of a HelmRelease',
    text: 'apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: { name: t }\nspec: { values: { configInline: { address-pools: [{ name: a }] } } }\n',
    path: 'HelmRelease t spec.values.configInline',
  },
  {
    desc: 'values as a text of an Application',
    text: 'apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: { name: t }\nspec: { source: { helm: { values: "configInline:\\n  address-pools:\\n  - name: a\\n" } } }\n',
    path: 'Application t spec.source.helm.values',
  },
  {
    desc: 'values of Helm',
    text: 'metallb:\n  configInline:\n    address-pools: [{ name: a }]\n',
    path: 'metallb.configInline',
  },
  {
    desc: 'objects as a text in a ConfigMap',
    text: 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: t }\ndata:\n  m.yaml: |\n    apiVersion: metallb.io/v1beta1\n    kind: IPAddressPool\n',
    path: 'ConfigMap t data.m.yaml',
  },
  {
    desc: 'a task of Ansible',
    text: `- name: pool\n  kubernetes.core.k8s:\n   definition:\n    ${nested}`,
    path: '[0].kubernetes.core.k8s.definition',
  },
  {
    desc: 'an object that has lost its indentation',
    text: 'apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata:\nname: x\nspec:\naddresses:\n- 192.0.2.0/28\n',
    path: '',
  },
  {
    desc: 'a kind that does not exist',
    text: pool('x').replace('IPAddressPool', 'IpAddressPool'),
    path: 'IpAddressPool metallb-system/x',
  },
  { desc: 'a template of a chart', text: `{{- range .Values.pools }}\n${pool('x')}{{- end }}\n`, path: '' },
])
  test(`configuration in a form that is not understood is named: ${desc}`, async () => {
    const made = await one(documents(text, pool('good')));
    assert.deepEqual(names(made), ['good']);
    const [row = '', ...rest] = unread(made);
    assert.deepEqual(rest, []);
    assert.ok(row.endsWith(path), row);
    assert.match(row, /^(a\.yaml|IpAddressPool)/);
  });

test("MetalLB's own manifests are no configuration of it, and other objects are counted", async () => {
  const program = (name: string) =>
    `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: ${name}, namespace: lb, labels: { app: metallb } }\n`;
  const crd =
    'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: { name: ipaddresspools.metallb.io }\nspec: { group: metallb.io }\n';
  const made = await one(documents(program('controller'), crd, 'null\n', 'a: b\n', pool('a', undefined, 'lb')));
  assert.deepEqual(unread(made), []);
  const rest = made.rows.find(({ object }) => object === 'Other objects');
  assert.match(rest?.as ?? '', /^CustomResourceDefinition \(1\), Deployment \(1\), documents without a kind \(1\):/);
});

test('one file that cannot be read hides none of the others', async () => {
  const folder = join(root, 'odd');
  mkdirSync(folder);
  const write = (name: string, content: string | Buffer) => writeFileSync(join(folder, name), content);
  write('a.yaml', pool('a'));
  write('b.yaml', 'kind: IPAddressPool: [\n');
  write('c.yaml', '{{ .Values }}: [\n');
  write('d.yaml', Buffer.from(pool('d'), 'utf16le'));
  write('e.yaml.j2', pool('e'));
  write('notes.txt', 'MetalLB is gone');
  write('f.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [null, {}] }));
  symlinkSync('nowhere.yaml', join(folder, 'g.yaml'));
  mkdirSync(join(folder, 'h.yaml'));
  mkdirSync(join(folder, '.git'));
  write('.git/x.yaml', pool('x'));
  write('z.YAML', `${pool('z')}spec: { addresses: [192.0.2.32/28] }\n`);
  write('README.md', pool('example'));
  chmodSync(join(folder, 'a.yaml'), 0o444);
  const { migration } = await findInFiles([folder]);
  assert.deepEqual(
    migration.pools.map(({ metadata, spec }) => [metadata.name, ...spec.addresses]),
    [['a', '192.0.2.0/28']],
  );
  assert.deepEqual(
    unread(migration).map((row) => row.replace(`${folder}/`, '')),
    ['b.yaml', 'd.yaml', 'e.yaml.j2', 'g.yaml', 'z.YAML'],
  );
  assert.ok(migration.rows.some(({ as }) => /does not mention MetalLB/.test(as)));
  assert.ok(migration.rows.some(({ as }) => /^a key occurs twice: line 5/.test(as)));
});

test('files without configuration of MetalLB are an error', async () => {
  await assert.rejects(
    one('apiVersion: v1\nkind: Namespace\nmetadata: { name: metallb-system }\n'),
    /no configuration of MetalLB in/,
  );
  await assert.rejects(convert({ 'a.txt': 'x' }), /no manifest in/);
  await assert.rejects(findInFiles([join(root, 'nowhere')]), /cannot be read/);
});

test('of the objects of several namespaces those count that MetalLB reads', async () => {
  const both = documents(pool('a', 'addresses: [192.0.2.0/28]'), pool('a', 'addresses: [198.51.100.0/28]', 'other'));
  const usual = await one(both);
  assert.deepEqual(
    usual.pools.map(({ spec }) => spec.addresses),
    [['192.0.2.0/28']],
  );
  assert.ok(
    usual.rows.some(
      ({ object, as }) =>
        object === 'IPAddressPool other/a' && /reads objects of its own namespace only \(metallb-system\)/.test(as),
    ),
  );
  const speaker =
    'apiVersion: apps/v1\nkind: DaemonSet\nmetadata: { name: speaker, namespace: other }\nspec: { template: { spec: { containers: [{ image: "quay.io/metallb/speaker:v0.16.1" }] } } }\n';
  assert.deepEqual(
    (await one(documents(both, speaker))).pools.map(({ spec }) => spec.addresses),
    [['198.51.100.0/28']],
  );
  const unclear = await one(documents(pool('a', undefined, 'x'), pool('a', undefined, 'z'), pool('b', undefined, 'z')));
  assert.deepEqual(names(unclear), ['b']);
  assert.deepEqual(unread(unclear), ['IPAddressPool x/a', 'IPAddressPool z/a']);
});

test('an AddressPool with the name of an IPAddressPool is not a second pool of this name', async () => {
  const old = pool('a', 'addresses: [198.51.100.0/28], protocol: layer2').replace('IPAddressPool', 'AddressPool');
  const made = await one(documents(old, pool('a')));
  assert.deepEqual(
    made.pools.map(({ spec }) => spec.addresses),
    [['192.0.2.0/28']],
  );
  assert.ok(made.rows.some(({ object, fate }) => object === 'AddressPool metallb-system/a' && fate === 'NotCarried'));
});

test('Services in files that may share an address over namespaces get a key that names these', async () => {
  const service = (namespace: string, annotations: string) =>
    `apiVersion: v1\nkind: Service\nmetadata: { name: s, namespace: ${namespace}, annotations: { ${annotations} } }\nspec: { type: LoadBalancer }\n`;
  const key = 'metallb.universe.tf/allow-shared-ip';
  const made = await one(
    documents(
      pool('p'),
      service('a', `${key}: k, metallb.io/loadBalancerIPs: 192.0.2.1`),
      service('b', `${key}: "k ", metallb.io/loadBalancerIPs: " 192.0.2.1"`),
      service('c', `${key}: k, metallb.io/loadBalancerIPs: 192.0.2.2`),
      service('d', `${key}: m`),
      service('e', `${key}: m`),
      service('f', `${key}: 1`),
    ),
  );
  assert.deepEqual(
    made.services.map(({ annotations }) => annotations['berth.dev/allow-shared-ip']),
    ['a,b/k', 'a,b/k', undefined, 'd,e/m', 'd,e/m', undefined],
  );
  assert.deepEqual(unread(made), [`Service f/s metadata.annotations[${key}]`]);
});

test('the settings of the operator and the objects of FRR are in the report', async () => {
  const made = await one(
    documents(
      pool('a'),
      'apiVersion: metallb.io/v1beta1\nkind: MetalLB\nmetadata: { name: metallb, namespace: metallb-system }\nspec: { loadBalancerClass: x }\n',
      'apiVersion: frrk8s.metallb.io/v1beta1\nkind: FRRConfiguration\nmetadata: { name: f, namespace: metallb-system }\nspec: { bgp: {} }\n',
    ),
  );
  assert.deepEqual(unread(made), []);
  for (const object of ['MetalLB metallb-system/metallb', 'FRRConfiguration metallb-system/f'])
    assert.equal(made.rows.filter((row) => row.object === object && row.fate === 'NotCarried').length, 2, object);
});

test('links on which MetalLB does not announce are named as a loss, except those that Berth never uses', async () => {
  const excluding = (list: string, name = 'metallb-excludel2') =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, namespace: metallb-system }\ndata:\n  excludel2.yaml: |\n    announcedInterfacesToExclude: ${list}\n`;
  const rowsOf = async (list: string) => {
    const { rows } = await one(documents(pool('a'), advertisement('a'), excluding(list)));
    return rows
      .filter(({ object }) => object.startsWith('ConfigMap'))
      .map(({ fate, as }) => `${fate} ${as.split(':')[0]}`);
  };
  assert.deepEqual(await rowsOf('["^docker.*", "^lo$", "^cali.*", "^kube-ipvs.*"]'), [
    'NotNeeded Berth does not use links of container runtimes and network plugins',
  ]);
  assert.deepEqual(await rowsOf('["^lo$", "^eth1$", ".*mgmt"]'), ['NotCarried "^eth1$"', 'NotCarried ".*mgmt"']);
  assert.deepEqual(await rowsOf('eth1'), ['Unread "eth1" is not a list of texts']);
  await assert.rejects(one(excluding('["^lo$"]')), /no configuration of MetalLB in/);
});
