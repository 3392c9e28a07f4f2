/** The nodes send each other spoofed packets, and detect which peers' packets are dropped on the path. */
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

/** A node that tests another node in one family. */
async function startTester({ name }: Host, other: Host, family: (typeof families)[number]): Promise<LineProcess> {
  const neighbors = [{ node: other.node, address: other[family], mac: other.mac, link: linkName }];
  const args = [JSON.stringify(neighbors)];
  const process = startLineProcess({ namespace: name, file: './spoof-test-process.ts', args });
  testers.push(process);
  await process.next('ready');
  return process;
}

/** The hardware addresses whose test packets have reached a node. */
function passed({ name }: Host): readonly string[] {
  return nftIn(name, `list set netdev berth ${passedSet}\n`).match(/[0-9a-f]{2}(:[0-9a-f]{2}){5}/g) ?? [];
}

/** As if most of the time were over for which the kernel remembers a hardware address. Later packets renew it. */
function expireSoon({ name }: Host, mac: string): void {
  const set = `netdev berth ${passedSet}`;
  nftIn(name, `delete element ${set} { ${mac} }\nadd element ${set} { ${mac} timeout 500ms }\n`);
}

/** The nodes whose packets are missing, from a tester's last line; none before its first line. */
function missing({ said }: LineProcess): string {
  return `${said.findLast(({ kind }) => kind === 'blocked')?.nodes ?? ''}`;
}

test('spoof-test packets are recorded, and neither seen by the host nor answered; dropped ones are reported as missing', async () => {
  for (const node of [a, b]) loadPath(node.name, lab.spreadPath(node, lab.tableFor([a, b])));
  const [atA, atB] = [await startTester(a, b, 'IPv4'), await startTester(b, a, 'IPv6')];
  await soon('the packets are recorded', () => passed(a).includes(b.mac) && passed(b).includes(a.mac));
  // The tester that started first may have missed packets of the other one for a moment.
  for (const tester of [atA, atB]) await tester.until('no node is missing', () => missing(tester) === '');
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

test('a sender that is no node is not recorded, and only spoof-test packets are removed', async () => {
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
