/** A connection goes on when its VIP moves, because the new holder hands its packets to the old one. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { DataPath } from '../../src/dataplane/plan/spec.ts';
import { tcpFlag } from '../../src/wire/tcp.ts';
import { linkName } from './namespaces.ts';
import { loadPath, nftIn, pathOf, vipPath, vips } from './path-lab.ts';
import { segment } from './segments.ts';
import { soon } from './soon.ts';
import * as lab from './spread-lab.ts';
import { families, type Host, hosts, tableIn } from './spread-lab.ts';

const { client, a, b } = hosts;
type Family = (typeof families)[number];
let started: lab.SpreadLab;

before(async () => {
  started = await lab.startSpreadLab();
});
beforeEach(() => {
  for (const node of [a, b]) lab.resetNode(node);
});
after(() => started?.close());

/** The number of packets for the VIP, from one of the client's ports, that the other node has sent to this one. */
function handedTo({ name }: Host, family: Family, port: number): number {
  return lab.portsIn(name, family).handed?.get(port) ?? 0;
}

/** The path of a node, with the former holder of the VIPs. */
function pathFor(former: Host | undefined, facts: Partial<DataPath> = {}): DataPath {
  const neighbor = (host: Host, family: Family) => {
    return { node: host.name, address: host[family], mac: host.mac, link: linkName };
  };
  return pathOf({
    nodeAddresses: {},
    vips: Object.values(vips).map((vip) => vipPath(vip, 'tcp/80')),
    chances: former ? families.map((family) => ({ vip: vips[family], to: neighbor(former, family) })) : [],
    ...facts,
  });
}

/** The client's ports are below its kernel's ephemeral ports. */
let lastPort = 20_000;

/** A connection through A that has carried data, and then a move of the VIP to B. */
async function movedConnection(family: Family): Promise<{ readonly name: string; readonly port: number }> {
  lab.heldBy(a);
  const port = ++lastPort;
  const name = `${family} ${port}`;
  const { error } = await started.clientEnd.open(name, { host: vips[family], port: 80, localPort: port });
  assert.equal(error, undefined);
  await goesOn(name, 'at A');
  lab.heldBy(b);
  return { name, port };
}

async function goesOn(name: string, word: string): Promise<void> {
  const { text, error } = await started.clientEnd.say(name, word);
  assert.match(`${text}`, new RegExp(` ${word}$`), `${name}: ${error}`);
}

/** Makes a new connection; gives its port. */
async function begins(family: Family): Promise<number> {
  const localPort = ++lastPort;
  const { text, error } = await started.clientEnd.ask('tcp', { host: vips[family], port: 80, localPort });
  assert.match(`${text}`, / hello$/, `${family}: ${error}`);
  return localPort;
}

test('a connection that began at the former holder goes on, its bytes in order; the new holder serves new connections', async () => {
  loadPath(a.name, pathFor(b));
  loadPath(b.name, pathFor(a));
  for (const family of families) {
    const { name, port } = await movedConnection(family);
    for (let i = 0; i < 20; i++) await goesOn(name, `word ${i}`);
    const long = await started.clientEnd.say(name, 'send 300000');
    assert.equal(long.text?.length, 299_999, String(long.error));
    const handed = handedTo(a, family, port);
    assert.ok(handed > 20, `${family}: ${handed}`);
    assert.equal(handedTo(a, family, await begins(family)), 0, 'a new connection is not handed on');
  }
});

test('without our rules a connection that began at the former holder is reset', async () => {
  for (const family of families) {
    const { name } = await movedConnection(family);
    const { error } = await started.clientEnd.say(name, 'gone');
    assert.ok(error === 'ECONNRESET' || error === 'Closed', `${family}: ${error}`);
  }
});

/** Segments of unknown connections, sent to B by the client, one after the other; gives their ports. */
async function straySegments(family: Family, ...flags: readonly number[]): Promise<readonly number[]> {
  const ends = { source: client.mac, destination: b.mac, from: client[family], to: vips[family] };
  const ports = flags.map(() => ++lastPort);
  await started.clientEnd.raw(...flags.map((flag, i) => segment({ ...ends, sourcePort: ports[i] }, flag)));
  return ports;
}

/** The number of resets from the VIP to one of the client's ports. */
function resets(family: Family, port: number): number {
  return lab.portsIn(client.name, family).reset_ports?.get(port) ?? 0;
}

test('a segment of an unknown connection is handed on only once, although each node has the other as former holder', async () => {
  loadPath(a.name, pathFor(b));
  loadPath(b.name, pathFor(a));
  for (const family of families) {
    const [port = 0] = await straySegments(family, tcpFlag.acknowledge);
    await soon('the last node resets it', () => resets(family, port) > 0);
    const counts = [handedTo(a, family, port), handedTo(b, family, port), resets(family, port)];
    assert.deepEqual(counts, [1, 0, 1], family);
  }
});

test('a segment that begins a connection, or resets one, is never handed on', async () => {
  loadPath(a.name, pathFor(b));
  loadPath(b.name, pathFor(a));
  const { synchronize, acknowledge, reset } = tcpFlag;
  for (const family of families) {
    const flags = [synchronize, synchronize | acknowledge, reset, reset | acknowledge];
    // Frames keep their order: the last one is processed after all others.
    const ports = await straySegments(family, ...flags, acknowledge);
    const [last = 0] = ports.slice(-1);
    await soon('the last segment is reset', () => resets(family, last) > 0);
    const handed = ports.map((port) => handedTo(a, family, port));
    assert.deepEqual(handed, [0, 0, 0, 0, 1], family);
  }
});

test('with hand-off NodePort a connection that began at the former holder goes on as well', async () => {
  const handed = ({ IPv4, IPv6 }: Host): Partial<DataPath> => {
    return { nodeAddresses: { IPv4, IPv6 }, vips: Object.values(vips).map((vip) => vipPath(vip, 'tcp/80>8080')) };
  };
  for (const { name } of [a, b]) nftIn(name, 'flush chain ip proxy in\nflush chain ip6 proxy in\n');
  loadPath(a.name, pathFor(b, handed(a)));
  loadPath(b.name, pathFor(a, handed(b)));
  for (const family of families) {
    const { name } = await movedConnection(family);
    for (let i = 0; i < 5; i++) await goesOn(name, `word ${i}`);
    await begins(family);
    nftIn(b.name, `flush map ${tableIn[family]} berth chances\n`);
    const [port = 0] = await straySegments(family, tcpFlag.acknowledge);
    await soon('a segment without a former holder is handled here', () => resets(family, port) > 0);
    assert.equal(handedTo(a, family, port), 0);
  }
});
