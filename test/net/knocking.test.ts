/** A7 Knocking at a real kernel's ports: what answers, that nothing is accepted, and that nothing stays half open. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { afterEach, beforeEach, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { type LineProcess, startLineProcess } from './line-process.ts';
import { createPair, nodeMac, type Pair } from './namespaces.ts';

const addresses = {
  IPv4: { source: '10.99.0.1', address: '10.99.0.2' },
  IPv6: { source: 'fd99::1', address: 'fd99::2' },
} as const;
const families = ['IPv4', 'IPv6'] as const;

let pair: Pair;
let server: LineProcess;
let knocker: LineProcess;

beforeEach(async () => {
  pair = createPair();
  server = startLineProcess({ namespace: pair.node, file: './server-process.ts' });
  knocker = startLineProcess({ namespace: pair.client, file: './knock-process.ts' });
  await Promise.all([server.next('ready'), knocker.next('ready')]);
});
afterEach(() => {
  server?.close();
  knocker?.close();
  pair?.close();
});

function run(namespace: string, words: string, input = ''): string {
  const argv = ['netns', 'exec', namespace, ...words.split(' ')];
  return execFileSync('ip', argv, { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] });
}

function knock(family: (typeof families)[number], port: number): Promise<unknown> {
  return knocker.ask({ ...addresses[family], mac: nodeMac, port }, 'sent');
}

const answers = () => knocker.said.filter(({ kind }) => kind === 'answer').length;

/** Connections of the server that wait for their third segment. */
const halfOpen = () => run(pair.node, 'ss -Htan state syn-recv');

/** What the kernel of a namespace has counted (snmp(7)). */
function counter(namespace: string, name: string): number {
  return Number(
    /\s(\d+)/.exec(
      run(namespace, `nstat -asz ${name}`)
        .split('\n')
        .find((line) => line.startsWith(name)) ?? '',
    )?.[1],
  );
}

for (const family of families) {
  test(`A7 ${family}: a port that listens answers; nothing is accepted, and nothing stays half open`, async () => {
    const before = counter(pair.node, 'TcpPassiveOpens');
    await knock(family, 8080);
    assert.equal((await knocker.next('answer')).address, addresses[family].address);
    // Half-open connections are tried again for a minute: this one is gone much sooner.
    await eventually('nothing half open', () => halfOpen() === '', { timeoutMs: 2_000, everyMs: 20 });
    assert.equal(counter(pair.node, 'TcpPassiveOpens'), before);
    assert.deepEqual(
      server.said.map(({ kind }) => kind),
      ['ready'],
    );
  });

  test(`A7 ${family}: a port that nobody listens on answers too, by RST`, async () => {
    await knock(family, 9);
    assert.equal((await knocker.next('answer')).address, addresses[family].address);
  });
}

test('A7 nothing stays half open where a firewall keeps the answer from the kernel of the prober', async () => {
  const table =
    'table inet t { chain in { type filter hook input priority 0; tcp flags syn / syn,ack,rst accept; meta l4proto tcp drop; }; }';
  run(pair.client, 'nft -f -', table);
  for (const family of families) {
    await knock(family, 8080);
    await knocker.next('answer');
  }
  await eventually('nothing half open', () => halfOpen() === '', { timeoutMs: 900, everyMs: 10 });
});

test('A7 a port behind a firewall does not answer, and does once that is gone: also the same knock again', async () => {
  const table = 'table inet t { chain in { type filter hook prerouting priority -300; tcp dport 8080 drop; }; }';
  run(pair.node, 'nft -f -', table);
  await knock('IPv4', 8080);
  // What is sent later is answered: so the one before has been dropped.
  await knock('IPv6', 9);
  assert.equal((await knocker.next('answer')).address, addresses.IPv6.address);
  assert.equal(answers(), 1);
  run(pair.node, 'nft delete table inet t');
  await knock('IPv4', 8080);
  assert.equal((await knocker.next('answer')).address, addresses.IPv4.address);
});

test('A7 every knock is answered once, however often the same port was knocked at', async () => {
  for (let i = 1; i <= 20; i++) {
    await knock('IPv4', 8080);
    await knocker.next('answer');
    assert.equal(answers(), i);
  }
  await eventually('nothing half open', () => halfOpen() === '', { timeoutMs: 2_000, everyMs: 20 });
});

test("A7 a reserved port is nobody else's until it is given back", async () => {
  const { during, after } = await knocker.ask({ do: 'reserve' }, 'reserved');
  assert.deepEqual(during, ['EADDRINUSE', 'EADDRINUSE']);
  assert.equal(after, 'Listens');
});

/** Opens a connection, or tries to, and sends a UDP datagram. */
function speak(namespace: string, address: string, port: number): void {
  const words = `timeout 2 bash -c "echo x >/dev/tcp/${address}/${port}; echo x >/dev/udp/${address}/${port}"`;
  spawnSync('ip', ['netns', 'exec', namespace, 'sh', '-c', words]);
}

test('A7 the kernel hands over nothing but TCP to the reserved port', async () => {
  const port = 40_404;
  await knocker.ask({ do: 'filter', port }, 'filters');
  const frames = async () => (await knocker.ask({ do: 'count' }, 'count')).frames;
  for (const family of families) {
    speak(pair.client, addresses[family].address, 8080);
    speak(pair.node, addresses[family].source, port + 1);
  }
  assert.equal(await frames(), 0);
  for (const family of families) {
    speak(pair.node, addresses[family].source, port);
    assert.equal(await frames(), 1, family);
  }
});

test('A7 whoever knocks listens nowhere, and leaves no socket behind', async () => {
  await knock('IPv4', 8080);
  await knocker.next('answer');
  const sockets = () => run(pair.client, 'ss -Hanp0');
  assert.match(sockets(), /v0/);
  assert.equal(run(pair.client, 'ss -Htln'), '');
  await knocker.ask({ do: 'close' }, 'closed');
  assert.doesNotMatch(sockets(), /v0/);
});
