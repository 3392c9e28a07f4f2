/**
 * What Berth may ask of the API server, in numbers of requests: for each thing that happens, each kind of request with the reason for its
 * number. Times depend on the machine, these numbers do not. A change that needs more has to say here why.
 */
import type { Allowance, Budget } from './requests.ts';

/** So many Pods of each role the chart runs on the lab's three nodes. */
const pods = { controller: 2, speaker: 3 } as const;

/** What each process follows. */
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
/** A watch lasts five to ten minutes, so in any shorter time each is opened once at most. */
const rewatching = (role: Role) => perPod(role, 'watch', 'the API server ends each watch after five to ten minutes');
const starting = (role: Role): Budget => ({
  ...perPod(role, 'list', 'each process lists each kind once'),
  ...times(
    2,
    perPod(role, 'watch', 'and follows it from there; so did the process before it, which may have had to resume'),
  ),
});
const times = (count: number, budget: Budget): Budget =>
  Object.fromEntries(
    Object.entries(budget).map(([what, { most, reason }]): [string, Allowance] => [
      what,
      { most: count * most, reason },
    ]),
  );

/** Nothing happens for a minute. */
export const atRest: Budget = { ...rewatching('controller'), ...rewatching('speaker') };

/** From a Service's creation until it is verified. */
const creation: Budget = {
  'controller create ipallocations.berth.dev': { most: 1, reason: 'the entry, before the status' },
  'controller patch services/status': {
    most: 3,
    reason: 'the address; that it is announced; and, where its endpoints come after it, that it has none yet',
  },
  'controller create events.events.k8s.io': { most: 1, reason: 'that it has no endpoints yet, where those come late' },
  'controller patch ipaddresspools.berth.dev/status': { most: 1, reason: 'used and free, once for all of a pass' },
  'speaker patch ipallocations.berth.dev/status': {
    most: 3,
    reason: 'held, where kube-proxy is late; announced; verified',
  },
};

/** From a Service's deletion until its address is free. */
const deletion: Budget = {
  'controller get services': { most: 2, reason: 'is it really gone? Once more where its entry has changed meanwhile' },
  'controller delete ipallocations.berth.dev': { most: 2, reason: 'its entry; once more where that has changed' },
  'controller get ipallocations.berth.dev': { most: 1, reason: 'how has the entry changed?' },
  'speaker patch ipallocations.berth.dev/status': { most: 1, reason: 'no endpoints, where those go before it' },
  'controller patch services/status': { most: 1, reason: 'the same, where they go before it' },
  'controller create events.events.k8s.io': { most: 1, reason: 'the same' },
  'controller patch ipaddresspools.berth.dev/status': { most: 1, reason: 'used and free, once for all of a pass' },
};

/** The Services of a moment: so many are made, or deleted, at once. */
export const creationOf = (count: number): Budget => ({ ...atRest, ...times(count, creation) });

/** The same at their end. */
export const deletionOf = (count: number): Budget => ({ ...atRest, ...times(count, deletion) });

/** Every controller is replaced by another one. */
export const controllersRestart: Budget = {
  ...rewatching('speaker'),
  ...starting('controller'),
  'controller create secrets': { most: pods.controller, reason: 'each new leader makes the key where there is none' },
};

/** A VIP has another holder. */
const move: Budget = {
  'speaker patch ipallocations.berth.dev/status': {
    most: 3,
    reason: 'held, where kube-proxy is late; announced; verified',
  },
  'controller patch services/status': { most: 2, reason: 'who announces it; and whether it is well' },
};

/** A VIP whose holder stays. */
const otherVerifier: Budget = {
  'speaker patch ipallocations.berth.dev/status': {
    most: 2,
    reason: 'another node verifies it while its verifier restarts, and its name stands there',
  },
};

/** Every speaker is replaced by another one: what they hold, and what is on record of it, stays, but for so many moves. */
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
