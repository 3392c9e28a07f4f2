/** The doctor's findings. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRange, parseRange } from '../../../../src/addr/range.ts';
import { rangeSet } from '../../../../src/addr/range-set.ts';
import { checkIds, checks } from '../../../../src/cli/doctor/checks.ts';
import type { Facts, JudgedStatus, PodState, Workload } from '../../../../src/cli/doctor/facts.ts';
import { examine } from '../../../../src/cli/doctor/finding.ts';
import {
  kubeProxyOf,
  podStateOf,
  serviceSubnetOf,
  staticPodsOf,
  warningsOf,
} from '../../../../src/cli/doctor/parse-facts.ts';
import { advertisement, entry, node, ownership, pool, service } from '../../fixtures.ts';

const ranges = (...texts: readonly string[]) => rangeSet(texts.map(parseRange).filter(isRange));
const pod = (name: string, facts: Partial<PodState> = {}): PodState => ({
  ...{ name, role: 'speaker', node: 'n1', ready: true, image: 'berth:1', trouble: '' },
  ...facts,
});
const link = (name: string, ...addresses: readonly string[]) => ({
  name,
  mac: '02:00:00:00:00:01',
  addresses,
  noInboundTraffic: false,
  blocked: [],
});
const words = (facts: Partial<JudgedStatus> = {}): JudgedStatus => ({
  version: '1',
  links: [link('eth0', '192.0.2.101/24')],
  peers: [],
  dataPath: { nftables: 'Loaded' },
  facts: {
    kernel: '6.1.0',
    nft: '1.0.6',
    forwarding: { ipv4: true, ipv6: true },
    allLinks: { rpFilter: 0 },
    links: { eth0: { rpFilter: 0, proxyArp: 0 } },
    defaultLinks: { ipv4: ['eth0'], ipv6: [] },
    programs: [],
  },
  ...facts,
});
const speaker = (facts: Partial<JudgedStatus> = {}) => ({ node: 'n1', fault: undefined, status: words(facts) });
/** A cluster without a fault. */
const well: Facts = {
  namespace: 'berth-system',
  otherInstallations: [],
  namespaceLabels: { value: { 'pod-security.kubernetes.io/enforce': 'privileged' } },
  ownership,
  pods: [pod('c', { role: 'controller' }), pod('s')],
  nodesMissingSpeakers: [],
  pools: [pool('p', ['192.0.2.10-192.0.2.19'])],
  advertisements: [advertisement({ name: 'a', distribution: 'Spread' })],
  nodes: [node('n1', { addresses: ['192.0.2.101' as never] })],
  services: [service('s')],
  ledger: [],
  podRanges: new Map([['n1', ranges('10.0.0.0/24')]]),
  arePodsSampled: false,
  serviceRanges: { value: ranges('10.96.0.0/12') },
  externalIps: new Map(),
  kubeProxy: { value: { mode: 'iptables', strictArp: false } },
  workloads: { value: [] },
  staticPods: { value: [] },
  others: { value: { ciliumPools: [], ciliumDefault: undefined, calico: undefined, calicoPools: [] } },
  servesMetalLb: { value: false },
  speakers: [speaker()],
  warnings: { value: [] },
  boundPolicies: { value: ['berth-holders.berth.dev'] },
};
/** `severity id where` of every finding that is not `ok`. */
const found = (facts: Partial<Facts>) =>
  examine(checks, { ...well, ...facts })
    .filter(({ severity }) => severity !== 'ok')
    .map(({ severity, id, where }) => `${severity} ${id} ${where}`.trim());
const workload = (name: string, facts: Partial<Workload> = {}): Workload => ({
  ...{ kind: 'Deployment', namespace: 'x', name, labels: {}, images: [], args: [], wanted: 1, ready: 1 },
  ...facts,
});
const withCondition = (type: string, status: 'True' | 'False', reason: string) => [
  entry('192.0.2.10', service('s'), { conditions: [{ type, status, reason, message: 'm', lastTransitionTime: '' }] }),
];
const withFacts = (facts: JudgedStatus['facts'], more: Partial<JudgedStatus> = {}) => ({
  speakers: [speaker({ ...more, facts: { ...words().facts, ...facts } })],
});
/** A second link in the pool's network. The default route uses the other link. */
const side = { links: [link('eth0', '198.51.100.1/24'), link('eth1', '192.0.2.101/24')] };

test('in a cluster without a fault every check reports ok', () => {
  assert.deepEqual(found({}), []);
  assert.deepEqual(new Set(examine(checks, well).map(({ id }) => id)), new Set(checkIds));
  assert.equal(new Set(checkIds).size, checkIds.length);
});

/** The address of a Service, with the condition `Announced` that its holder wrote. */
const announced = (reason: string, ipMode: 'VIP' | 'Proxy' = 'VIP'): Partial<Facts> => {
  const web = service('web', { ingress: [{ ip: '192.0.2.10', ipMode }] });
  const message = `because of ${reason}`;
  const condition = { type: 'Announced', status: 'True', reason, message, lastTransitionTime: '' } as const;
  const recorded = { node: 'n1', term: 1 };
  return { services: [web], ledger: [entry('192.0.2.10', web, { recorded, conditions: [condition] })] };
};

test('the finding about refused rules names the Services, whether the speaker answers or not', () => {
  const refusing = speaker({ dataPath: { nftables: 'Loaded', refused: ['vip 192.0.2.10', 'link eth1'] } });
  const silent = { ...speaker(), fault: 'no answer', status: undefined };
  const rows = [
    [announced('Announced'), refusing, 'warn', '192.0.2.10 (default/web), link eth1'],
    [announced('RulesRefused'), speaker(), 'warn', '192.0.2.10 (default/web)'],
    [announced('RulesRefused', 'Proxy'), silent, 'error', '192.0.2.10 (default/web, served by nothing)'],
  ] as const;
  for (const [facts, one, severity, names] of rows) {
    const all = examine(checks, { ...well, ...facts, speakers: [one] });
    const finding = all.find(({ id }) => id === 'RulesRefused');
    assert.deepEqual([finding?.severity, finding?.where], [severity, 'node n1']);
    assert.equal(finding?.what, `the kernel refuses nftables rules, which are left out: ${names}`);
    assert.notEqual(finding?.todo, '');
  }
});

test('an announced address that may get no traffic is reported', () => {
  const rows = { DataPathUnproven: 'warn', MoveDamped: 'warn', NoEndpoints: 'info' };
  for (const [reason, severity] of Object.entries(rows)) {
    assert.deepEqual(found(announced(reason)), [`${severity} DataPathFault address 192.0.2.10`]);
  }
  assert.deepEqual(found(announced('Announced')), []);
});

const rows: readonly { readonly desc: string; readonly facts: Partial<Facts>; readonly expected: readonly string[] }[] =
  [
    {
      desc: 'a controller in standby that is not ready',
      facts: { pods: [pod('a', { role: 'controller' }), pod('b', { role: 'controller', ready: false }), pod('s')] },
      expected: ['warn ControllerNotReady pod berth-system/b on n1'],
    },
    {
      desc: 'no speaker at all',
      facts: { pods: [pod('c', { role: 'controller' })], nodesMissingSpeakers: ['n1'] },
      expected: ['error SpeakerNotReady', 'warn SpeakerMissing node n1'],
    },
    {
      desc: 'a speaker that does not answer',
      facts: { speakers: [speaker(), { node: 'n2', fault: 'no answer', status: undefined }] },
      expected: ['unknown SpeakerNotAsked node n2'],
    },
    {
      desc: 'two versions',
      facts: { pods: [pod('c', { role: 'controller' }), pod('s', { image: 'berth:2' })] },
      expected: ['warn VersionsMixed'],
    },
    {
      desc: 'Pod Security that prevents speakers from starting',
      facts: { namespaceLabels: { value: { 'pod-security.kubernetes.io/enforce': 'baseline' } } },
      expected: ['error PodSecurity namespace berth-system'],
    },
    {
      desc: 'Pod Security that warns',
      facts: { namespaceLabels: { value: { 'pod-security.kubernetes.io/warn': 'restricted' } } },
      expected: ['warn PodSecurity namespace berth-system'],
    },
    {
      desc: 'no admission policy against stolen tokens',
      facts: { boundPolicies: { value: ['x'] } },
      expected: ['warn AdmissionPolicyMissing'],
    },
    {
      desc: 'all nodes excluded',
      facts: { nodes: [node('n1', { excluded: true })] },
      expected: ['info NodesExcluded'],
    },
    {
      desc: 'a second installation',
      facts: { otherInstallations: ['namespace other (release b)'] },
      expected: ['error SecondInstallation'],
    },
    {
      desc: 'a node without the label of exclusion, which runs no speaker',
      facts: { nodes: [node('n1', { excluded: true }), node('n2')] },
      expected: ['info SpeakerMissing nodes n2', 'info NodesExcluded'],
    },
    {
      desc: 'an excluded node beside another one',
      facts: {
        nodes: [node('n1', { excluded: true }), node('n2')],
        pods: [...well.pods, pod('s2', { node: 'n2' })],
      },
      expected: ['info NodesExcluded nodes n1'],
    },
    {
      desc: 'a CIDR with host bits',
      facts: { pools: [pool('p', ['192.0.2.200/28'])] },
      expected: ['warn PoolHostBits pool p'],
    },
    {
      desc: 'no advertisement',
      facts: { advertisements: [], ledger: [] },
      expected: ['error AdvertisementSelectsNothing', 'warn PoolNotAdvertised pool p', 'unknown SpreadPathBlocked'],
    },
    {
      desc: 'an advertisement of a pool that does not exist',
      facts: {
        advertisements: [
          advertisement({ name: 'a', distribution: 'Spread' }),
          advertisement({ name: 'b', pools: ['q'] }),
        ],
      },
      expected: ['error AdvertisementSelectsNothing L2Advertisement b'],
    },
    {
      desc: 'an advertisement that selects no node',
      facts: {
        advertisements: [
          advertisement({ name: 'a', distribution: 'Spread', nodeSelectors: [{ matchLabels: { a: 'b' } }] }),
        ],
      },
      expected: ['error AdvertisementSelectsNothing L2Advertisement a'],
    },
    {
      desc: 'a link that no node has',
      facts: { advertisements: [advertisement({ name: 'a', distribution: 'Spread', interfaces: ['enp*'] })] },
      expected: ['error AdvertisementSelectsNothing L2Advertisement a'],
    },
    {
      desc: 'a class that no program serves',
      facts: { services: [service('s', { class: 'x/y' })] },
      expected: ['warn ClassNotServed services default/s'],
    },
    {
      desc: 'an IPAllocation that was edited by hand',
      facts: { ledger: [entry('192.0.2.10', service('s'), { services: [], fault: 'spec.address is absent' })] },
      expected: ['error EntryNotReadable IPAllocation 192.0.2.10'],
    },
    {
      desc: 'an address that another program wrote',
      facts: {
        services: [service('s', { ingress: [{ ip: '192.0.2.10' }], ingressWriters: [{ manager: 'speaker', at: 0 }] })],
      },
      expected: ['warn StatusOfOthers services default/s'],
    },
    {
      desc: 'an old Warning of a Pod that is ready again',
      facts: {
        warnings: {
          value: [
            { object: 'Pod s', reason: 'Unhealthy', message: '' },
            { object: 'DaemonSet d', reason: 'FailedCreate', message: '' },
          ],
        },
      },
      expected: ['warn Warnings DaemonSet d'],
    },
    {
      desc: 'a pool that contains the address of a node',
      facts: { pools: [pool('p', ['192.0.2.96/28'])] },
      expected: ['warn PoolOverlapsNodes pool p'],
    },
    {
      desc: 'a pool that contains addresses of Pods',
      facts: { pools: [pool('p', ['192.0.2.10', '10.0.0.9'])] },
      expected: ['error PoolOverlapsPods pool p', 'warn PoolOffLink pool p'],
    },
    {
      desc: 'Pods whose ranges are in no Node object',
      facts: { arePodsSampled: true },
      expected: ['unknown PoolOverlapsPods'],
    },
    {
      desc: 'a pool of cluster IPs',
      facts: { pools: [pool('p', ['10.96.0.0/24'])] },
      expected: ['error PoolOverlapsServices pool p', 'error PoolOffLink pool p'],
    },
    {
      desc: 'a pool that contains an externalIP of a Service',
      facts: { externalIps: new Map([['a/b', ranges('192.0.2.11')]]) },
      expected: ['warn PoolOverlapsExternalIPs pool p'],
    },
    {
      desc: 'a pool outside the networks of the nodes, with a named link',
      facts: {
        pools: [pool('p', ['203.0.113.0/28'])],
        advertisements: [advertisement({ name: 'a', distribution: 'Spread', interfaces: ['eth0'] })],
      },
      expected: [],
    },
    {
      desc: 'a pool that is partly outside the networks of the nodes',
      facts: { pools: [pool('p', ['192.0.3.0-192.0.3.9', '192.0.2.10'])] },
      expected: ['warn PoolOffLink pool p'],
    },
    {
      desc: 'an invalid pool entry',
      facts: { pools: [pool('p', ['192.0.2.10', '192.0.2.9-192.0.2.8'])] },
      expected: ['error PoolNotReady pool p'],
    },
    {
      desc: 'another host that has an address',
      facts: { ledger: withCondition('Conflict', 'True', 'ForeignClaim') },
      expected: ['error DuplicateAddress address 192.0.2.10'],
    },
    {
      desc: 'a proxy',
      facts: { ledger: withCondition('Conflict', 'False', 'ProxyArp') },
      expected: ['info DuplicateAddress address 192.0.2.10'],
    },
    {
      desc: 'an address that no node announces',
      facts: { ledger: withCondition('Announced', 'False', 'NoCandidate') },
      expected: ['error NotAnnounced address 192.0.2.10'],
    },
    {
      desc: 'a verifier without an answer',
      facts: { ledger: withCondition('Verified', 'False', 'NotAnswered') },
      expected: ['error NotVerified address 192.0.2.10'],
    },
    {
      desc: 'IPVS without strictARP, with the nftables rules',
      facts: { kubeProxy: { value: { mode: 'ipvs', strictArp: false } } },
      expected: ['info StrictArp ConfigMap kube-system/kube-proxy'],
    },
    {
      desc: 'IPVS without strictARP, without the nftables rules',
      facts: {
        kubeProxy: { value: { mode: 'ipvs', strictArp: false } },
        speakers: [speaker({ dataPath: { nftables: 'Off' } })],
      },
      expected: ['error StrictArp ConfigMap kube-system/kube-proxy', 'info RulesNotLoaded node n1'],
    },
    {
      desc: 'IPVS that only the links show',
      facts: {
        kubeProxy: { why: 'no ConfigMap' },
        speakers: [
          speaker({ links: [link('eth0', '192.0.2.101/24'), link('kube-ipvs0')], dataPath: { nftables: 'NoNft' } }),
        ],
      },
      expected: ['error StrictArp nodes n1', 'error RulesNotLoaded node n1', 'unknown KubeProxyMode'],
    },
    {
      desc: 'a blocked port of the speakers',
      facts: { speakers: [speaker({ peers: [{ node: 'n2', liveness: 'Unknown', reason: 'LivenessBlocked' }] })] },
      expected: ['error LivenessBlocked node n1'],
    },
    {
      desc: 'a silent peer whose Pod is ready',
      facts: {
        pods: [...well.pods, pod('t', { node: 'n2' })],
        speakers: [speaker({ peers: [{ node: 'n2', liveness: 'Dead' }] })],
      },
      expected: ['error LivenessBlocked node n1'],
    },
    {
      desc: 'an old kernel and an old nft',
      facts: withFacts({ kernel: '5.4.0-1', nft: '0.9.8' }),
      expected: ['error KernelTooOld node n1'],
    },
    {
      desc: 'no forwarding',
      facts: withFacts({ forwarding: { ipv4: false, ipv6: false } }),
      expected: ['error ForwardingOff node n1'],
    },
    {
      desc: 'strict rp_filter on a second link',
      facts: withFacts({ links: { eth1: { rpFilter: 1 } } }, side),
      expected: ['warn StrictReversePath node n1, link eth1', 'info ReturnPath node n1, link eth1'],
    },
    {
      desc: 'loose rp_filter on a second link, which wins over the strict one of `all`',
      facts: withFacts({ allLinks: { rpFilter: 1 }, links: { eth1: { rpFilter: 2 } } }, side),
      expected: ['info ReturnPath node n1, link eth1'],
    },
    {
      desc: 'proxy ARP on a link of a pool',
      facts: withFacts({ links: { eth0: { proxyArp: 1, proxyNdp: 1 } } }),
      expected: ['warn ProxyArpOn node n1, link eth0', 'warn ProxyArpOn node n1, link eth0'],
    },
    {
      desc: 'programs on a link of a pool',
      facts: withFacts({ programs: ['eth0', 'cni0'] }),
      expected: ['warn IngressPrograms node n1'],
    },
    {
      desc: 'anti-spoofing',
      facts: { speakers: [speaker({ links: [{ ...link('eth0', '192.0.2.101/24'), blocked: ['n2'] }] })] },
      expected: ['warn SpreadPathBlocked node n1, link eth0'],
    },
    {
      desc: 'a link without inbound traffic',
      facts: { speakers: [speaker({ links: [{ ...link('eth0', '192.0.2.101/24'), noInboundTraffic: true }] })] },
      expected: ['warn LinkUnusable node n1, link eth0'],
    },
    {
      desc: 'a speaker of an older version, which reports no facts',
      facts: { speakers: [{ node: 'n1', fault: undefined, status: (({ facts: _, ...rest }) => rest)(words()) }] },
      expected: ['ForwardingOff', 'StrictReversePath', 'ReturnPath', 'ProxyArpOn', 'IngressPrograms'].map(
        (id) => `unknown ${id} node n1`,
      ),
    },
  ];
for (const { desc, facts, expected } of rows) test(`finding: ${desc}`, () => assert.deepEqual(found(facts), expected));

for (const { desc, workloads, severity } of [
  {
    desc: 'MetalLB by its labels',
    workloads: [workload('controller', { labels: { app: 'metallb' } })],
    severity: 'error',
  },
  {
    desc: 'MetalLB that is scaled to nothing',
    workloads: [workload('controller', { labels: { app: 'metallb' }, wanted: 0 })],
    severity: 'warn',
  },
  {
    desc: 'MetalLB with a class of its own',
    workloads: [workload('controller', { labels: { app: 'metallb' }, args: ['--lb-class=m'] })],
    severity: 'info',
  },
  {
    desc: 'kube-vip by its image',
    workloads: [workload('x', { images: ['ghcr.io/kube-vip/kube-vip:v1'] })],
    severity: 'error',
  },
  {
    desc: 'PureLB',
    workloads: [workload('allocator', { images: ['ghcr.io/purelb/purelb/allocator:v1'] })],
    severity: 'error',
  },
  { desc: 'OpenELB', workloads: [workload('openelb-manager')], severity: 'error' },
  { desc: 'K3s ServiceLB', workloads: [workload('svclb-web-1', { kind: 'DaemonSet' })], severity: 'error' },
  {
    desc: 'a cloud provider',
    workloads: [workload('x', { images: ['registry.k8s.io/openstack-cloud-controller-manager:v1'] })],
    severity: 'error',
  },
  ...[
    { args: ['--controllers=*,-service'] },
    { args: ['/bin/ccm', '--controllers', '*,-service-lb-controller'] },
    { args: ['--controllers=cloud-node,cloud-node-lifecycle'] },
    { images: ['ghcr.io/siderolabs/talos-cloud-controller-manager:v1.9.0'] },
    { images: ['registry.k8s.io/cloud-pv-vsphere/cloud-provider-vsphere:v1.31.0'] },
    { images: ['gcr.io/cloud-provider-vsphere/cpi/release/manager:v1.28.0'] },
    { images: ['rancher/rke2-cloud-provider:v1.31.2'] },
  ].map((facts) => ({
    desc: `a cloud provider without load balancer: ${JSON.stringify(facts)}`,
    workloads: [workload('x', { images: ['registry.k8s.io/openstack-cloud-controller-manager:v1'], ...facts })],
    severity: 'info',
  })),
  ...(
    [
      ['error', { args: ['--controllers=*'] }],
      ['error', { args: ['--controllers=cloud-node,service'] }],
    ] as const
  ).map(([severity, facts]) => ({
    desc: `a cloud provider with load balancer: ${facts.args}`,
    workloads: [workload('x', { images: ['cloud-controller-manager'], ...facts })],
    severity,
  })),
  ...(
    [
      ['error', { env: {} }],
      ['info', { env: { cp_enable: 'true' } }],
      ['info', { env: {}, args: ['manager', '--controlplane'] }],
      ['info', { env: { svc_enable: 'false' } }],
      ['error', { env: { svc_enable: 'true' } }],
      ['error', { env: {}, args: ['manager', '--services'] }],
      ['info', { env: { svc_enable: 'true', lb_class_only: 'true' } }],
    ] as const
  ).map(([severity, facts]) => ({
    desc: `kube-vip: ${JSON.stringify(facts)}`,
    workloads: [workload('kube-vip', { images: ['ghcr.io/kube-vip/kube-vip:v1'], ...facts })],
    severity,
  })),
  ...(
    [
      ['error', { env: { DEFAULT_ANNOUNCER: 'PureLB' } }],
      ['info', { env: {} }],
      ['info', { env: {}, kind: 'DaemonSet' }],
    ] as const
  ).map(([severity, facts]) => ({
    desc: `PureLB: ${JSON.stringify(facts)}`,
    workloads: [workload('x', { images: ['ghcr.io/purelb/purelb/allocator:v1'], ...facts })],
    severity,
  })),
  ...(
    [
      ['error', {}],
      ['info', { KUBEVIP_ENABLE_LOADBALANCERCLASS: 'true' }],
    ] as const
  ).map(([severity, env]) => ({
    desc: `the cloud provider of kube-vip: ${JSON.stringify(env)}`,
    workloads: [workload('x', { images: ['ghcr.io/kube-vip/kube-vip-cloud-provider:v0.0.12'], env })],
    severity,
  })),
  {
    desc: 'Berth itself',
    workloads: [workload('controller', { labels: { 'app.kubernetes.io/name': 'berth', app: 'metallb' } })],
    severity: undefined,
  },
]) {
  test(`another load balancer: ${desc}`, () => {
    const expected =
      severity === undefined ? [] : [`${severity} OtherImplementation ${workloads[0]?.kind} x/${workloads[0]?.name}`];
    assert.deepEqual(found({ workloads: { value: workloads } }), expected);
  });
}

test('the allocators of network plugins are recognized by their settings', () => {
  const others = { ciliumPools: ['blue'], ciliumDefault: undefined, calico: 'AllServices', calicoPools: ['lb'] };
  assert.deepEqual(found({ others: { value: others } }), [
    'error OtherImplementation CiliumLoadBalancerIPPool blue',
    'error OtherImplementation IPPool lb',
  ]);
  const idle = { ciliumPools: [], ciliumDefault: undefined, calico: 'AllServices', calicoPools: [] };
  assert.deepEqual(found({ others: { value: idle } }), [
    'info OtherImplementation KubeControllersConfiguration default',
  ]);
  const off = { ...others, ciliumDefault: 'none', calico: 'RequestedServicesOnly' };
  assert.deepEqual(found({ others: { value: off } }), [
    'info OtherImplementation CiliumLoadBalancerIPPool blue',
    'info OtherImplementation IPPool lb',
  ]);
  assert.deepEqual(found({ others: { value: { ...idle, calico: undefined, ciliumDefault: 'nodeipam' } } }), [
    'error OtherImplementation ConfigMap kube-system/cilium-config',
  ]);
});

test('a load balancer in a static Pod is found once, whatever the number of nodes', () => {
  const copy = (node: string) => ({
    metadata: {
      ...{ name: `kube-vip-${node}`, namespace: 'kube-system', uid: node, resourceVersion: '1' },
      annotations: { 'kubernetes.io/config.mirror': 'x' },
    },
    spec: {
      nodeName: node,
      containers: [{ image: 'ghcr.io/kube-vip/kube-vip:v1', env: [{ name: 'svc_enable', value: 'true' }] }],
    },
  });
  const ordinary = { ...copy('n3'), metadata: { ...copy('n3').metadata, annotations: {} } };
  const staticPods = { value: staticPodsOf([copy('n1'), copy('n2'), ordinary]) };
  assert.deepEqual(found({ staticPods }), ['error OtherImplementation Pod kube-system/kube-vip']);
});

test('an address on a link that no Node object names is found in a pool, unless Berth or kube-proxy has put it there', () => {
  const links = [link('eth0', '192.0.2.101/24', '192.0.2.11/32'), link('kube-ipvs0', '192.0.2.12/32')];
  const overlaps = (facts: Partial<Facts>) =>
    found({ speakers: [speaker({ links })], ...facts }).filter((text) => text.includes('PoolOverlapsLinks'));
  assert.deepEqual(overlaps({}), ['warn PoolOverlapsLinks pool p']);
  assert.deepEqual(overlaps({ ledger: [entry('192.0.2.11', service('s'))] }), []);
});

test('the range of cluster IPs is read from the settings of kubeadm', () => {
  const config = 'apiVersion: kubeadm.k8s.io/v1beta4\nnetworking: { serviceSubnet: "10.96.0.0/12,fd00::/112" }\n';
  assert.equal(serviceSubnetOf({ ClusterConfiguration: config }), '10.96.0.0/12,fd00::/112');
  for (const data of [
    {},
    { ClusterConfiguration: '' },
    { ClusterConfiguration: '{ [' },
    { ClusterConfiguration: 'a: b' },
  ])
    assert.equal(serviceSubnetOf(data), undefined);
});

test('the doctor warns while the kinds of MetalLB have the names of those of Berth', () => {
  assert.deepEqual(found({ servesMetalLb: { value: true } }), [
    'warn SharedNames CustomResourceDefinitions of metallb.io',
  ]);
  assert.deepEqual(found({ servesMetalLb: { value: false } }), []);
});

test("kube-proxy's configuration is read as kubeadm writes it", () => {
  assert.deepEqual(kubeProxyOf({ 'config.conf': 'mode: ipvs\nipvs: { strictARP: true }\n' }), {
    mode: 'ipvs',
    strictArp: true,
  });
  assert.deepEqual(kubeProxyOf({ 'config.conf': 'mode: ""\n' }), { mode: 'iptables', strictArp: false });
  assert.equal(kubeProxyOf({ 'config.conf': '{ [' }), undefined);
  assert.equal(kubeProxyOf({}), undefined);
});

test('a Pod that is not ready has a cause', () => {
  const metadata = { name: 'p', uid: 'u', resourceVersion: '1' };
  const trouble = (status: Parameters<typeof podStateOf>[0]['status'] & object) =>
    podStateOf({ metadata, status }).trouble;
  assert.equal(
    trouble({ conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' }] }),
    'Unschedulable: 0/3 nodes',
  );
  assert.equal(
    trouble({
      containerStatuses: [
        {
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 1, reason: 'Error' } },
        },
      ],
    }),
    'CrashLoopBackOff; its container ended with status 1 (Error)',
  );
  assert.equal(trouble({ containerStatuses: [{ ready: false }] }), 'its readiness probe fails');
});

test('of Warnings only those of the last hour count, one of each kind, the newest first', () => {
  const event = (name: string, minutes: number, type = 'Warning') => ({
    type,
    reason: 'R',
    message: `${minutes}`,
    involvedObject: { kind: 'Pod', name },
    lastTimestamp: new Date(minutes * 60_000).toISOString(),
  });
  const told = warningsOf(
    [event('a', 10), event('a', 30), event('b', 40), event('c', 50, 'Normal'), event('d', 1)],
    5 * 60_000,
  );
  assert.deepEqual(
    told.map(({ object, message }) => `${object} ${message}`),
    ['Pod b 40', 'Pod a 30'],
  );
});
