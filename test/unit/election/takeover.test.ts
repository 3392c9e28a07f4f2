/**
 * The successor of a VIP's holder, rule by rule: which answers on the wire it needs first, and how
 * long it waits for each node.
 */
import { table } from './holder-table.ts';

const n2 = { claims: { n2: '3' } };

table('a VIP of a dead node is taken over when the wire is silent too', [
  ['no probe was sent yet', { ...n2, heard: { n2: 'dead' } }, 'ConfirmingHolderDown me probes n2 waits'],
  ['the node is silent on the wire', { ...n2, heard: { n2: 'dead silent-on-wire' } }, 'Hold 4'],
  ['no host answers for this VIP', { ...n2, heard: { n2: 'dead' }, wire: 'Unanswered' }, 'Hold 4'],
  [
    'the node is silent on the wire, but a host answers for this VIP: another node may have it',
    { ...n2, heard: { n2: 'dead silent-on-wire' }, wire: 'Answered' },
    'ConfirmingHolderDown me probes n2 waits',
  ],
  [
    'the node answers on the wire: it keeps its VIPs',
    { ...n2, heard: { n2: 'dead answers-on-wire' } },
    'HolderStillAnswers n2 probes n2',
  ],
  [
    'the node also keeps the VIPs for which no answer of it was heard',
    { ...n2, heard: { n2: 'dead answers-on-wire' }, wire: 'Unanswered' },
    'HolderStillAnswers n2 probes n2',
  ],
  [
    'only the next candidate sends probes',
    { ...n2, heard: { n2: 'dead answers-on-wire' }, ranks: 'n3 me n2' },
    'HolderStillAnswers n2',
  ],
  ['another node is the next candidate', { ...n2, heard: { n2: 'dead' }, ranks: 'n3 me n2' }, 'AwaitingClaim n3 waits'],
  [
    'the next candidate has had a second, and the VIP was not probed yet',
    { ...n2, heard: { n2: 'dead silent-on-wire' }, ranks: 'n3 me n2', waitedMs: 1_000 },
    'ConfirmingHolderDown me probes any-host waits',
  ],
  [
    'the next candidate has had a second, and has not taken it',
    { ...n2, heard: { n2: 'dead silent-on-wire' }, ranks: 'n3 me n2', waitedMs: 1_000, wire: 'Unanswered' },
    'Hold 4',
  ],
  ['this node listens', { ...n2, heard: { n2: 'dead silent-on-wire' }, state: 'listening' }, 'Listening - waits'],
  ['no node can have it', { ...n2, heard: { n2: 'dead' }, linkless: 'me n3' }, 'NoCandidate - waits'],
  [
    'no advertisement selects the node with the higher rank',
    { ...n2, heard: { n2: 'dead silent-on-wire' }, ranks: 'n3 me n2', unselected: 'n3' },
    'Hold 4',
  ],
  ['no advertisement selects this node', { ...n2, heard: { n2: 'dead' }, unselected: 'me' }, 'AwaitingClaim n3 waits'],
]);

table('a VIP of a node that was never heard is taken over when no host answers for it', [
  ['not enough probes were sent yet', { record: 'n2 3', heard: { n2: 'unknown' } }, 'LivenessBlocked n2 probes n2'],
  [
    'only the next candidate sends probes',
    { record: 'n2 3', heard: { n2: 'unknown' }, ranks: 'n3 me n2' },
    'LivenessBlocked n2',
  ],
  ['the wire is silent', { record: 'n2 3', seen: 3, heard: { n2: 'unknown silent-on-wire' } }, 'Hold 4'],
]);

table('the best other candidate stands in for a node that restarts', [
  ['the first in rank', { ...n2, heard: { n2: 'restarting' } }, 'StandIn n2'],
  ['not the second in rank', { ...n2, heard: { n2: 'restarting' }, ranks: 'n3 me n2' }, 'NotHolder n2'],
  [
    'the first in rank that has a link',
    { ...n2, heard: { n2: 'restarting' }, ranks: 'n3 me n2', linkless: 'n3' },
    'StandIn n2',
  ],
  ['not while this node listens itself', { ...n2, heard: { n2: 'restarting' }, state: 'listening' }, 'NotHolder n2'],
]);

table('a node that hears no peer takes a VIP that no node answers for, and marks its claim as made alone', [
  [
    'no probe was sent yet',
    { ...n2, heard: { n2: 'dead', n3: 'dead' }, state: 'isolated' },
    'ConfirmingHolderDown me probes n2 waits',
  ],
  [
    'the holder is silent on the wire',
    { ...n2, heard: { n2: 'dead silent-on-wire', n3: 'dead' }, state: 'isolated' },
    'Hold 4 alone probes n2',
  ],
  [
    'a VIP without a holder is probed too',
    { seen: 3, heard: { n2: 'dead', n3: 'dead' }, state: 'isolated' },
    'ConfirmingHolderDown me probes any-host waits',
  ],
  [
    'a node that was never heard comes first if it has the higher rank',
    { ...n2, heard: { n2: 'dead silent-on-wire', n3: 'unknown' }, ranks: 'n3 me n2', state: 'isolated' },
    'AwaitingClaim n3 probes any-host waits',
  ],
  [
    'until it is silent on the wire',
    { ...n2, heard: { n2: 'dead silent-on-wire', n3: 'unknown silent-on-wire' }, ranks: 'n3 me n2', state: 'isolated' },
    'Hold 4 alone probes n2',
  ],
]);

table('a VIP without a known holder goes to the best candidate, once all claims are known', [
  ['this node is the best candidate', { seen: 3 }, 'Hold 4'],
  ['another node is the best candidate', { seen: 3, ranks: 'n2 me n3' }, 'AwaitingClaim n2 waits'],
  ['a claim may still arrive', { seen: 3, state: 'incomplete' }, 'Listening - waits'],
  ['this node listens', { seen: 3, state: 'listening' }, 'Listening - waits'],
  ['it was never held', {}, 'Hold 1'],
  ['it was never held, and another node has the higher rank', { ranks: 'n2 me n3' }, 'AwaitingClaim n2 waits'],
  [
    'the best candidate starts, and gains VIPs in a moment',
    { ranks: 'n2 me n3', heard: { n2: 'starting' } },
    'AwaitingClaim n2 waits',
  ],
  ['the best candidate is slow', { ranks: 'n2 me n3', heard: { n2: 'slow' } }, 'Hold 1'],
  ['it was never held, and a claim may still arrive', { state: 'incomplete' }, 'Listening - waits'],
  [
    'it was never held, and no other node is heard',
    { heard: { n2: 'dead', n3: 'dead' }, state: 'isolated' },
    'ConfirmingHolderDown me probes any-host waits',
  ],
]);
