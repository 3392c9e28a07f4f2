/** Breaks the cluster in many ways: one command must find each cause. */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { loggedAbout } from './holder.ts';
import { askCli, runCli } from './run-cli.ts';

const lab = berth.sharedLab();
const [first, , third] = lab.nodes;
const stranger = lab.controlPlane;
const [lowest = ''] = lab.subnet.vips.split('-');
const vip = (i: number) => lowest.replace(/\d+$/, (last) => String(Number(last) + i));
const stolen = vip(5);

interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly where: string;
  readonly what: string;
  readonly todo: string;
}

const doctor = async () => (await askCli<{ findings: readonly Finding[] }>(lab, 'doctor')).findings;
/** The findings of one check, each as `severity where`. */
const of = (findings: readonly Finding[], id: string) =>
  findings.filter((one) => one.id === id).map(({ severity, where }) => `${severity} ${where}`.trim());
const must = async (host: typeof stranger, ...argv: readonly string[]) => {
  const { code, stderr } = await host.exec(argv);
  assert.equal(code, 0, `${argv.join(' ')}: ${stderr}`);
};
const firewall = `table inet doctor_test {
  chain input { type filter hook input priority -10; udp dport 7932 drop; }
  chain output { type filter hook output priority -10; udp dport 7932 drop; }
}`;
/** kube-proxy's ConfigMap, as kubeadm writes it. The lab gives kube-proxy its settings on the command line. */
const kubeProxy = (mode: string, strictArp: boolean) => `
apiVersion: v1
kind: ConfigMap
metadata: { name: kube-proxy, namespace: kube-system, labels: { test: doctor } }
data:
  config.conf: |
    apiVersion: kubeproxy.config.k8s.io/v1alpha1
    kind: KubeProxyConfiguration
    mode: ${mode}
    ipvs: { strictARP: ${strictArp} }
`;
const program = (name: string, replicas: number, labels: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: doctor-test, labels: { ${labels} } }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { program: ${name} } }
  template:
    metadata: { labels: { program: ${name} } }
    spec: { containers: [{ name: main, image: localhost/agnhost:lab, imagePullPolicy: Never, args: [pause] }] }
`;
const pool = (name: string, ...addresses: readonly string[]) => `
apiVersion: berth.dev/v1beta1
kind: IPAddressPool
metadata: { name: ${name} }
spec: { autoAssign: false, addresses: ${JSON.stringify(addresses)} }
`;

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.poolManifest('main', `${lowest}-${vip(9)}`));
  await lab.apply(berth.serviceManifest('one'));
  await berth.addressOf(lab, 'one');
});

after(async () => {
  assert.ok(first && third);
  await third.exec(['nft', 'delete', 'table', 'inet', 'doctor_test']);
  await stranger.exec(['ip', 'address', 'del', `${stolen}/32`, 'dev', 'eth0']);
  await first.exec(['ip', 'link', 'del', 'side0']);
  await first.exec(['sh', '-c', 'echo 0 > /proc/sys/net/ipv4/conf/eth0/proxy_arp']);
  await lab.kubectl([
    'label',
    'namespace',
    berth.namespace,
    'pod-security.kubernetes.io/warn-',
    'pod-security.kubernetes.io/enforce-',
  ]);
  await lab.kubectl(['delete', 'namespace', 'doctor-test', '--ignore-not-found']);
  await lab.kubectl(['delete', 'clusterrole,clusterrolebinding', 'doctor-test-reader', '--ignore-not-found']);
  await lab.kubectl(['-n', berth.namespace, 'delete', 'role,rolebinding', 'doctor-test-reader', '--ignore-not-found']);
  await lab.kubectl(['-n', 'kube-system', 'delete', 'configmap', 'kube-proxy', '--ignore-not-found']);
  await lab.kubectl(['delete', 'service', '--selector', '!provider', '--ignore-not-found']);
  await lab.kubectl(['delete', 'ipallocations', stolen, '--ignore-not-found']);
  await berth.installBerth(lab);
  await berth.cleanUp(lab);
});

test('in a healthy cluster the doctor finds no error, and reports what it could not check', async () => {
  const findings = await eventually(
    'findings without an error',
    async () => {
      const all = await doctor();
      return all.some(({ severity }) => severity === 'error') ? undefined : all;
    },
    { timeoutMs: 60_000 },
  );
  assert.deepEqual(of(findings, 'KubeProxyMode'), ['unknown']);
  for (const id of [
    'SpeakerNotAsked',
    'LivenessBlocked',
    'KernelTooOld',
    'RulesNotLoaded',
    'ForwardingOff',
    'PoolOffLink',
    'NotAnnounced',
  ]) {
    assert.deepEqual(of(findings, id), ['ok'], JSON.stringify(findings.filter((one) => one.id === id)));
  }
  const { code, stdout } = await runCli(lab, 'doctor');
  assert.equal(code, 0);
  assert.match(stdout, /0 error, \d+ warn/);
});

test('the doctor finds many faults at once, and says where each is and what to do', async () => {
  assert.ok(first && third);
  const since = new Date();
  // Another load balancer that runs, and one that does not.
  await lab.apply('{ apiVersion: v1, kind: Namespace, metadata: { name: doctor-test } }');
  await lab.apply(
    [program('kube-vip', 1, 'app: kube-vip'), program('controller', 0, 'app: metallb, component: controller')].join(
      '---',
    ),
  );
  // Pools with addresses of nodes, of Pods, and of a link without the default route. No advertisement covers the first two.
  const podIp = await lab.kubectl([
    '-n',
    berth.namespace,
    'get',
    'pods',
    '--selector',
    'app.kubernetes.io/component=controller',
    '-o',
    'jsonpath={.items[0].status.podIP}',
  ]);
  await lab.apply(
    [pool('nodes', `${first.ip}-${third.ip}`), pool('pods', podIp), berth.poolManifest('side', '192.168.77.8/29')].join(
      '---',
    ),
  );
  await must(
    first,
    'sh',
    '-c',
    'ip link add side0 type veth peer name side1 && ip address add 192.168.77.1/24 dev side0 && ip link set side0 up && ip link set side1 up',
  );
  await must(
    first,
    'sh',
    '-c',
    'echo 1 > /proc/sys/net/ipv4/conf/side0/rp_filter; echo 1 > /proc/sys/net/ipv4/conf/eth0/proxy_arp',
  );
  // Pod Security with warnings, and IPVS without strictARP.
  await lab.kubectl([
    'label',
    'namespace',
    berth.namespace,
    '--overwrite',
    'pod-security.kubernetes.io/warn=restricted',
    'pod-security.kubernetes.io/enforce=privileged',
  ]);
  await lab.apply(kubeProxy('ipvs', false));
  // A Service of a class that no program serves, and an address that another host uses.
  await lab.apply(berth.serviceManifest('classed', 'loadBalancerClass: example.org/none'));
  await must(stranger, 'ip', 'address', 'add', `${stolen}/32`, 'dev', 'eth0');
  await lab.apply(berth.serviceManifest('robbed', `loadBalancerIP: ${stolen}`));
  // A firewall on one node.
  await must(third, 'sh', '-c', `echo '${firewall}' | nft -f -`);
  const path = 'jsonpath={.status.conditions[?(@.type=="Conflict")].reason}';
  await eventually(
    'the conflict',
    async () =>
      (await lab.kubectl(['get', 'ipallocation', stolen, '--ignore-not-found', '-o', path])) === 'AddressTaken',
  ).catch(async (error) => {
    const entry = await lab.kubectl(['get', 'ipallocation', stolen, '--ignore-not-found', '-o', 'yaml']);
    assert.fail(`${error}\n${entry}\n${await loggedAbout(lab, stolen, since)}`);
  });

  const findings = await eventually('the findings about the firewall', async () => {
    const all = await doctor();
    return of(all, 'LivenessBlocked').length >= 3 ? all : undefined;
  });
  const expected: Readonly<Record<string, readonly string[]>> = {
    OtherImplementation: ['error Deployment doctor-test/kube-vip', 'warn Deployment doctor-test/controller'],
    LivenessBlocked: lab.nodes.map(({ name }) => `error node ${name}`),
    PoolOverlapsNodes: ['warn pool nodes'],
    PoolNotAdvertised: ['warn pool nodes', 'warn pool pods'],
    PoolOverlapsPods: ['error pool pods'],
    ProxyArpOn: [`warn node ${first.name}, link eth0`],
    PodSecurity: [`warn namespace ${berth.namespace}`],
    KubeProxyMode: ['ok'],
    StrictArp: ['info ConfigMap kube-system/kube-proxy'],
    ClassNotServed: ['warn services default/classed'],
    DuplicateAddress: [`error address ${stolen}`],
  };
  for (const [id, wheres] of Object.entries(expected))
    assert.deepEqual([...of(findings, id)].sort(), [...wheres].sort(), id);
  // There may be more: the pool with a Pod's address also makes the Pods' bridge a link without the default route.
  assert.ok(of(findings, 'ReturnPath').includes(`info node ${first.name}, link side0`));
  assert.ok(of(findings, 'StrictReversePath').includes(`warn node ${first.name}, link side0`));
  const conflict = findings.find(({ id }) => id === 'DuplicateAddress');
  const mac = (await stranger.exec(['cat', '/sys/class/net/eth0/address'])).stdout.trim();
  assert.match(conflict?.what ?? '', new RegExp(mac), 'the finding does not name the host');
  assert.ok(
    findings.every(({ severity, todo }) => !['error', 'warn'].includes(severity) || todo !== ''),
    'a finding does not say what to do',
  );
  const { code, stdout } = await runCli(lab, 'doctor');
  assert.equal(code, 1);
  assert.match(stdout, /ERROR {3}LivenessBlocked[\s\S]*UDP 7932/);
});

test('without nftables rules, IPVS without strictARP is an error, and so is a namespace that allows no speaker', async () => {
  await berth.installBerth(lab, ['speaker.nftables.enabled=false']);
  await lab.kubectl([
    'label',
    'namespace',
    berth.namespace,
    '--overwrite',
    'pod-security.kubernetes.io/enforce=baseline',
  ]);
  const findings = await doctor();
  assert.deepEqual(of(findings, 'StrictArp'), ['error ConfigMap kube-system/kube-proxy']);
  assert.deepEqual(
    of(findings, 'RulesNotLoaded'),
    lab.nodes.map(({ name }) => `info node ${name}`),
  );
  assert.deepEqual(of(findings, 'PodSecurity'), [`error namespace ${berth.namespace}`]);
});

/** A service account that may read only the objects that every command reads. */
const reader = `
apiVersion: v1
kind: ServiceAccount
metadata: { name: reader, namespace: doctor-test }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: doctor-test-reader }
rules:
  - { apiGroups: [""], resources: [services, nodes, namespaces], verbs: [list] }
  - { apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list] }
  - { apiGroups: [berth.dev], resources: ["*"], verbs: [list] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: doctor-test-reader, namespace: ${berth.namespace} }
rules:
  - { apiGroups: [""], resources: [pods], verbs: [list] }
  - { apiGroups: [apps], resources: [deployments, daemonsets], verbs: [list] }
  - { apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get] }
`;
const binding = (kind: 'ClusterRole' | 'Role') => `
apiVersion: rbac.authorization.k8s.io/v1
kind: ${kind}Binding
metadata: { name: doctor-test-reader${kind === 'Role' ? `, namespace: ${berth.namespace}` : ''} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ${kind}, name: doctor-test-reader }
subjects: [{ kind: ServiceAccount, name: reader, namespace: doctor-test }]
`;

test('the doctor reports to a user with few rights what it could not check', async () => {
  await lab.apply('{ apiVersion: v1, kind: Namespace, metadata: { name: doctor-test } }');
  await lab.apply([reader, binding('ClusterRole'), binding('Role')].join('\n---\n'));
  const token = (await lab.kubectl(['-n', 'doctor-test', 'create', 'token', 'reader'])).trim();
  const config = parse(await readFile(lab.kubeconfig, 'utf8')) as { users: { user: object }[] };
  for (const user of config.users) user.user = { token };
  const file = `${lab.stateDir}/reader.kubeconfig`;
  await writeFile(file, stringify(config), { mode: 0o600 });
  const { code, stdout, stderr } = await runCli(lab, 'doctor', '-o', 'json', '--kubeconfig', file);
  await rm(file);
  assert.ok(code === 0 || code === 1, stderr);
  const { findings } = JSON.parse(stdout) as { readonly findings: readonly Finding[] };
  for (const id of [
    'OtherImplementation',
    'KubeProxyMode',
    'PodSecurity',
    'PoolOverlapsServices',
    'AdmissionPolicyMissing',
    'Warnings',
    'SpeakerNotAsked',
    'LivenessBlocked',
  ]) {
    const severities = new Set(findings.filter((one) => one.id === id).map(({ severity }) => severity));
    assert.deepEqual(severities, new Set(['unknown']), id);
  }
  assert.match(findings.find(({ id }) => id === 'Warnings')?.what ?? '', /you may not list events/);
});
