/** Probes of a real kernel's ports: what answers, that nothing is accepted, and that nothing stays half open. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { type LineProcess, startLineProcess } from './line-process.ts';
import { createPair, haveLinkLocal, inNamespace, nodeMac, type Pair, run } from './namespaces.ts';
import { nftIn } from './path-lab.ts';
import { soon } from './soon.ts';

const addresses = {
  IPv4: { source: '10.99.0.1', address: '10.99.0.2' },
  IPv6: { source: 'fd99::1', address: 'fd99::2' },
} as const;
const families = ['IPv4', 'IPv6'] as const;

let pair: Pair;
let server: LineProcess;
let prober: LineProcess;

before(async () => {
  pair = createPair({ hasDad: false });
  server = startLineProcess({ namespace: pair.node, file: './server-process.ts' });
  prober = startLineProcess({ namespace: pair.client, file: './syn-prober-process.ts' });
  await Promise.all([server.next('ready'), prober.next('ready')]);
  await haveLinkLocal([pair.client, pair.node]);
});
after(() => {
  server?.close();
  prober?.close();
  pair?.close();
});

function probe(family: (typeof families)[number], port: number, by = prober): Promise<unknown> {
  return by.ask({ ...addresses[family], mac: nodeMac, port }, 'sent');
}

const answers = () => prober.said.filter(({ kind }) => kind === 'answer').length;

/** Connections of the server that wait for their third segment. */
const halfOpen = () => run(pair.node, 'ss', '-Htan', 'state', 'syn-recv');

/** A counter of the node's kernel (snmp(7)). */
function counter(name: string): number {
  const line = run(pair.node, 'nstat', '-asz', name)
    .split('\n')
    .find((one) => one.startsWith(name));
  return Number(/\s(\d+)/.exec(line ?? '')?.[1]);
}

/** The kernel keeps a half-open connection for a minute: one that is gone earlier was reset. */
const nothingIsHalfOpen = () => soon('nothing half open', () => halfOpen() === '');

/**
 * Does something, and asserts that all of it was reset at once: no SYN-ACK was sent again, as it
 * would be a second after the first one.
 */
async function leavesNothingHalfOpen(work: () => Promise<unknown>): Promise<void> {
  const before = counter('TcpRetransSegs');
  await work();
  await nothingIsHalfOpen();
  assert.equal(counter('TcpRetransSegs'), before);
}

for (const family of families) {
  test(`${family}: a probed port that listens answers; nothing is accepted, and nothing stays half open`, async () => {
    const before = counter('TcpPassiveOpens');
    await leavesNothingHalfOpen(async () => {
      await probe(family, 8080);
      assert.equal((await prober.next('answer')).address, addresses[family].address);
    });
    assert.equal(counter('TcpPassiveOpens'), before);
    assert.deepEqual(
      server.said.map(({ kind }) => kind),
      ['ready'],
    );
  });

  test(`${family}: a probed port that no program listens on answers too, by RST`, async () => {
    await probe(family, 9);
    assert.equal((await prober.next('answer')).address, addresses[family].address);
  });
}

test('a probe leaves nothing half open if a firewall hides the answer from the kernel of the prober', async (t) => {
  const rules = 'tcp flags syn / syn,ack,rst accept; meta l4proto tcp drop;';
  nftIn(pair.client, `table inet t { chain in { type filter hook input priority 0; ${rules}; }; }`);
  t.after(() => nftIn(pair.client, 'delete table inet t\n'));
  // Here the program sends the reset, and it may be late.
  for (const family of families) {
    await probe(family, 8080);
    await prober.next('answer');
  }
  await nothingIsHalfOpen();
});

test('a port behind a firewall does not answer a probe, and answers the same probe once the firewall is gone', async (t) => {
  t.after(() => nftIn(pair.node, 'flush ruleset\n'));
  nftIn(pair.node, 'table inet t { chain in { type filter hook prerouting priority -300; tcp dport 8080 drop; }; }');
  const before = answers();
  await probe('IPv4', 8080);
  // A later probe is answered, so the one before has been dropped.
  await probe('IPv6', 9);
  assert.equal((await prober.next('answer')).address, addresses.IPv6.address);
  assert.equal(answers(), before + 1);
  nftIn(pair.node, 'flush ruleset\n');
  await probe('IPv4', 8080);
  assert.equal((await prober.next('answer')).address, addresses.IPv4.address);
});

test('every probe is answered once, however often the port was probed', async () => {
  const before = answers();
  await leavesNothingHalfOpen(async () => {
    for (let i = 1; i <= 20; i++) {
      await probe('IPv4', 8080);
      await prober.next('answer');
      assert.equal(answers(), before + i);
    }
  });
});

test('no other program gets a reserved port until it is given back', async () => {
  const { during, after } = await prober.ask({ do: 'reserve' }, 'reserved');
  assert.deepEqual(during, ['EADDRINUSE', 'EADDRINUSE']);
  assert.equal(after, 'Listens');
});

/** Tries to open a TCP connection, and sends a UDP datagram. */
function speak(namespace: string, address: string, port: number): void {
  const words = `echo x >/dev/tcp/${address}/${port}; echo x >/dev/udp/${address}/${port}`;
  spawnSync(...inNamespace(namespace, 'bash', '-c', words));
}

test('the kernel delivers only TCP to the reserved port', async () => {
  // Below the kernel's ephemeral ports.
  const port = 20_404;
  await prober.ask({ do: 'filter', port }, 'filters');
  const frames = async () => (await prober.ask({ do: 'count' }, 'count')).frames;
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

test('the port prober listens on no port, and leaves no socket behind', async (t) => {
  const own = createPair();
  t.after(() => own.close());
  const other = startLineProcess({ namespace: own.client, file: './syn-prober-process.ts' });
  t.after(() => other.close());
  await other.next('ready');
  await probe('IPv4', 9, other);
  await other.next('answer');
  const sockets = () => run(own.client, 'ss', '-Hanp0');
  assert.match(sockets(), /v0/);
  assert.equal(run(own.client, 'ss', '-Htln'), '');
  await other.ask({ do: 'close' }, 'closed');
  assert.doesNotMatch(sockets(), /v0/);
});
