/** The migration from a real MetalLB to Berth: the addresses stay the same, and a node answers for them at every moment. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { stringify } from 'yaml';
import { isManifest, type Manifest, titleOf } from '../../src/cli/migrate/convert/manifest.ts';
import { convertMetalLb } from '../../src/cli/migrate/convert/metallb.ts';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { Everything } from './every.ts';
import { documentsIn, installMetalLb, metalLbNamespace, removeMetalLb, sample, samplesFolder } from './metallb.ts';
import { askCli, runCli } from './run-cli.ts';

const lab = berth.sharedLab();
const client = lab.client;
/** MetalLB's samples have addresses of 192.168.0.0/16: every host gets an address in a subnet that contains them all. */
const hosts = [...lab.nodes, client];
const onHosts = async (verb: 'add' | 'del') => {
  for (const [i, host] of hosts.entries()) {
    const link = host.name === client.name ? client.link : 'eth0';
    for (const [address, ...flags] of [[`192.168.31.${100 + i}/19`], [`fc00:f853:ccd::${i + 1}/48`, 'nodad']]) {
      await host.exec(['ip', 'address', verb, address ?? '', 'dev', link, ...(verb === 'add' ? flags : [])]);
    }
  }
};
const metalLb = ['-n', metalLbNamespace];
/** The namespaces of the samples and of the test's own Services. */
const namespaces = ['namespace-a', 'shop'];

interface SampleObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: { template?: { readonly spec: { containers: unknown } } };
}

/** Applies a sample, with a backend image of the lab in place of the one from the internet. */
async function applySample(name: string): Promise<void> {
  const objects = documentsIn<SampleObject>(await sample(name));
  for (const { spec } of objects) {
    if (spec?.template === undefined) continue;
    spec.template.spec.containers = [
      { name: 'web', image: 'localhost/agnhost:lab', imagePullPolicy: 'Never', args: ['netexec', '--http-port=80'] },
    ];
  }
  await lab.apply(objects.map((object) => stringify(object)).join('---\n'));
}

const inNamespace = (name: string, manifest: string) =>
  manifest.replace('metadata: {', `metadata: { namespace: ${name},`);
const addresses = async () => {
  const format =
    'jsonpath={range .items[?(@.spec.type=="LoadBalancer")]}{.metadata.namespace}/{.metadata.name} {.status.loadBalancer.ingress[*].ip}{"\\n"}{end}';
  const text = await lab.kubectl(['get', 'services', '-A', '-o', format]);
  const lines = text.split('\n').filter((line) => line !== '');
  // MetalLB shows IPv4 first, Berth the Service's first family.
  const sorted = lines.map((line) => line.split(' ')).map(([name, ...ips]) => [name, ...ips.sort()].join(' '));
  return sorted.sort();
};

/** Every address of every Service with its port, as in a URL. */
const targets = async () => {
  const format =
    'jsonpath={range .items[?(@.spec.type=="LoadBalancer")]}{.spec.ports[0].port} {.status.loadBalancer.ingress[*].ip}{"\\n"}{end}';
  const lines = (await lab.kubectl(['get', 'services', '-A', '-o', format])).split('\n').filter((line) => line !== '');
  return lines.flatMap((line) => {
    const [port, ...ips] = line.split(' ');
    return ips.map((ip) => `${ip.includes(':') ? `[${ip}]` : ip}:${port}`);
  });
};
/** Requests an address; throws if it does not answer. */
const asked = async (target: string) => {
  const request = ['curl', '-sS', '--fail', '-o', '/dev/null', '--max-time', '2', `http://${target}/hostname`];
  const { code, stderr } = await client.exec(request);
  assert.equal(code, 0, stderr);
  return true;
};
/** The least number of attempts for each address. There are up to ten a second, and the migration takes many seconds. */
const leastAttempts = 20;

before(async () => {
  await onHosts('add');
  await installMetalLb(lab);
  await lab.apply(berth.backends);
  for (const name of namespaces)
    await lab.apply(
      [
        `{ apiVersion: v1, kind: Namespace, metadata: { name: ${name}, labels: { test: migrate } } }`,
        inNamespace(name, berth.backends.replace('replicas: 3', 'replicas: 1')),
      ].join('\n---\n'),
    );
  await lab.kubectl(['rollout', 'status', 'deployment/web', '--timeout=90s']);
});

after(async () => {
  await lab.kubectl(['delete', 'services', '--selector', '!provider', '--ignore-not-found']);
  await lab.kubectl(['delete', 'deployments', 'web', 'nginx', '--ignore-not-found']);
  await lab.kubectl(['delete', 'namespaces', '--selector', 'test=migrate', '--ignore-not-found']);
  await removeMetalLb(lab);
  await berth.installBerth(lab);
  await berth.cleanUp(lab);
  await onHosts('del');
});

test('every sample of MetalLB is converted, the API server accepts the result, and the report covers every object', async () => {
  await berth.installBerth(lab);
  const folder = await samplesFolder();
  const made: object[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const there = documentsIn<Manifest>(await sample(name)).filter(isManifest);
    const { pools, advertisements, rows } = convertMetalLb({ objects: there, services: [], classes: [] });
    for (const object of there.filter(({ apiVersion }) => apiVersion.startsWith('metallb.io/'))) {
      const isTold = rows.some((row) => row.object === titleOf(object));
      assert.ok(isTold, `${name}: ${titleOf(object)}`);
    }
    const isL2 = /^(ipaddresspool|l2adv|simple_pool_adv_l2|deployment_l2)/.test(name);
    assert.equal(pools.length + advertisements.length > 0, isL2, `${name}: only L2 samples are converted`);
    made.push(...pools, ...advertisements);
  }
  await lab.kubectl(['create', '--dry-run=server', '--filename', '-'], {
    input: made.map((one) => stringify(one)).join('---\n'),
  });
  // The same with the command, all files at once.
  const { code, stdout, stderr } = await runCli(lab, 'migrate', 'metallb', '-f', folder);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /BGPPeer metallb-system\/peer: Berth opens no session to a router/);
  assert.match(stdout, /kind: IPAddressPool/);
});

test("MetalLB's Services keep their addresses and answer all the time, and the way back to MetalLB works", async (t) => {
  await applySample('deployment_l2.yaml');
  await applySample('ipaddresspool_with_selector.yaml');
  await lab.kubectl(['rollout', 'status', 'deployment/nginx', '--timeout=90s']);
  const shared = (prefix: string, ip: string) => `${prefix}/allow-shared-ip: k, ${prefix}/loadBalancerIPs: ${ip}`;
  await lab.apply(
    [
      berth.serviceManifest('plain'),
      berth.serviceManifest('both', 'ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv4, IPv6]'),
      berth.serviceManifest('asks', '', 'metallb.universe.tf/loadBalancerIPs: 192.168.10.77'),
      berth.serviceManifest('field', 'loadBalancerIP: 192.168.10.78'),
      berth.serviceManifest('shared', '', shared('metallb.io', '192.168.10.79')),
      inNamespace('shop', berth.serviceManifest('joins', '', shared('metallb.universe.tf', '192.168.10.79'))).replace(
        'port: 80,',
        'port: 81,',
      ),
      inNamespace(
        'namespace-a',
        berth.serviceManifest('picks', '', 'metallb.io/address-pool: ippool-ns-service-alloc-sample'),
      ).replace('annotations:', 'labels: { app: bar }, annotations:'),
    ].join('\n---\n'),
  );
  const had = await eventually("MetalLB's addresses", async () => {
    const all = await addresses();
    return all.length === 8 && all.every((line) => line.split(' ').length >= 2 && !line.endsWith(' '))
      ? all
      : undefined;
  });
  const plain = await berth.ingressOf(lab, 'plain');
  for (const target of await targets()) await eventually(`an answer by MetalLB for ${target}`, () => asked(target));

  // Berth leaves the Services alone, and reports the effect of a migration on each.
  const before = await askCli<{ services: readonly { service: string; fate: string }[] }>(lab, 'migrate', 'metallb');
  assert.deepEqual(
    before.services.map(({ fate }) => fate),
    Array(8).fill('Keeps'),
  );
  const doctor = await askCli<{ findings: readonly { id: string; severity: string; where: string }[] }>(lab, 'doctor');
  const seen = doctor.findings.filter(({ id, severity }) => id === 'OtherImplementation' && severity === 'error');
  assert.deepEqual(seen.map(({ where }) => where).sort(), [
    'DaemonSet metallb-system/speaker',
    'Deployment metallb-system/controller',
  ]);
  const refused = await runCli(lab, 'migrate', 'metallb', '--apply');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /nothing was changed[\s\S]*--stop-metallb/);
  assert.deepEqual(await berth.ledgerOf(lab), []);

  const watch = new Everything(client, await targets());
  t.after(() => watch.close());
  const done = await runCli(
    lab,
    'migrate',
    'metallb',
    '--apply',
    '--stop-metallb',
    '--report',
    `/tmp/migrate-report-${lab.id}`,
  );
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /9 of 9 addresses taken over and announced/);
  assert.deepEqual(await addresses(), had);
  assert.equal((await berth.ledgerOf(lab)).length, 8, 'two Services do not share an address, or one does not have two');

  // MetalLB has stopped, and only Berth answers.
  await eventually(
    'no Pod of MetalLB',
    async () => (await lab.kubectl([...metalLb, 'get', 'pods', '-o', 'name'])) === '',
  );
  for (const address of had.flatMap((line) => line.split(' ').slice(1)).filter((one) => !one.includes(':'))) {
    await eventually(`one answer for ${address}`, async () => (await berth.answeringMacs(lab, address)).size === 1);
  }
  const six = had.flatMap((line) => line.split(' ')).find((one) => one.includes('::')) ?? '';
  await eventually(`one answer for ${six}`, async () => (await berth.advertisingMacs(lab, six)).size === 1);
  await watch.wasServed(leastAttempts);
  const again = await runCli(lab, 'migrate', 'metallb', '--apply', '--stop-metallb');
  assert.equal(again.code, 0, again.stderr);
  assert.deepEqual(await addresses(), had);

  assert.match(again.stdout, /kubectl get ipaddresspools\.metallb\.io/);

  // The way back, as in docs/migrate.md.
  const back = await runCli(lab, 'migrate', 'metallb', '--rollback');
  assert.equal(back.code, 0, back.stderr);
  assert.match(back.stderr, /started DaemonSet metallb-system\/speaker\nstarted Deployment metallb-system\/controller/);
  for (const workload of ['deployment/controller', 'daemonset/speaker'])
    await lab.kubectl([...metalLb, 'rollout', 'status', workload, '--timeout=90s']);
  await lab.helm(['uninstall', 'berth', '--namespace', berth.namespace, '--wait']);
  await eventually('an answer by MetalLB again', () => berth.curl(lab, plain));
  assert.deepEqual(await addresses(), had);
});
