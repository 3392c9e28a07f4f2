/** The condition that reports whether a VIP is spread. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import { type SpreadState, spreadFinding, spreadReasons } from '../../../../src/dataplane/plan/spread-report.ts';

const good: SpreadState = {
  ...{ vip: '192.0.2.1' as Ip, link: 'eth0', hasPrograms: false, fault: undefined },
  ...{ members: ['a', 'b'], blocked: [] },
};
const alone = '; the node that holds 192.0.2.1 serves it alone';

const rows: readonly (readonly [Partial<SpreadState>, string, string])[] = [
  [{}, 'Spread', 'over a, b'],
  [
    { blocked: ['c', 'd'] },
    'Spread',
    "over a, b, not over c, d: the network drops packets with another host's source address there",
  ],
  [
    { hasPrograms: true, fault: 'NoNft', members: [] },
    'LinkHasPrograms',
    `programs at the ingress of eth0 (tc, XDP) process packets before Berth's rules do${alone}`,
  ],
  [
    { fault: 'NoNft', members: [], blocked: ['a'] },
    'RulesNotLoaded',
    `the nftables rules are not in the kernel (NoNft)${alone}`,
  ],
  [
    { members: [], blocked: ['a', 'b'] },
    'SpreadPathBlocked',
    `the network drops packets with another host's source address from or to a, b${alone}`,
  ],
  [
    { members: [] },
    'NoMember',
    `no node can serve it: no live node has a ready endpoint and a link in its subnet${alone}`,
  ],
];

for (const [facts, reason, message] of rows) {
  test(`Spread is ${reason}: ${JSON.stringify(facts)}`, () => {
    const status = reason === 'Spread' ? 'True' : 'False';
    assert.deepEqual(spreadFinding({ ...good, ...facts }), { type: 'Spread', status, reason, message });
  });
}

test('this table has a row for every reason', () => {
  assert.deepEqual(new Set(rows.map(([, reason]) => reason)), new Set(spreadReasons));
});
