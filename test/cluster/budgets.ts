/**
 * The budgets of Berth's requests to the API server: for each event, the number of requests of each kind, with a reason.
 * Times depend on the machine; these numbers do not. A change that needs more requests must give the reason here.
 */
import type { Allowance, Budget } from './requests.ts';

/** How many Pods of each role the chart runs on the lab's three nodes. */
const pods = { controller: 2, speaker: 3 } as const;

/** The resources that each process watches. */
const followed = {
  controller: [
    'ipaddresspools.berth.dev',
    'l2advertisements.berth.dev',
    'ipallocations.berth.dev',
    'namespaces',
    'nodes',
    'services',
  ],
  speaker: [
    'l2advertisements.berth.dev',
    'ipallocations.berth.dev',
    'endpointslices.discovery.k8s.io',
    'nodes',
    'services',
    'pods',
  ],
} as const;

type Role = keyof typeof pods;

const perPod = (role: Role, verb: string, reason: string): Budget =>
  Object.fromEntries(followed[role].map((kind) => [`${role} ${verb} ${kind}`, { most: pods[role], reason }]));
/** A watch lasts five to ten minutes, so in a shorter time each watch is opened at most once. */
const rewatching = (role: Role) => perPod(role, 'watch', 'the API server ends each watch after five to ten minutes');
const starting = (role: Role): Budget => ({
  ...perPod(role, 'list', 'each process lists each kind once'),
  ...times(
    2,
    perPod(role, 'watch', 'each process watches each kind; the process before it may have had to resume its watch'),
  ),
});
const times = (count: number, budget: Budget): Budget =>
  Object.fromEntries(
    Object.entries(budget).map(([what, { most, reason }]): [string, Allowance] => [
      what,
      { most: count * most, reason },
    ]),
  );

/** A minute in which nothing happens. */
export const atRest: Budget = {
  ...rewatching('controller'),
  ...rewatching('speaker'),
  'controller create secrets': { most: 1, reason: 'every ten minutes the leader creates the key if there is none' },
};

/** From a Service's creation until it is verified. */
const creation: Budget = {
  'controller create ipallocations.berth.dev': { most: 1, reason: 'the entry, before the status' },
  'controller patch services/status': {
    most: 3,
    reason: 'the address; that it is announced; that it has no endpoints yet, if they come after it',
  },
  'controller create events.events.k8s.io': { most: 1, reason: 'that it has no endpoints yet, if they come late' },
  'controller patch ipaddresspools.berth.dev/status': { most: 1, reason: 'used and free, once a pass' },
  'speaker patch ipallocations.berth.dev/status': {
    most: 3,
    reason: 'held, if kube-proxy is late; announced; verified',
  },
};

/** From a Service's deletion until its address is free. */
const deletion: Budget = {
  'controller get services': { most: 2, reason: 'to confirm that it is gone; once more if its entry has changed' },
  'controller delete ipallocations.berth.dev': { most: 2, reason: 'its entry; once more if that has changed' },
  'controller get ipallocations.berth.dev': { most: 1, reason: 'to read how the entry has changed' },
  'speaker patch ipallocations.berth.dev/status': { most: 1, reason: 'no endpoints, if they go before it' },
  'controller patch services/status': { most: 1, reason: 'the same, if they go before it' },
  'controller create events.events.k8s.io': { most: 1, reason: 'the same' },
  'controller patch ipaddresspools.berth.dev/status': { most: 1, reason: 'used and free, once a pass' },
};

/** The creation of `count` Services at once. */
export const creationOf = (count: number): Budget => ({ ...atRest, ...times(count, creation) });

/** The deletion of `count` Services at once. */
export const deletionOf = (count: number): Budget => ({ ...atRest, ...times(count, deletion) });

/** A restart of all controllers. */
export const controllersRestart: Budget = {
  ...rewatching('speaker'),
  ...starting('controller'),
  'controller create secrets': { most: pods.controller, reason: 'each new leader creates the key if there is none' },
};

/** The move of a VIP to another holder. */
const move: Budget = {
  'speaker patch ipallocations.berth.dev/status': {
    most: 3,
    reason: 'held, if kube-proxy is late; announced; verified',
  },
  'controller patch services/status': { most: 2, reason: 'which node announces it; and its condition' },
};

/** A VIP that stays with its holder while the speakers restart. */
const otherVerifier: Budget = {
  'speaker patch ipallocations.berth.dev/status': {
    most: 2,
    reason: 'another node verifies it while its verifier restarts, and the condition names the verifier',
  },
};

/** A restart of all speakers. The VIPs stay with their holders, and the records stay as they are, except for `moves` moves. */
export function speakersRestart({ vips, moves }: { readonly vips: number; readonly moves: number }): Budget {
  const writes = sum(times(vips, otherVerifier), times(moves, move));
  return { ...rewatching('controller'), ...starting('speaker'), ...writes };
}

function sum(...budgets: readonly Budget[]): Budget {
  const all: Record<string, Allowance> = {};
  for (const [what, { most, reason }] of budgets.flatMap((budget) => Object.entries(budget))) {
    all[what] = { most: (all[what]?.most ?? 0) + most, reason: all[what] ? `${all[what].reason}; ${reason}` : reason };
  }
  return all;
}
