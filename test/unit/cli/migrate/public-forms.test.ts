/**
 * The forms in which people publish their configuration of MetalLB, each as a small reproduction of its own. None of them is lost in
 * silence: every value of an object is in the result or in the report, and everything else is named.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { findInFiles } from '../../../../src/cli/migrate/find.ts';

const root = mkdtempSync(join(tmpdir(), 'berth-forms-'));
after(() => rmSync(root, { recursive: true, force: true }));

interface Form {
  readonly desc: string;
  readonly text: string;
  readonly file?: string;
  /** The names of the pools that are carried over. */
  readonly pools?: readonly string[];
  /** The number of advertisements. */
  readonly ads?: number;
  /** How many rows say that something was not understood. */
  readonly unread?: number;
}

const head = (kind: string, name: string, more = '') =>
  `apiVersion: metallb.io/v1beta1\nkind: ${kind}\nmetadata:\n  name: ${name}\n  namespace: metallb-system\n${more}`;
const pool = (name: string, ...addresses: readonly string[]) =>
  `${head('IPAddressPool', name)}spec:\n  addresses:\n${addresses.map((one) => `    - ${one}\n`).join('')}`;
const adv = (name: string, spec = '') => `${head('L2Advertisement', name)}${spec === '' ? '' : `spec:\n${spec}`}`;
const lan = pool('lan', '192.0.2.10-192.0.2.20');
const all = adv('all');
const config = (body: string, name = 'config') =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  namespace: metallb-system\n  name: ${name}\ndata:\n  config: |\n${body.replaceAll(/^/gm, '    ').trimEnd()}\n`;
const layer2 = 'address-pools:\n- name: default\n  protocol: layer2\n  addresses:\n  - 192.0.2.10-192.0.2.20\n';
const shell = (text: string) => `#!/bin/sh\nkubectl apply -f - <<EOF\n${text}EOF\n`;
const indented = (text: string, by: number) => text.replaceAll(/^(?=.)/gm, ' '.repeat(by));

const forms: readonly Form[] = [
  { desc: 'the two objects of every guide', text: `${lan}---\n${all}`, pools: ['lan'], ads: 1 },
  { desc: 'a separator at the beginning and at the end', text: `---\n${lan}---\n${all}---\n`, pools: ['lan'], ads: 1 },
  { desc: 'an advertisement with an empty spec', text: `${lan}---\n${all}spec: {}\n`, pools: ['lan'], ads: 1 },
  {
    desc: 'an advertisement that names its pool',
    text: `${lan}---\n${adv('a', '  ipAddressPools:\n  - lan\n')}`,
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'comments beside the addresses',
    text: `${pool('lan', '192.0.2.10-192.0.2.20 # change me')}---\n${all}`,
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'flow style',
    text: `{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {name: lan}, spec: {addresses: ["192.0.2.10-192.0.2.20"]}}\n---\n${all}`,
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'spaces around the dash of a range',
    text: `${pool('lan', '192.0.2.10 - 192.0.2.20')}---\n${all}`,
    pools: ['lan'],
    ads: 1,
  },
  { desc: 'a single address as a /32', text: `${pool('lan', '192.0.2.10/32')}---\n${all}`, pools: ['lan'], ads: 1 },
  {
    desc: 'a single address without a length',
    text: `${pool('lan', '192.0.2.10')}---\n${all}`,
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'both families',
    text: `${pool('lan', '192.0.2.0/28', '"2001:db8::/120"', '2001:db8:1::1-2001:db8:1::f')}---\n${all}`,
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'autoAssign and avoidBuggyIPs',
    text: `${lan}  autoAssign: no\n  avoidBuggyIPs: yes\n---\n${all}`,
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'a pool for some namespaces and Services',
    text: `${lan}  serviceAllocation:\n    priority: 50\n    namespaces: [a]\n    serviceSelectors:\n      - matchExpressions: [{key: app, operator: In, values: [b]}]\n---\n${all}`,
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'a selector for nodes',
    text: `${lan}---\n${adv('a', '  nodeSelectors:\n  - matchLabels:\n      kubernetes.io/hostname: n1\n')}`,
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'a selector for nodes with an unquoted boolean',
    text: `${lan}---\n${adv('a', '  nodeSelectors:\n  - matchLabels:\n      edge: true\n')}`,
    pools: ['lan'],
    unread: 1,
  },
  {
    desc: 'names of links',
    text: `${lan}---\n${adv('a', '  interfaces:\n  - eth0\n  - bond0.100\n')}`,
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'several pools for one advertisement',
    text: `${lan}---\n${pool('dmz', '198.51.100.0/28')}---\n${adv('a', '  ipAddressPools: [lan, dmz]\n')}`,
    pools: ['lan', 'dmz'],
    ads: 1,
  },
  {
    desc: 'pools by labels',
    text: `${head('IPAddressPool', 'lan', '  labels: { zone: lan }\n')}spec: { addresses: [192.0.2.0/28] }\n---\n${adv('a', '  ipAddressPoolSelectors:\n  - matchLabels: { zone: lan }\n')}`,
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'an annotation of Helm',
    text: `${head('IPAddressPool', 'lan', '  annotations: { helm.sh/hook: post-install }\n')}spec: { addresses: [192.0.2.0/28] }\n---\n${all}`,
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'the namespace of another installation',
    text: `${lan}---\n${all}`.replaceAll('metallb-system', 'lb'),
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'the Namespace with its labels',
    text: `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: metallb-system\n---\n${lan}---\n${all}`,
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'the instance of the operator',
    text: `${head('MetalLB', 'metallb', 'spec:\n  nodeSelector: { node-role.kubernetes.io/worker: "" }\n')}---\n${lan}---\n${all}`,
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'BGP beside L2',
    text: `${lan}---\n${pool('far', '198.51.100.0/24')}---\n${adv('a', '  ipAddressPools: [lan]\n')}---\n${head('BGPAdvertisement', 'b', 'spec:\n  ipAddressPools: [far]\n')}---\n${head('BGPPeer', 'p', 'spec:\n  myASN: 64500\n  peerASN: 64501\n')}`,
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'an AddressPool of 0.12 and 0.13',
    text: `${head('AddressPool', 'lan')}spec:\n  protocol: layer2\n  addresses:\n  - 192.0.2.0/28\n  autoAssign: false\n`,
    pools: ['lan'],
    ads: 1,
  },
  { desc: 'the ConfigMap until 0.12', text: config(layer2), pools: ['default'], ads: 1 },
  {
    desc: 'the ConfigMap with peers',
    text: config(`peers:\n- peer-address: 192.0.2.1\n  peer-asn: 64501\n  my-asn: 64500\n${layer2}`),
    pools: ['default'],
    ads: 1,
  },
  {
    desc: 'the ConfigMap with single addresses',
    text: config(`${layer2}  - 192.0.2.30\n`),
    pools: ['default'],
    ads: 1,
  },
  {
    desc: 'the ConfigMap with a name that no object may have',
    text: config(layer2.replace('default', 'My Pool')),
    pools: ['my-pool'],
    ads: 1,
  },
  {
    desc: 'the ConfigMap with a placeholder',
    text: config(layer2.replace('192.0.2.10-192.0.2.20', '192.0.2.XXX-192.0.2.YYY')),
    unread: 1,
  },
  { desc: 'a placeholder of envsubst', text: `${pool('lan', '$RANGE')}---\n${all}`, ads: 1, unread: 1 },
  { desc: 'a placeholder of sed', text: `${pool('lan', '__RANGE__')}---\n${all}`, ads: 1, unread: 1 },
  {
    desc: 'a placeholder in angle brackets',
    text: `${pool('lan', '<first-address>-<last-address>')}---\n${all}`,
    ads: 1,
    unread: 1,
  },
  {
    desc: 'a good address beside a placeholder',
    text: `${pool('lan', '192.0.2.0/28', '<more>')}---\n${all}`,
    pools: ['lan'],
    ads: 1,
    unread: 1,
  },
  { desc: 'values of the chart until 0.12', text: `configInline:\n${indented(layer2, 2)}`, unread: 1 },
  { desc: 'values of a chart around it', text: `metallb:\n  configInline:\n${indented(layer2, 4)}`, unread: 1 },
  { desc: 'the configuration without its ConfigMap', text: layer2, unread: 1 },
  {
    desc: 'a HelmRelease',
    text: `apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: metallb\nspec:\n  values:\n    configInline:\n${indented(layer2, 6)}`,
    unread: 1,
  },
  {
    desc: 'an Application with values as a text',
    text: `apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: metallb\nspec:\n  source:\n    helm:\n      values: |\n        configInline:\n${indented(layer2, 10)}`,
    unread: 1,
  },
  { desc: 'objects in the values of a chart', text: `extraObjects:\n  - ${indented(lan, 4).trimStart()}`, unread: 1 },
  { desc: 'objects as a text in the values of a chart', text: `extraDeploy:\n  - |\n${indented(lan, 4)}`, unread: 1 },
  {
    desc: 'a patch of a Kustomization',
    text: `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata:\n  name: k\npatches:\n  - patch: |-\n${indented(lan, 6)}`,
    unread: 1,
  },
  {
    desc: 'a template of OpenShift',
    text: `apiVersion: template.openshift.io/v1\nkind: Template\nmetadata:\n  name: t\nobjects:\n  - ${indented(lan, 4).trimStart()}`,
    unread: 1,
  },
  {
    desc: 'a task of Ansible',
    text: `- name: pool\n  kubernetes.core.k8s:\n    definition:\n${indented(lan, 6)}`,
    unread: 1,
  },
  {
    desc: 'a manifest of Talos',
    text: `cluster:\n  inlineManifests:\n    - name: metallb\n      contents: |\n${indented(lan, 8)}`,
    unread: 1,
  },
  {
    desc: 'a template of a chart',
    text: `apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata:\n  name: lan\nspec:\n  addresses:\n  {{- range .Values.addresses }}\n  - {{ . }}\n  {{- end }}\n`,
    unread: 1,
  },
  { desc: 'a template in Jinja', file: 'pool.yaml.j2', text: pool('lan', '{{ range }}'), unread: 1 },
  { desc: 'a script', file: 'install.sh', text: shell(lan), unread: 1 },
  {
    desc: 'Terraform',
    file: 'main.tf',
    text: 'resource "kubernetes_manifest" "pool" {\n  manifest = {\n    apiVersion = "metallb.io/v1beta1"\n    kind = "IPAddressPool"\n  }\n}\n',
    unread: 1,
  },
  { desc: 'lost indentation', text: lan.replaceAll(/^ +/gm, ''), unread: 1 },
  { desc: 'no line between two objects', text: `${lan}${all}`, unread: 3 },
  {
    desc: 'a Service with its annotations',
    text: `apiVersion: v1\nkind: Service\nmetadata:\n  name: dns\n  annotations:\n    metallb.universe.tf/allow-shared-ip: k\n    metallb.universe.tf/loadBalancerIPs: 192.0.2.10\nspec:\n  type: LoadBalancer\n---\n${lan}---\n${all}`,
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'annotations in the values of another chart',
    text: `service:\n  annotations:\n    metallb.universe.tf/address-pool: lan\n---\n${lan}---\n${all}`,
    pools: ['lan'],
    ads: 1,
  },
  {
    desc: 'a List',
    text: `apiVersion: v1\nkind: List\nitems:\n- ${indented(lan, 2).trimStart()}- ${indented(all, 2).trimStart()}`,
    pools: ['lan'],
    ads: 1,
  },
];

assert.ok(forms.length >= 50);

for (const { desc, text, file = 'a.yaml', pools = [], ads = 0, unread = 0 } of forms)
  test(`a public form is lost in no part: ${desc}`, async () => {
    const folder = mkdtempSync(join(root, 'form-'));
    writeFileSync(join(folder, file), text);
    // A folder needs a manifest.
    if (file !== 'a.yaml') writeFileSync(join(folder, 'other.yaml'), 'a: b\n');
    const { migration } = await findInFiles([folder]);
    const { rows } = migration;
    const found = rows.filter(({ fate }) => fate === 'Unread');
    assert.deepEqual(
      migration.pools.map(({ metadata }) => metadata.name),
      pools,
    );
    assert.equal(migration.advertisements.length, ads);
    assert.equal(found.length, unread, JSON.stringify(found));
    if (unread === 0 || pools.length + ads > 0) assert.deepEqual(lostIn(text, rows), []);
  });

/** The values in objects of MetalLB that no row speaks of: not by their path, not by a path above, and not by their whole object. */
function lostIn(
  text: string,
  rows: readonly { readonly object: string; readonly field: string; readonly fate: string }[],
): readonly string[] {
  const documents = parseAllDocuments(text, { version: '1.1' });
  assert.ok(Array.isArray(documents));
  const objects = documents
    .map((document) => document.toJS() as { kind?: string; apiVersion?: string; items?: unknown[] } | null)
    .flatMap((one) => one?.items ?? [one]) as ({
    kind: string;
    apiVersion?: string;
    metadata: { name: string; namespace?: string };
    spec?: unknown;
  } | null)[];
  return objects.flatMap((object) => {
    if (!object?.apiVersion?.startsWith('metallb.io/')) return [];
    const { kind, metadata, spec } = object;
    const title = `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;
    const own = rows.filter((row) => row.object === title);
    assert.notEqual(own.length, 0, title);
    if (own.some(({ field, fate }) => field === '' && fate === 'NotCarried')) return [];
    return leaves(spec, 'spec').filter((path) => !own.some(({ field }) => field !== '' && path.startsWith(field)));
  });
}

function leaves(value: unknown, path: string): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((one, i) => leaves(one, `${path}[${i}]`));
  if (typeof value !== 'object' || value === null) return value === undefined || value === null ? [] : [path];
  return Object.entries(value).flatMap(([key, one]) => leaves(one, `${path}.${key}`));
}
