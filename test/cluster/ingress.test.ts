/** An Ingress controller behind a VIP: hosts and paths share the address, and the backends see the client's address. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { forwardedPath, installIngress, removeIngress, routes } from './ingress-controller.ts';

const lab = berth.sharedLab();

/** The controller's traffic policy, the distribution of its VIP, and the host that a backend then sees in X-Forwarded-For. */
const cases = [
  { policy: 'Local', advertisement: { distribution: 'Single' }, seen: 'the client' },
  { policy: 'Local', advertisement: { distribution: 'Spread' }, seen: 'the client' },
  // kube-proxy masquerades: the controller sees the address of the holder, and forwards that.
  { policy: 'Cluster', advertisement: { distribution: 'Single' }, seen: 'a node' },
] as const;

/** How many connections request the client's address of each host: several, so that each Pod of the controller gets some. */
const rounds = 10;

before(async () => {
  await berth.installBerth(lab);
  await installIngress(lab);
});
afterEach(() => berth.cleanUp(lab));
after(() => removeIngress(lab));

for (const { policy, advertisement, seen } of cases) {
  const way = `externalTrafficPolicy ${policy}, distribution ${advertisement.distribution}`;
  test(`two hosts and two paths on one VIP with ${way}: backends see ${seen}`, async () => {
    await lab.apply(berth.poolManifest('main', lab.subnet.vips));
    await lab.api.patch('l2advertisements', 'main', { spec: advertisement });
    await lab.apply(ingressService(policy));
    const vip = await berth.addressOf(lab, 'ingress');
    for (const { host, path, backend } of routes) {
      const answer = await eventually(`${host}${path}`, () => curlHost(vip, host, path));
      assert.match(answer, new RegExp(`^${backend}-`), `${host}${path}`);
    }
    const wanted = seen === 'the client' ? [lab.client.ip] : await nodeAddresses();
    const hosts = new Set(routes.map((route) => route.host));
    // The address may be that of the previous Service, whose rules kube-proxy keeps for a moment.
    for (const host of hosts) {
      await eventually(`${host} sees ${seen}`, async () => wanted.includes(await curlHost(vip, host, forwardedPath)));
    }
    for (let round = 0; round < rounds; round++) {
      for (const host of hosts) {
        const forwarded = await curlHost(vip, host, forwardedPath);
        assert.ok(wanted.includes(forwarded), `${host} saw ${forwarded}, not ${wanted.join(' or ')}`);
      }
    }
  });
}

test('a request for a host that no Ingress names reaches no backend', async () => {
  await lab.apply(berth.poolManifest('main', lab.subnet.vips));
  await lab.apply(ingressService('Local'));
  const vip = await berth.addressOf(lab, 'ingress');
  await eventually('an answer', () => curlHost(vip, 'one.example', '/hostname'));
  await assert.rejects(curlHost(vip, 'three.example', '/hostname'), /404/);
});

function ingressService(policy: string): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ingress }
spec: { type: LoadBalancer, externalTrafficPolicy: ${policy}, selector: { app: ingress }, ports: [{ port: 80, targetPort: 9090 }] }
`;
}

/** Requests a host's path through a VIP, and returns the body. Throws on an error, or if there is no answer within two seconds. */
async function curlHost(vip: string, host: string, path: string): Promise<string> {
  const argv = ['curl', '-sS', '--fail', '--max-time', '2', '--header', `Host: ${host}`, `http://${vip}${path}`];
  const { code, stdout, stderr } = await lab.client.exec(argv);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** All IPv4 addresses of all nodes: the holder masquerades with the address of its link to the Pod. */
async function nodeAddresses(): Promise<readonly string[]> {
  const outputs = await Promise.all(lab.nodes.map((node) => node.exec(['ip', '-4', '-o', 'address'])));
  return outputs.flatMap(({ stdout }) => [...stdout.matchAll(/inet ([\d.]+)\//g)].map((match) => match[1] ?? ''));
}
