/** An Ingress controller behind a VIP: hosts and paths share the address, and the backends learn who asked. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { forwardedPath, installIngress, removeIngress, routes } from './ingress-controller.ts';

const lab = berth.sharedLab();

/** How the controller's Service takes traffic in and how its VIP is announced, and whom a backend then sees in X-Forwarded-For. */
const cases = [
  { policy: 'Local', advertisement: { distribution: 'Single' }, seen: 'the client' },
  { policy: 'Local', advertisement: { distribution: 'Spread' }, seen: 'the client' },
  // kube-proxy masquerades: what the controller sees, and so forwards, is the holder.
  { policy: 'Cluster', advertisement: { distribution: 'Single' }, seen: 'a node' },
] as const;

/** How often each backend is asked for the client's address: several connections, so that each Pod of the controller gets some. */
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
    // The address may be that of the Service before this one, whose rules kube-proxy keeps for a moment.
    for (const host of hosts) {
      await eventually(`${host} is asked by ${seen}`, async () =>
        wanted.includes(await curlHost(vip, host, forwardedPath)),
      );
    }
    for (let round = 0; round < rounds; round++) {
      for (const host of hosts) {
        const forwarded = await curlHost(vip, host, forwardedPath);
        assert.ok(wanted.includes(forwarded), `${host} was asked by ${forwarded}, not by ${wanted.join(' or ')}`);
      }
    }
  });
}

test('a host that no Ingress names gets no backend', async () => {
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

/** What the client gets from a host's path behind a VIP; throws when it gets an error or nothing within two seconds. */
async function curlHost(vip: string, host: string, path: string): Promise<string> {
  const argv = ['curl', '-sS', '--fail', '--max-time', '2', '--header', `Host: ${host}`, `http://${vip}${path}`];
  const { code, stdout, stderr } = await lab.client.exec(argv);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** All addresses of all nodes: the holder masquerades by that of the link to the Pod. */
async function nodeAddresses(): Promise<readonly string[]> {
  const outputs = await Promise.all(lab.nodes.map((node) => node.exec(['ip', '-4', '-o', 'address'])));
  return outputs.flatMap(({ stdout }) => [...stdout.matchAll(/inet ([\d.]+)\//g)].map((match) => match[1] ?? ''));
}
