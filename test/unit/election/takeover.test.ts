/** The successor of a VIP's holder, rule by rule: what the wire has to say first, and how long each node is waited for. */
import { table } from './holder-table.ts';

const n2 = { claims: { n2: '3' } };

table('from a dead node it is taken when the wire is silent too', [
  ['the wire was not asked yet', { ...n2, heard: { n2: 'dead' } }, 'ConfirmingHolderDown me probes n2 waits'],
  ['the node is silent on the wire', { ...n2, heard: { n2: 'dead silent-on-wire' } }, 'Hold 4'],
  ['this VIP is not answered for', { ...n2, heard: { n2: 'dead' }, wire: 'Unanswered' }, 'Hold 4'],
  [
    'the node is silent on the wire, but this VIP is answered for: another node may have it',
    { ...n2, heard: { n2: 'dead silent-on-wire' }, wire: 'Answered' },
    'ConfirmingHolderDown me probes n2 waits',
  ],
  [
    'the node answers on the wire: it keeps its VIPs',
    { ...n2, heard: { n2: 'dead answers-on-wire' } },
    'HolderStillAnswers n2 probes n2',
  ],
  [
    'also those that it was not heard to answer for',
    { ...n2, heard: { n2: 'dead answers-on-wire' }, wire: 'Unanswered' },
    'HolderStillAnswers n2 probes n2',
  ],
  [
    'it is asked for by the one that would take them',
    { ...n2, heard: { n2: 'dead answers-on-wire' }, ranks: 'n3 me n2' },
    'HolderStillAnswers n2',
  ],
  ['another node is the next', { ...n2, heard: { n2: 'dead' }, ranks: 'n3 me n2' }, 'AwaitingClaim n3 waits'],
  [
    'the next one has had a second, and the wire says nothing',
    { ...n2, heard: { n2: 'dead silent-on-wire' }, ranks: 'n3 me n2', waitedMs: 1_000 },
    'ConfirmingHolderDown me probes anybody waits',
  ],
  [
    'the next one has had a second, and has not taken it',
    { ...n2, heard: { n2: 'dead silent-on-wire' }, ranks: 'n3 me n2', waitedMs: 1_000, wire: 'Unanswered' },
    'Hold 4',
  ],
  [
    'this node hears the others out',
    { ...n2, heard: { n2: 'dead silent-on-wire' }, state: 'listening' },
    'Listening - waits',
  ],
  ['no node could have it', { ...n2, heard: { n2: 'dead' }, linkless: 'me n3' }, 'NoCandidate - waits'],
]);

table('from a node that was never heard it is taken when no host answers for it', [
  [
    'the wire was not asked for long enough',
    { record: 'n2 3', heard: { n2: 'unknown' } },
    'LivenessBlocked n2 probes n2',
  ],
  [
    'it is asked for by the one that would take it',
    { record: 'n2 3', heard: { n2: 'unknown' }, ranks: 'n3 me n2' },
    'LivenessBlocked n2',
  ],
  ['the wire is silent', { record: 'n2 3', seen: 3, heard: { n2: 'unknown silent-on-wire' } }, 'Hold 4'],
]);

table('for a node that restarts the best of the others answers', [
  ['the first in rank', { ...n2, heard: { n2: 'restarting' } }, 'StandIn n2'],
  ['not the second', { ...n2, heard: { n2: 'restarting' }, ranks: 'n3 me n2' }, 'NotHolder n2'],
  [
    'the first that has a link',
    { ...n2, heard: { n2: 'restarting' }, ranks: 'n3 me n2', linkless: 'n3' },
    'StandIn n2',
  ],
  [
    'not while it hears the others out itself',
    { ...n2, heard: { n2: 'restarting' }, state: 'listening' },
    'NotHolder n2',
  ],
]);

table('a node that hears no other takes what no node answers for, and says that it was alone', [
  [
    'the wire was not asked yet',
    { ...n2, heard: { n2: 'dead', n3: 'dead' }, state: 'isolated' },
    'ConfirmingHolderDown me probes n2 waits',
  ],
  [
    'the holder is silent on the wire',
    { ...n2, heard: { n2: 'dead silent-on-wire', n3: 'dead' }, state: 'isolated' },
    'Hold 4 alone probes n2',
  ],
  [
    'what no node holds is asked for, too',
    { seen: 3, heard: { n2: 'dead', n3: 'dead' }, state: 'isolated' },
    'ConfirmingHolderDown me probes anybody waits',
  ],
  [
    'a node that was never heard comes first where it has the higher rank',
    { ...n2, heard: { n2: 'dead silent-on-wire', n3: 'unknown' }, ranks: 'n3 me n2', state: 'isolated' },
    'AwaitingClaim n3 probes anybody waits',
  ],
  [
    'until it is silent on the wire',
    { ...n2, heard: { n2: 'dead silent-on-wire', n3: 'unknown silent-on-wire' }, ranks: 'n3 me n2', state: 'isolated' },
    'Hold 4 alone probes n2',
  ],
]);

table('what no node is known to hold goes to the best candidate, once all claims are known', [
  ['this one', { seen: 3 }, 'Hold 4'],
  ['another one', { seen: 3, ranks: 'n2 me n3' }, 'AwaitingClaim n2 waits'],
  ['a claim may be on its way', { seen: 3, state: 'incomplete' }, 'Listening - waits'],
  ['this one hears the others out', { seen: 3, state: 'listening' }, 'Listening - waits'],
  ['it was never held', {}, 'Hold 1'],
  ['it was never held, and another node has the higher rank', { ranks: 'n2 me n3' }, 'AwaitingClaim n2 waits'],
  [
    'that one starts, and gets it in a moment',
    { ranks: 'n2 me n3', heard: { n2: 'starting' } },
    'AwaitingClaim n2 waits',
  ],
  ['that one is slow', { ranks: 'n2 me n3', heard: { n2: 'slow' } }, 'Hold 1'],
  ['it was never held, and a claim may be on its way', { state: 'incomplete' }, 'Listening - waits'],
  [
    'it was never held, and no other node is heard',
    { heard: { n2: 'dead', n3: 'dead' }, state: 'isolated' },
    'ConfirmingHolderDown me probes anybody waits',
  ],
]);
