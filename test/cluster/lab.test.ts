/** The lab itself: the functions that all other cluster tests depend on. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Lab, LabHost } from '../lab/cluster.ts';
import { eventually } from '../lab/poll.ts';
import { run } from '../lab/run.ts';
import { sharedLab } from '../lab/shared.ts';
import { type Conditioned, conditionIn } from './objects.ts';

const nodePort = 30080;

/** One backend on every node, as a careful user would run it. */
const backends = `
apiVersion: v1
kind: Namespace
metadata: { name: lab-test }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: web, namespace: lab-test }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: localhost/agnhost:lab
          args: [netexec, --http-port=8080]
          readinessProbe: { httpGet: { path: /healthz, port: 8080 }, periodSeconds: 1 }
          securityContext:
            runAsNonRoot: true
            runAsUser: 1000
            readOnlyRootFilesystem: true
            allowPrivilegeEscalation: false
            seccompProfile: { type: RuntimeDefault }
            capabilities: { drop: [ALL] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: lab-test }
spec:
  type: NodePort
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080, nodePort: ${nodePort} }]
`;

let lab: Lab;

before(async () => {
  lab = sharedLab();
  await lab.apply(backends);
  await lab.rolledOut('daemonset/web', { namespace: 'lab-test', timeoutMs: 60_000 });
});

after(async () => {
  // The next file may use the same node port. The namespace takes longer to go, with its Pods.
  await lab.kubectl(['delete', 'service', 'web', '--namespace', 'lab-test']);
  await lab.kubectl(['delete', 'namespace', 'lab-test', '--wait=false']);
});

/** Requests a URL from a host, and returns the body. Throws if there is no answer. */
async function get(from: LabHost, url: string): Promise<string> {
  const { code, stdout, stderr } = await from.exec(['curl', '-sS', '--fail', '--max-time', '2', url]);
  assert.equal(code, 0, stderr);
  return stdout;
}

async function readiness(node: LabHost): Promise<string | undefined> {
  return conditionIn(await lab.api.get<Conditioned>('nodes', node.name), 'Ready')?.status;
}

function becomes(node: LabHost, wanted: string): Promise<unknown> {
  return eventually(`${node.name} becomes Ready=${wanted}`, async () => (await readiness(node)) === wanted);
}

test('every node runs a Pod, and each Pod answers all nodes and the host of the API server', async () => {
  const format = '{range .items[*]}{.spec.nodeName} {.status.podIP}{"\\n"}{end}';
  const text = await lab.kubectl(['-n', 'lab-test', 'get', 'pods', '--output', `jsonpath=${format}`]);
  const pods = text
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  assert.deepEqual(pods.map(([node]) => node).sort(), lab.nodes.map(({ name }) => name).sort());
  for (const host of [...lab.nodes, lab.controlPlane]) {
    for (const [, ip = ''] of pods) assert.match(await get(host, `http://${ip}:8080/hostname`), /^web-/);
  }
});

test('the client reaches the Pods through every node, and resolves the nodes by ARP', async () => {
  for (const node of lab.nodes) {
    await eventually('kube-proxy serves the NodePort', () => get(lab.client, `http://${node.ip}:${nodePort}/hostname`));
    const { stdout } = await lab.client.exec(['ip', 'neighbour', 'show', node.ip]);
    assert.match(stdout, new RegExp(`lladdr ${node.mac} `));
  }
});

test('a program in the network of a node reaches the API server through its Service', async () => {
  const ip = await lab.kubectl(['get', 'service', 'kubernetes', '--output', 'jsonpath={.spec.clusterIP}']);
  const { stdout } = await (lab.nodes[0] ?? lab.client).exec([
    'curl',
    '-sk',
    '--max-time',
    '2',
    `https://${ip}/version`,
  ]);
  assert.match(stdout, /"gitVersion": "v1\./);
});

test('kubectl shows the log of a Pod and runs a command in it', async () => {
  assert.match(await lab.kubectl(['-n', 'lab-test', 'logs', 'daemonset/web']), /netexec|healthz|Started/);
  const said = await lab.kubectl(['-n', 'lab-test', 'exec', 'daemonset/web', '--', '/agnhost', 'help']);
  assert.match(said, /netexec/);
});

test('a node whose link is cut is not Ready but keeps running, and is Ready again afterwards', async () => {
  const [node = lab.client] = lab.nodes;
  await lab.cutLink(node);
  try {
    assert.equal((await lab.client.exec(['ping', '-c', '1', '-W', '1', node.ip])).code, 1);
    await becomes(node, 'Unknown');
    assert.equal((await node.exec(['pidof', 'kubelet'])).code, 0);
  } finally {
    await lab.restoreLink(node);
  }
  await becomes(node, 'True');
});

test('a node without power runs no process, and can boot again', async () => {
  const node = lab.nodes.at(-1) ?? lab.client;
  const witness = node.spawn(['sleep', '1000'], { stdio: 'ignore' });
  const ended = new Promise((resolve) => witness.once('exit', (_, signal) => resolve(signal)));
  await lab.killNode(node);
  assert.equal(await ended, 'SIGKILL');
  await assert.rejects(node.exec(['true']), /is off/);
  await becomes(node, 'Unknown');
  await lab.startNode(node);
  await becomes(node, 'True');
  await eventually('an answer from its Pod', () => get(node, `http://127.0.0.1:${nodePort}/hostname`));
});

test('the cluster keeps serving while the API server is down', async () => {
  await lab.stopApiServer();
  await assert.rejects(lab.kubectl(['get', 'nodes', '--request-timeout=2s']));
  await get(lab.client, `http://${lab.nodes[0]?.ip}:${nodePort}/hostname`);
  await lab.startApiServer();
  await lab.kubectl(['get', 'nodes']);
});

test('a command that takes too long is ended, also on a node', async () => {
  const [node = lab.client] = lab.nodes;
  const { code } = await node.exec(['sleep', '4321'], { timeoutMs: 300 });
  assert.equal(code, 124);
  await eventually('no such process', async () => (await node.exec(['pgrep', '-f', 'sleep 4321'])).code === 1);
});

test('lab down removes all of a lab whose setup was killed halfway', async () => {
  const command = fileURLToPath(new URL('../lab/lab.ts', import.meta.url));
  const up = spawn(process.execPath, [command, 'up', '--id', 'killed', '--nodes', '1', '--no-berth']);
  const records = '/var/lib/berth-lab/killed/processes';
  await eventually('a kubelet of the lab', () => readdirSync(records).some((name) => name.includes('kubelet')));
  const pids = readdirSync(records).map((name) => JSON.parse(readFileSync(`${records}/${name}`, 'utf8')).pid);
  up.kill('SIGKILL');
  assert.equal((await run([process.execPath, command, 'down', '--id', 'killed'])).code, 0);
  assert.equal(existsSync('/var/lib/berth-lab/killed'), false);
  assert.doesNotMatch((await run(['ip', 'netns', 'list'])).stdout, /berth-killed-/);
  assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), /berth-killed-|berth-lab\/killed/);
  assert.deepEqual(
    pids.filter((pid) => existsSync(`/proc/${pid}/exe`)),
    [],
  );
});
