/**
 * The holder of a VIP, rule by rule: which claims count, what a holder does with its own claim, and
 * what it leaves to other nodes.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Row, table } from './holder-table.ts';

/**
 * An instance of each row of the truth table above `decideHolders`. The number is that of the row.
 */
const truthTable: readonly Row[] = [
  ['1 this node has no link for it', { claims: { me: '3' }, linkless: 'me' }, 'AwaitingClaim n2 waits'],
  ['2 this node listens', { claims: { me: '3' }, state: 'listening' }, 'Listening me claims 3'],
  [
    '3 this node has no claim, and does not know all claims',
    { record: 'me 3', state: 'incomplete' },
    'Listening me waits',
  ],
  [
    '4 an administrator moves it to a node that can take it',
    { claims: { me: '3' }, moveTo: 'n3' },
    'Hold 3 leaving to n3',
  ],
  [
    '5 this node is not eligible, and it moved too often',
    { claims: { me: '3' }, unselected: 'me', state: 'damped' },
    'Hold 3 damped',
  ],
  ['6 this node is not eligible', { claims: { me: '3' }, unselected: 'me' }, 'Hold 3 leaving'],
  ['6 this node is draining', { claims: { me: '3' }, heard: { me: 'draining' } }, 'Hold 3 leaving'],
  [
    '6 this node is draining, and it moved too often',
    { claims: { me: '3' }, heard: { me: 'draining' }, state: 'damped' },
    'Hold 3 leaving',
  ],
  ['7 no other node can take it', { claims: { me: '3' }, heard: { me: 'draining', n2: 'slow', n3: 'dead' } }, 'Hold 3'],
  ['7 this node holds it', { claims: { me: '3' } }, 'Hold 3'],
  ['8 the holder runs no speaker', { claims: { n9: '3' } }, 'Hold 4'],
  ['9 the holder restarts', { claims: { n2: '3' }, heard: { n2: 'restarting' } }, 'StandIn n2'],
  [
    '10 another node is the best candidate',
    { claims: { n2: '3' }, heard: { n2: 'restarting' }, ranks: 'n3 me n2' },
    'NotHolder n2',
  ],
  ['10 this node listens', { claims: { n2: '3' }, heard: { n2: 'restarting' }, state: 'listening' }, 'NotHolder n2'],
  [
    '11 the dead holder answers',
    { claims: { n2: '3' }, heard: { n2: 'dead answers-on-wire' } },
    'HolderStillAnswers n2 probes n2',
  ],
  ['12 the holder is dead', { claims: { n2: '3' }, heard: { n2: 'dead' } }, 'ConfirmingHolderDown me probes n2 waits'],
  ['12 no host answers for it', { claims: { n2: '3' }, heard: { n2: 'dead' }, wire: 'Unanswered' }, 'Hold 4'],
  ['13 the holder was never heard', { claims: { n2: '3' }, heard: { n2: 'unknown' } }, 'LivenessBlocked n2 probes n2'],
  ['14 the holder is silent on the wire', { claims: { n2: '3' }, heard: { n2: 'unknown silent-on-wire' } }, 'Hold 4'],
  ['15 the holder is back', { record: 'n2 3', heard: { n2: 'back' }, waitedMs: 1_499 }, 'NotHolder n2 waits'],
  [
    '16 the holder does not claim it again, and no host answers',
    { record: 'n2 3', seen: 3, waitedMs: 1_500, wire: 'Unanswered', ranks: 'n3 me n2' },
    'Hold 4',
  ],
  ['17 the holder has no link for it', { claims: { n2: '3' }, linkless: 'n2' }, 'Hold 4'],
  ['18 this node listens', { claims: { n2: '3 leaving' }, state: 'listening' }, 'NotHolder n2'],
  ['19 the holder leaves', { claims: { n2: '3 leaving' } }, 'Hold 4'],
  [
    '19 a holder that is not eligible leaves',
    { claims: { n2: '3 leaving' }, unselected: 'n2', ranks: 'n3 me n2' },
    'NotHolder n2 waits',
  ],
  ['20 the holder is alive', { claims: { n2: '3' } }, 'NotHolder n2'],
  [
    '21 the holder is not eligible, and it moved too often',
    { claims: { n2: '3' }, unselected: 'n2', state: 'damped' },
    'NotHolder n2 damped',
  ],
  ['22 the holder is not eligible', { claims: { n2: '3' }, unselected: 'n2', waitedMs: 4_999 }, 'NotHolder n2 waits'],
  [
    '22 the holder is draining, and it moved too often',
    { claims: { n2: '3' }, heard: { n2: 'draining' }, state: 'damped' },
    'NotHolder n2 waits',
  ],
  [
    '23 the holder is not eligible, for five seconds',
    { claims: { n2: '3' }, unselected: 'n2', waitedMs: 5_000 },
    'Hold 4',
  ],
  ['24 it had a holder once', { seen: 3 }, 'Hold 4'],
  ['25 it never had a holder', {}, 'Hold 1'],
];

table('every row of the truth table is decided as the table states', truthTable);

test('the test has an instance of each row of the truth table', () => {
  const source = readFileSync('src/election/decide-holders.ts', 'utf8');
  const rows = [...source.matchAll(/^ \* \| (\d+) \|/gm)].map(([, number]) => number);
  assert.ok(rows.length > 20);
  assert.deepEqual([...new Set(truthTable.map(([rule]) => rule.split(' ')[0]))], rows);
});

table('the strongest of several claims counts', [
  ['one claim of a living node', { claims: { n2: '3' } }, 'NotHolder n2'],
  ['of two claims, the one with the higher term', { claims: { n2: '3', n3: '4' } }, 'NotHolder n3'],
  ['of two claims with the same term, the one of the higher rank', { claims: { n2: '3', n3: '3' } }, 'NotHolder n2'],
  ['this node has the higher term', { claims: { me: '4', n2: '3' } }, 'Hold 4'],
  ['this node has the lower term', { claims: { me: '3', n2: '4' } }, 'NotHolder n2'],
  ['a claim that was made alone gives way, whatever its term', { claims: { me: '9 alone', n2: '1' } }, 'NotHolder n2'],
  [
    'a claim that a live node made alone: it does not hear this one, and reads the higher term in the record',
    { claims: { me: '3', n2: '5 alone' } },
    'Hold 6',
  ],
  [
    'a claim of this node gives way, whatever its term, while no peer hears this node',
    { claims: { me: '9', n2: '1 alone' }, heard: { me: 'unheard' } },
    'NotHolder n2',
  ],
  ['it stays if no other node claims the VIP', { claims: { me: '9' }, heard: { me: 'unheard' } }, 'Hold 9'],
  [
    'of two claims that were made alone, the one with the higher term',
    { claims: { me: '3 alone', n2: '2 alone' } },
    'Hold 3',
  ],
  ['a claim of a dead node does not count', { claims: { me: '1', n2: '9' }, heard: { n2: 'dead' } }, 'Hold 1'],
  [
    'unless the node answers on the wire: then it lives',
    { claims: { me: '1', n2: '9' }, heard: { n2: 'dead answers-on-wire' } },
    'HolderStillAnswers n2 probes n2',
  ],
  [
    'a claim of a restarting node does not count against a claim of a living node',
    { claims: { n2: '9', n3: '1' }, heard: { n2: 'restarting' } },
    'NotHolder n3',
  ],
  [
    'but it counts against a claim of a dead node',
    { claims: { n2: '1', n3: '9' }, heard: { n2: 'restarting', n3: 'dead' } },
    'StandIn n2',
  ],
  ['a claim of a node that no longer exists does not count', { claims: { me: '1', n9: '9' } }, 'Hold 1'],
  [
    'nor does a claim of a node that was never heard and is silent on the wire',
    { claims: { me: '1', n2: '9' }, heard: { n2: 'unknown silent-on-wire' } },
    'Hold 1',
  ],
]);

table('the record counts if no claim is heard', [
  ['no claim: the node on record may claim it again', { record: 'n2 3', heard: { n2: 'back' } }, 'NotHolder n2 waits'],
  ['so may the holder from before a restart', { former: 'n2 3', heard: { n2: 'back' } }, 'NotHolder n2 waits'],
  [
    'of record and memory, the one with the higher term',
    { record: 'n3 4', former: 'n2 3', heard: { n3: 'back' } },
    'NotHolder n3 waits',
  ],
  [
    'the memory, if the terms are equal',
    { record: 'n3 3', former: 'n2 3', heard: { n2: 'back' } },
    'NotHolder n2 waits',
  ],
  ['a claim of a node that is heard counts more', { claims: { n3: '1' }, record: 'n2 9' }, 'NotHolder n3'],
  ['a record of a node that no longer exists does not count', { record: 'n9 3', seen: 3 }, 'Hold 4'],
  [
    'for a node that was never heard, a record is like a claim made alone: here it has the higher term',
    { claims: { me: '2 alone' }, record: 'n2 3', heard: { n2: 'unknown' } },
    'LivenessBlocked n2 probes n2',
  ],
  ['here it has the lower term', { claims: { me: '4 alone' }, record: 'n2 3', heard: { n2: 'unknown' } }, 'Hold 4'],
  [
    'here it is against a claim that was not made alone',
    { claims: { me: '2' }, record: 'n2 3', heard: { n2: 'unknown' } },
    'Hold 2',
  ],
  [
    'the node on record is silent on the wire',
    { claims: { me: '2 alone' }, record: 'n2 3', heard: { n2: 'unknown silent-on-wire' } },
    'Hold 2',
  ],
  [
    'a dead node on record is known by its claims, and has no claim',
    { claims: { me: '2 alone' }, record: 'n2 3', heard: { n2: 'dead' } },
    'Hold 2',
  ],
]);

table('a holder keeps its VIP while it lives and has a link for it', [
  ['it continues', { claims: { me: '3' } }, 'Hold 3'],
  [
    'it has lost its link: the next candidate must take it',
    { claims: { me: '3' }, linkless: 'me' },
    'AwaitingClaim n2 waits',
  ],
  [
    'it listens: it is silent, and keeps its claim',
    { claims: { me: '3' }, state: 'listening' },
    'Listening me claims 3',
  ],
  ['it was restarted, and knows all claims: no other node has taken it', { record: 'me 3' }, 'Hold 3'],
  [
    'it was restarted, and does not know all claims yet: another node may have taken it',
    { record: 'me 3', state: 'incomplete' },
    'Listening me waits',
  ],
  ['the same applies to a claim from its memory', { former: 'me 3', state: 'incomplete' }, 'Listening me waits'],
  [
    'a claim that it has made since does not wait for the other claims',
    { claims: { me: '3' }, state: 'incomplete' },
    'Hold 3',
  ],
  ['held in the minority', { claims: { me: '3' }, state: 'minority' }, 'Hold 3 probes any-host'],
  ['claimed alone, and still alone', { claims: { me: '3 alone' }, state: 'isolated' }, 'Hold 3 alone probes any-host'],
  [
    'claimed alone, peers are heard now, but not all claims are known',
    { claims: { me: '3 alone' }, state: 'incomplete' },
    'Hold 3 alone',
  ],
  ['claimed alone, and no peer that is heard now contests it', { claims: { me: '3 alone' } }, 'Hold 3'],
  [
    'claimed while peers were heard, and alone now',
    { claims: { me: '3' }, state: 'isolated' },
    'Hold 3 probes any-host',
  ],
  [
    'alone, it probes for the other claimant',
    { claims: { me: '3', n3: '2' }, heard: { n3: 'dead' }, state: 'isolated' },
    'Hold 3 probes n3',
  ],
]);

table('a holder that must give up its VIP continues until another node has taken it', [
  ['the node is drained', { claims: { me: '3' }, heard: { me: 'draining' } }, 'Hold 3 leaving'],
  ['no advertisement selects it any more', { claims: { me: '3' }, unselected: 'me' }, 'Hold 3 leaving'],
  ['no other node could take it', { claims: { me: '3' }, heard: { me: 'draining', n2: 'slow', n3: 'dead' } }, 'Hold 3'],
  ['no other node has a link', { claims: { me: '3' }, heard: { me: 'draining' }, linkless: 'n2 n3' }, 'Hold 3'],
  ['it has moved too often', { claims: { me: '3' }, unselected: 'me', state: 'damped' }, 'Hold 3 damped'],
  [
    'but a drain is a request of a person',
    { claims: { me: '3' }, heard: { me: 'draining' }, state: 'damped' },
    'Hold 3 leaving',
  ],
  ['a person requests a move to another node', { claims: { me: '3' }, moveTo: 'n3' }, 'Hold 3 leaving to n3'],
  ['the requested node cannot have it', { claims: { me: '3' }, moveTo: 'n3', heard: { n3: 'dead' } }, 'Hold 3'],
  ['the requested node already has it', { claims: { me: '3' }, moveTo: 'me' }, 'Hold 3'],
]);

table('a VIP of a living node is not taken over before that node allows it', [
  [
    'it was restarted, and has a moment to claim the VIP again',
    { former: 'n2 3', heard: { n2: 'starting' } },
    'StandIn n2',
  ],
  [
    'it is back without a claim, for less than a second and a half',
    { former: 'n2 3', heard: { n2: 'back' }, waitedMs: 1_499 },
    'NotHolder n2 waits',
  ],
  [
    'it is back for longer, and no node answers for the VIP',
    { former: 'n2 3', seen: 3, heard: { n2: 'back' }, waitedMs: 1_500, wire: 'Unanswered', ranks: 'n3 me n2' },
    'Hold 4',
  ],
  ['it has lost its link', { claims: { n2: '3' }, linkless: 'n2' }, 'Hold 4'],
  ['it leaves', { claims: { n2: '3 leaving' } }, 'Hold 4'],
  [
    'it leaves, and another node is the next candidate',
    { claims: { n2: '3 leaving' }, ranks: 'n3 me n2' },
    'NotHolder n2 waits',
  ],
  ['it leaves to this node', { claims: { n2: '3 leaving-to-me' }, ranks: 'n3 n2 me' }, 'Hold 4'],
  ['it leaves while this node listens', { claims: { n2: '3 leaving' }, state: 'listening' }, 'NotHolder n2'],
  ['it must leave, and has not announced it', { claims: { n2: '3' }, unselected: 'n2' }, 'NotHolder n2 waits'],
  [
    'it must leave, for less than five seconds',
    { claims: { n2: '3' }, unselected: 'n2', waitedMs: 4_999 },
    'NotHolder n2 waits',
  ],
  ['it must leave, for five seconds', { claims: { n2: '3' }, unselected: 'n2', waitedMs: 5_000 }, 'Hold 4'],
  [
    'it must leave, and the VIP has moved too often',
    { claims: { n2: '3' }, unselected: 'n2', state: 'damped' },
    'NotHolder n2 damped',
  ],
]);
