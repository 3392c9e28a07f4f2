/** The tool's answers about many clusters: each row changes a part of a healthy one, and says what the tool must answer. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { link, statusOf } from './evaluations.ts';
import { bare, installation, type RawObject, rawNode, runAt, type ServedCluster, together } from './served-cluster.ts';
import {
  advertisement,
  cluster,
  condition,
  entry,
  healthy,
  healthyObjects,
  meta,
  paths,
  pool,
  service,
  slice,
} from './served-world.ts';

/** A command line, its exit status, and what it prints (on standard output or standard error). */
type Question = readonly [line: string, exit: number, ...prints: readonly RegExp[]];
type Row = readonly [desc: string, at: ServedCluster, ...questions: readonly Question[]];

const nodes = healthyObjects[paths.nodes] ?? [];
const withLabels = (labels: Readonly<Record<string, string>>, ...names: readonly string[]) =>
  nodes.map((one) =>
    names.includes(one.metadata.name)
      ? { ...one, metadata: { ...one.metadata, labels: { ...one.metadata.labels, ...labels } } }
      : one,
  );
const excluding = { 'node.kubernetes.io/exclude-from-external-load-balancers': '' };
const waiting = { [paths.services]: [service('web')], [paths.allocations]: [] };
const notAnnounced = (reason: string) => [entry('192.0.2.10', { conditions: [condition('Announced', reason)] })];
const dual = (...slices: readonly RawObject[]) =>
  cluster({
    [paths.services]: [
      service('web', { shows: ['192.0.2.10', '2001:db8::10'], spec: { ipFamilies: ['IPv4', 'IPv6'] } }),
    ],
    [paths.allocations]: [entry('192.0.2.10'), entry('2001:db8::10')],
    [paths.pools]: [pool('p', ['192.0.2.10-192.0.2.19', '2001:db8::10-2001:db8::1f'])],
    [paths.slices]: slices,
  });
const silent = (...names: readonly string[]) => ({
  speakers: (node: string) => (names.includes(node) ? undefined : healthy(node)),
});
const forbidding = (path: RegExp, status = 403) => ({ refuses: (at: string) => (path.test(at) ? status : undefined) });
const program = (kind: 'deployments' | 'daemonSets', image: string, container: object = {}): ServedCluster['objects'] =>
  together(
    { [paths[kind]]: healthyObjects[paths[kind]] ?? [] },
    {
      [paths[kind]]: [
        {
          metadata: meta('other', { namespace: 'other' }),
          spec: { replicas: 1, template: { metadata: {}, spec: { containers: [{ image, ...container }] } } },
          status: { desiredNumberScheduled: 1 },
        },
      ],
    },
  );
const leftover = (manager: string, ...shows: readonly string[]) =>
  cluster({ [paths.services]: [service('web', { shows, manager })], [paths.allocations]: [] });

const rows: readonly Row[] = [
  [
    'without a fault',
    cluster(),
    ['status', 0, /Speakers {5}3\/3 ready/, /1 announced, 1 verified/],
    ['vips', 0, /192\.0\.2\.10 +default\/web +p +n1/],
    ['pools', 0, /p +Active +true +1 +9/],
    ['explain web', 0, /No problem found/],
    ['who-has 192.0.2.10', 0, /InUse: used by default\/web/],
    ['who-has 192.0.2.11', 0, /Free: .*\n.*\n +Nodes +n1, n2, n3\n/],
    ['simulate --node-down n1', 0, /192\.0\.2\.10 +default\/web +n1 +n[23]\n/],
    ['doctor', 0, /^(?!.*ERROR)/s],
  ],
  [
    'without pools',
    cluster({ ...waiting, [paths.pools]: [] }),
    ['status', 1, /no IPAddressPool/],
    ['explain web', 1, /NoPool/],
    ['pools', 0, /no IPAddressPool/],
  ],
  [
    'without advertisements',
    cluster({ [paths.advertisements]: [] }),
    ['explain web', 1, /NoAdvertisement/],
    ['doctor', 1, /ERROR {3}PoolNotAdvertised/],
    ['who-has 192.0.2.11', 1, /none can announce it/],
  ],
  [
    'an advertisement that names other links',
    cluster({
      [paths.advertisements]: [advertisement({ interfaces: ['bond*'] })],
      [paths.allocations]: notAnnounced('NoCandidate'),
    }),
    ['explain web', 1, /LinkNotNamed/, /correct interfaces/],
    ['who-has 192.0.2.11', 1, /none can announce it/],
  ],
  [
    'an advertisement that selects no node',
    cluster({ [paths.advertisements]: [advertisement({ nodeSelectors: [{ matchLabels: { a: 'b' } }] })] }),
    ['explain web', 1, /NotSelected/],
    ['doctor', 1, /AdvertisementSelectsNothing/],
  ],
  [
    'a pool off every link',
    cluster({ ...waiting, [paths.pools]: [pool('p', ['203.0.113.1-203.0.113.9'])] }),
    ['doctor', 1, /ERROR {3}PoolOffLink/],
    ['who-has 203.0.113.1', 1, /none can announce it/],
  ],
  [
    'a pool off some links',
    cluster({ [paths.pools]: [pool('p', ['192.0.2.10-192.0.2.19', '203.0.113.1'])] }),
    ['doctor', 0, /WARN {4}PoolOffLink/],
  ],
  [
    'all speakers silent',
    cluster({}, silent('n1', 'n2', 'n3')),
    ['status', 0, /no answer from the speakers on n1, n2, n3/],
    ['simulate --node-down n1', 1, /n1 +not known +n2, n3/, /note: no answer from the speakers/],
    ['who-has 192.0.2.11', 1, /none is known/, /Not known +n1, n2, n3/],
    ['doctor', 0, /UNKNOWN SpeakerNotAsked/],
  ],
  [
    'one speaker silent',
    cluster({}, silent('n3')),
    ['simulate --node-down n1', 0, /n1 +n2 +n3\n/, /note: no answer from the speaker on n3/],
    ['explain web', 0, /n3 +LinksUnknown/],
    ['who-has 192.0.2.11', 0, /Nodes +n1, n2\n +Not known +n3/],
  ],
  [
    'a move to a node whose speaker is silent',
    cluster({}, silent('n3')),
    ['move 192.0.2.10 n3 --timeout 0s', 1, /note: no answer from the speaker on n3/, /n1 still holds/],
  ],
  [
    'a drain whose other nodes are silent',
    cluster({}, silent('n2', 'n3')),
    ['drain n1 --timeout 0s', 1, /192\.0\.2\.10 may stay on n1: it is not known/],
  ],
  [
    'two installations',
    { objects: together(healthyObjects, installation('other', { instance: 'b' })) },
    ['status', 1, /installed more than once/],
    ['doctor', 1, /SecondInstallation/],
  ],
  [
    'another namespace',
    cluster(),
    [
      'status --berth-namespace kube-system',
      3,
      /no Berth in namespace kube-system/,
      /Berth is in namespace berth-system/,
    ],
  ],
  ['no installation', { objects: bare }, ['vips', 3, /there is no Berth/]],
  [
    'no kinds of Berth',
    { objects: Object.fromEntries(Object.entries(healthyObjects).filter(([path]) => !path.includes('berth.dev'))) },
    ['status', 3, /Berth is not installed in the cluster .*ipaddresspools\.berth\.dev/],
    ['doctor', 3, /Berth is not installed/],
  ],
  [
    'no right to list nodes',
    cluster({}, forbidding(/^\/api\/v1\/nodes$/)),
    ['status', 3, /you may not list nodes/],
    ['explain web', 1, /you may not list nodes.*status of the Service only/s],
  ],
  [
    'no right to list Services',
    cluster({}, forbidding(/^\/api\/v1\/services$/)),
    ['vips', 3, /you may not list services/],
  ],
  [
    'credentials that are not accepted',
    cluster({}, forbidding(/./, 401)),
    ['status', 3, /does not accept your credentials/],
  ],
  [
    'an API server in trouble',
    cluster({}, forbidding(/endpointslices/, 500)),
    ['status', 3, /list endpointslices\.discovery\.k8s\.io failed/],
  ],
  [
    'a Windows node',
    cluster({ [paths.nodes]: [...nodes, rawNode('win1', '192.0.2.120', 'windows')] }),
    ['status', 0],
    ['explain web', 0, /win1 +NoSpeaker/],
    ['doctor', 0, /INFO {4}SpeakerMissing/],
  ],
  [
    'a node that the DaemonSet leaves out',
    cluster({ [paths.nodes]: [...nodes, rawNode('gpu1', '192.0.2.120')] }),
    ['status', 0],
    ['doctor', 0, /INFO {4}SpeakerMissing/],
  ],
  [
    'a node whose speaker is missing',
    cluster({
      ...together(bare, installation('berth-system', { nodes: ['n1', 'n2'], desired: 3 })),
      [paths.pools]: healthyObjects[paths.pools] ?? [],
      [paths.nodes]: nodes,
      [paths.services]: healthyObjects[paths.services] ?? [],
      [paths.slices]: healthyObjects[paths.slices] ?? [],
      [paths.configMaps]: healthyObjects[paths.configMaps] ?? [],
      [paths.allocations]: [entry('192.0.2.10')],
    }),
    ['status', 1, /no speaker runs on n3/],
    ['doctor', 0, /WARN {4}SpeakerMissing {2}node n3/],
  ],
  ['dual stack', dual(slice('10.0.0.1', 'n1'), slice('fd00::1', 'n1')), ['explain web', 0]],
  [
    'dual stack without IPv6 endpoints',
    dual(slice('10.0.0.1', 'n1')),
    ['explain web', 1, /NoEndpoints: no endpoint of the family IPv6 .* 2001:db8::10/],
  ],
  [
    'dual stack without IPv4 endpoints',
    dual(slice('fd00::1', 'n1')),
    ['explain web', 1, /NoEndpoints: no endpoint of the family IPv4 .* 192\.0\.2\.10/],
  ],
  [
    'an address in another spelling',
    dual(slice('10.0.0.1', 'n1')),
    ['who-has 2001:DB8:0::0010', 0, /InUse/],
    ['who-has 2001-0db8-0000-0000-0000-0000-0000-0010', 0, /InUse/],
  ],
  ['no endpoints', cluster({ [paths.slices]: [] }), ['explain web', 1, /NoEndpoints/]],
  [
    'a local policy without endpoints',
    cluster({
      [paths.slices]: [],
      [paths.services]: [service('web', { shows: ['192.0.2.10'], spec: { externalTrafficPolicy: 'Local' } })],
    }),
    ['explain web', 1, /n1 +NoLocalEndpoint/],
  ],
  [
    'all nodes excluded',
    cluster({ [paths.nodes]: withLabels(excluding, 'n1', 'n2', 'n3') }),
    ['explain web', 0, /all nodes carry the label/, /n2 +Candidate/],
    ['doctor', 0, /INFO {4}NodesExcluded/],
  ],
  [
    'all nodes excluded but one that runs no speaker',
    cluster({ [paths.nodes]: [...withLabels(excluding, 'n1', 'n2', 'n3'), rawNode('win1', '192.0.2.120', 'windows')] }),
    ['explain web', 0, /all nodes that could announce/, /n2 +Candidate/],
    ['status', 0],
  ],
  ['one node excluded', cluster({ [paths.nodes]: withLabels(excluding, 'n3') }), ['explain web', 0, /n3 +Excluded/]],
  [
    'a dead node',
    cluster(
      {},
      {
        speakers: (node) => (node === 'n3' ? undefined : healthy(node, { peers: [{ node: 'n3', liveness: 'Dead' }] })),
      },
    ),
    ['status', 1, /no heartbeats from n3/],
    ['explain web', 0, /n3 +NotAlive/],
  ],
  [
    'a firewall between the speakers',
    cluster(
      {},
      {
        speakers: (node) =>
          healthy(
            node,
            node === 'n2' ? { peers: [{ node: 'n1', liveness: 'Unknown', reason: 'LivenessBlocked' }] } : {},
          ),
      },
    ),
    ['status', 1, /n2 has never got a heartbeat from n1/],
    ['explain web', 1, /LivenessBlocked/],
    ['doctor', 1, /LivenessBlocked/],
  ],
  [
    'a Service of another class',
    cluster({ [paths.services]: [service('web', { spec: { loadBalancerClass: 'x.io/y' } })], [paths.allocations]: [] }),
    ['explain web', 1, /OtherClass: .*x\.io\/y/],
    ['doctor', 0, /ClassNotServed/],
  ],
  [
    'a Service of another type',
    cluster({ [paths.services]: [service('web', { spec: { type: 'ClusterIP' } })] }),
    ['explain web', 1, /is not of type LoadBalancer/],
  ],
  [
    'a Service in another namespace',
    cluster(),
    ['explain web -n shop', 1, /there is no Service shop\/web/, /namespaces with a Service of this name: default/],
  ],
  [
    'the remains of the servicelb of K3s',
    leftover('k3s', '192.0.2.101', '192.0.2.102'),
    ['explain web', 1, /StatusContested/, /kubectl berth doctor/],
    ['doctor', 0, /StatusOfOthers/, /addresses of nodes that k3s wrote/, /--subresource status/],
  ],
  [
    'the remains of MetalLB',
    leftover('metallb-controller', '192.0.2.12'),
    ['doctor', 0, /StatusOfOthers/, /berth\.dev\/take-over/],
    ['who-has 192.0.2.12', 1, /Foreign: .*another program wrote it/],
  ],
  ['an address of a node', cluster(), ['who-has 192.0.2.101', 1, /Foreign: an address of the node n1/]],
  [
    'an address of a link',
    cluster(
      {},
      { speakers: (node) => healthy(node, { links: [link('eth0', '192.0.2.250/24'), link('br0', '192.0.2.11/32')] }) },
    ),
    ['who-has 192.0.2.11', 1, /Foreign: an address of the link br0 of node n1/],
    ['doctor', 0, /WARN {4}PoolOverlapsLinks/],
  ],
  [
    'a pool with host bits',
    cluster({ [paths.pools]: [pool('p', ['192.0.2.10/28'])] }),
    ['doctor', 0, /WARN {4}PoolHostBits/, /192\.0\.2\.0\/28/],
    ['pools', 1, /HostBits/],
    ['status', 1, /stands for the whole network/],
  ],
  [
    'a pool with an entry that ends before it starts',
    cluster({ [paths.pools]: [pool('p', ['192.0.2.10-192.0.2.19', '192.0.2.9-192.0.2.8'])] }),
    ['doctor', 1, /PoolNotReady/],
    ['pools', 1, /InvalidRange/],
  ],
  [
    'a cordoned pool',
    cluster({ [paths.pools]: [pool('p', ['192.0.2.10-192.0.2.19'], { state: 'Cordoned' })] }),
    ['who-has 192.0.2.11', 1, /NotGiven: .*Cordoned/],
    ['explain web', 0],
  ],
  [
    'a server without ServiceCIDRs',
    {
      ...cluster(),
      objects: Object.fromEntries(Object.entries(healthyObjects).filter(([path]) => path !== paths.serviceCidrs)),
    },
    [
      'doctor',
      0,
      /UNKNOWN PoolOverlapsServices\n +the ranges of cluster IPs are not known: .*before Kubernetes 1\.33|UNKNOWN PoolOverlapsServices\n.*Kubernetes before 1\.33/,
    ],
  ],
  [
    'a pool in the range of cluster IPs',
    cluster({ [paths.pools]: [pool('p', ['192.0.2.10-192.0.2.19']), pool('q', ['10.96.1.1'])] }),
    ['doctor', 1, /ERROR {3}PoolOverlapsServices/],
  ],
  [
    'a range of cluster IPs that only kubeadm knows',
    {
      ...cluster(),
      objects: {
        ...Object.fromEntries(Object.entries(healthyObjects).filter(([path]) => path !== paths.serviceCidrs)),
        [paths.configMaps]: [
          {
            metadata: meta('kubeadm-config', { namespace: 'kube-system' }),
            ...{ data: { ClusterConfiguration: 'networking: { serviceSubnet: 192.0.2.0/28 }' } },
          },
        ],
      },
    },
    ['doctor', 1, /ERROR {3}PoolOverlapsServices/],
  ],
  [
    'MetalLB beside Berth',
    cluster(program('deployments', 'quay.io/metallb/controller:v0.15')),
    ['doctor', 1, /ERROR {3}OtherImplementation/],
  ],
  [
    'the cloud provider of vSphere',
    cluster(program('daemonSets', 'registry.k8s.io/cloud-pv-vsphere/cloud-provider-vsphere:v1.31')),
    ['doctor', 0, /INFO {4}OtherImplementation/],
  ],
  [
    'the cloud provider of Talos',
    cluster(program('deployments', 'ghcr.io/siderolabs/talos-cloud-controller-manager:v1.9')),
    ['doctor', 0, /INFO {4}OtherImplementation/],
  ],
  [
    'a cloud provider with its service controller off',
    cluster(
      program('deployments', 'openstack-cloud-controller-manager', {
        command: ['/bin/ccm', '--controllers=*,-service'],
      }),
    ),
    ['doctor', 0, /INFO {4}OtherImplementation/],
  ],
  [
    'kube-vip in static Pods',
    cluster({
      [paths.pods]: [
        ...(healthyObjects[paths.pods] ?? []),
        {
          metadata: meta('kube-vip-n1', {
            namespace: 'kube-system',
            annotations: { 'kubernetes.io/config.mirror': 'x' },
          }),
          spec: {
            nodeName: 'n1',
            containers: [{ image: 'ghcr.io/kube-vip/kube-vip:v1', env: [{ name: 'svc_enable', value: 'true' }] }],
          },
        },
      ],
    }),
    ['doctor', 1, /ERROR {3}OtherImplementation {2}Pod kube-system\/kube-vip/],
  ],
  [
    'IPVS without strictARP',
    cluster(
      {},
      {
        speakers: (node) =>
          healthy(node, { links: [link('eth0', '192.0.2.250/24'), link('kube-ipvs0', '192.0.2.10/32')] }),
      },
    ),
    ['doctor', 0, /StrictArp/],
    ['who-has 192.0.2.10', 0, /InUse/],
  ],
  [
    'an address that IPVS has on a link, because another program wrote it to a Service',
    {
      ...leftover('metallb-controller', '192.0.2.12'),
      speakers: (node) => healthy(node, { links: [link('kube-ipvs0', '192.0.2.12/32')] }),
    },
    ['who-has 192.0.2.12', 1, /Foreign: in the status of Service default\/web/],
  ],
  ...(
    [
      ['the default of Cilium', {}, 1, /ERROR {3}OtherImplementation {2}CiliumLoadBalancerIPPool blue/],
      ['Cilium for its own classes', { 'default-lb-service-ipam': 'none' }, 0, /INFO {4}OtherImplementation/],
      ['Cilium without its allocator', { 'enable-lb-ipam': 'false' }, 0, /INFO {4}OtherImplementation/],
      ['Cilium with addresses of nodes', { 'default-lb-service-ipam': 'nodeipam' }, 1, /Cilium Node IPAM runs too/],
    ] as const
  ).map(
    ([desc, data, exit, prints]): Row => [
      desc,
      cluster({
        '/apis/cilium.io/v2/ciliumloadbalancerippools': [
          { metadata: meta('blue') },
          { metadata: meta('red'), spec: { disabled: true } },
        ],
        [paths.configMaps]: [{ metadata: meta('cilium-config', { namespace: 'kube-system' }), ...{ data } }],
      }),
      ['doctor', exit, prints],
    ],
  ),
  [
    'rules that are not in a kernel',
    cluster(
      {},
      {
        speakers: (node) =>
          healthy(node, node === 'n1' ? { dataPath: { nftables: 'Refused', handOff: 'KubeProxy', present: [] } } : {}),
      },
    ),
    ['status', 1, /rules of n1 are not in its kernel: Refused/],
    ['explain web', 1, /Refused/],
    ['doctor', 1, /RulesNotLoaded/],
  ],
  [
    'an address that another host has',
    cluster({
      [paths.allocations]: [
        entry('192.0.2.10', {
          conditions: [condition('Announced', 'AddressTaken'), { ...condition('Conflict'), reason: 'AddressTaken' }],
        }),
      ],
    }),
    ['vips', 1, /AddressTaken/],
    ['explain web', 1, /AddressTaken/],
    ['doctor', 1, /DuplicateAddress/],
  ],
  [
    'an address that a second node cannot reach',
    cluster({
      [paths.allocations]: [
        entry('192.0.2.10', { conditions: [condition('Announced'), condition('Verified', 'NotAnswered')] }),
      ],
    }),
    ['vips', 1, /NotAnswered/],
    ['status', 1, /192\.0\.2\.10 is announced, but NotAnswered/],
    ['explain web', 1, /NotAnswered/],
  ],
  [
    'a node that cannot hold an address',
    cluster(
      {},
      { speakers: (node) => healthy(node, node === 'n2' ? { links: [link('eth0', '198.51.100.1/24')] } : {}) },
    ),
    ['move 192.0.2.10 n2', 1, /n2 cannot hold 192\.0\.2\.10: NoLink/, /nodes that can: n3/],
  ],
  [
    'an address that no other node can hold',
    cluster(
      {},
      { speakers: (node) => healthy(node, node === 'n1' ? {} : { links: [link('eth0', '198.51.100.1/24')] }) },
    ),
    ['drain n1 --timeout 0s', 1, /192\.0\.2\.10 stays on n1: no other node can hold it/],
    ['simulate --node-down n1', 1, /n1 +none/],
  ],
  [
    'a node that does not exist',
    cluster(),
    ['simulate --node-down n9', 1, /there is no node n9/, /n1, n2, n3/],
    ['drain n9', 1, /there is no node n9/],
  ],
  ['an address without Service', cluster(), ['move 192.0.2.11 n2', 1, /no Service has 192\.0\.2\.11/]],
  [
    'a plan that deletes a pool that is not there',
    cluster(),
    ['plan --delete pool/q', 1, /there is no IPAddressPool q/],
    ['plan --delete pool/p', 1, /PoolRemoved/],
  ],
  [
    'an older speaker, which reports no facts',
    cluster({}, { speakers: (node) => statusOf(node) }),
    ['doctor', 0, /UNKNOWN ForwardingOff {2}node n1/],
  ],
];

test('a plan sends dry runs only: a merge as apply does it, or a creation', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-plan-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'pools.yaml');
  const manifest = (name: string) =>
    `apiVersion: berth.dev/v1beta1\nkind: IPAddressPool\nmetadata: { name: ${name} }\nspec: { addresses: [192.0.2.40] }\n`;
  writeFileSync(file, `${manifest('p')}---\n${manifest('q')}`);
  const last = { spec: { addresses: ['192.0.2.1'], autoAssign: false } };
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(last) };
  const [before] = healthyObjects[paths.pools] ?? [];
  const applied = { ...before, metadata: { ...(before?.metadata ?? meta('p')), annotations } };
  const { writes } = await runAt(t, cluster({ [paths.pools]: [applied] }), 'plan', '-f', file);
  assert.deepEqual(
    writes.map(({ method, path, query }) => `${method} ${path}${query}`),
    [`PATCH ${paths.pools}/p?dryRun=All`, `POST ${paths.pools}?dryRun=All`],
  );
  const { spec } = JSON.parse(writes[0]?.body ?? '{}') as { spec?: object };
  assert.deepEqual(spec, { addresses: ['192.0.2.40'], autoAssign: null });
  writeFileSync(file, `${manifest('p')}---\n${manifest('p')}`);
  const twice = await runAt(t, cluster(), 'plan', '-f', file);
  assert.deepEqual([twice.exit, twice.writes], [2, []]);
  assert.match(twice.notes, /IPAddressPool p is there twice/);
  writeFileSync(file, manifest('p'));
  for (const [deleted, said] of [
    ['pool/p', /IPAddressPool p is in a file, and --delete names it/],
    ['pool/q --delete pool/q', /--delete names IPAddressPool q twice/],
  ] as const) {
    const both = await runAt(t, cluster(), 'plan', '-f', file, '--delete', ...deleted.split(' '));
    assert.deepEqual([both.exit, both.writes], [2, []]);
    assert.match(both.notes, said);
  }
  const other = await runAt(t, cluster(), 'plan', '-f', file, '--delete', 'advertisement/p');
  assert.doesNotMatch(other.notes, /--delete names/, 'an object of another kind');
});

assert.ok(rows.length > 40);
for (const [desc, at, ...questions] of rows) {
  test(`a cluster: ${desc}`, async (t) => {
    for (const [line, exit, ...prints] of questions) {
      const ran = await runAt(t, at, ...line.split(' '), '-o', 'wide');
      const printed = `${ran.out}${ran.notes}`;
      assert.equal(ran.exit, exit, `${line}\n${printed}`);
      for (const expected of prints) assert.match(printed, expected, line);
    }
  });
}
