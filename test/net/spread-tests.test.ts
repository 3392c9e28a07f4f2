/** The nodes send each other packets in the name of somebody else, and find out whose are dropped on the way. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { passedSet } from '../../src/dataplane/rules/spoof-test.ts';
import { type LineProcess, startLineProcess } from './line-process.ts';
import { linkName } from './namespaces.ts';
import { loadPath, nftIn } from './path-lab.ts';
import { soon } from './soon.ts';
import * as lab from './spread-lab.ts';
import { families, type Host, hosts, tableIn } from './spread-lab.ts';

const { a, b } = hosts;
const testers: LineProcess[] = [];
let started: lab.SpreadLab;

before(async () => {
  started = await lab.startSpreadLab();
  for (const node of [a, b]) lab.resetNode(node);
});
after(() => {
  for (const process of testers) process.close();
  started?.close();
});

/** A node that tests another one by a family. */
async function startTester({ name }: Host, other: Host, family: (typeof families)[number]): Promise<LineProcess> {
  const neighbors = [{ node: other.node, address: other[family], mac: other.mac, link: linkName }];
  const args = [JSON.stringify(neighbors)];
  const process = startLineProcess({ namespace: name, file: './spoof-test-process.ts', args });
  testers.push(process);
  await process.next('ready');
  return process;
}

/** The hardware addresses whose test packets have come to a node. */
function passed({ name }: Host): readonly string[] {
  return nftIn(name, `list set netdev berth ${passedSet}\n`).match(/[0-9a-f]{2}(:[0-9a-f]{2}){5}/g) ?? [];
}

/** As if most of the time were over for which the kernel remembers a hardware address. What is sent from now on renews it. */
function expireSoon({ name }: Host, mac: string): void {
  const set = `netdev berth ${passedSet}`;
  nftIn(name, `delete element ${set} { ${mac} }\nadd element ${set} { ${mac} timeout 500ms }\n`);
}

/** Who is missing, as a tester has said last; nobody is before it has said anything. */
function missing({ said }: LineProcess): string {
  return `${said.findLast(({ kind }) => kind === 'blocked')?.nodes ?? ''}`;
}

test('spoof-test packets are noted, and neither seen by the host nor answered; where the network drops them they are missing', async () => {
  for (const node of [a, b]) loadPath(node.name, lab.spreadPath(node, lab.tableFor([a, b])));
  const [atA, atB] = [await startTester(a, b, 'IPv4'), await startTester(b, a, 'IPv6')];
  await soon('the packets are noted', () => passed(a).includes(b.mac) && passed(b).includes(a.mac));
  // The one that started first may have missed the other for a moment.
  for (const tester of [atA, atB]) await tester.until('nobody is missing', () => missing(tester) === '');
  const seen = lab.countersOf(started.bridge);
  for (const family of families) {
    const at = tableIn[family];
    assert.ok((seen[`${at}_tests`] ?? 0) > 0);
    assert.equal(seen[`${at}_answers`], 0);
    for (const node of [a, b]) assert.equal(lab.countersOf(node.name)[`${at}_tested`], 0, `${node.name} ${family}`);
  }
  const guard = `table bridge guard {
    chain forward { type filter hook forward priority 0
      ether saddr ${a.mac} ip saddr != ${a.IPv4} drop
    }
  }`;
  nftIn(started.bridge, guard);
  expireSoon(b, a.mac);
  await atB.until('B misses what A sends', () => missing(atB) === a.node);
  assert.deepEqual([passed(b), missing(atA)], [[], ''], 'A gets what B sends');
  nftIn(started.bridge, 'delete table bridge guard\n');
  await atB.until('B misses nothing', () => missing(atB) === '');
});

test('a sender that is no node is not noted, and only spoof-test packets are taken away', async () => {
  for (const process of testers.splice(0)) process.close();
  loadPath(a.name, lab.spreadPath(a, lab.tableFor([a]), { peerMacs: [a.mac] }));
  await startTester(b, a, 'IPv4');
  const before = lab.countersOf(started.bridge).ip_tests ?? 0;
  await soon('a test packet was sent', () => (lab.countersOf(started.bridge).ip_tests ?? 0) > before);
  for (const family of families) {
    const { text, error } = await started.clientEnd.ask('tcp', { host: a[family], port: 8_080 });
    assert.match(`${text}`, / hello$/, `${error}`);
  }
  assert.deepEqual(passed(a), []);
  assert.equal(lab.countersOf(a.name).ip_tested, 0);
});
