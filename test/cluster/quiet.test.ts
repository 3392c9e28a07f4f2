/** Berth's requests to the API server: only those for its Lease while nothing happens, and no more than its budget when something does. */
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { atRest, controllersRestart, creationOf, deletionOf, speakersRestart } from './budgets.ts';
import { type Budget, excessOf, type Requests, requestsBetween, withoutElection } from './requests.ts';
import { followSpeakers, lapsesIn } from './speaker-process.ts';

const lab = berth.sharedLab();
/**
 * Longer than the minute after which everything is decided again, than two rounds of verification, and than the silence after which a
 * watch that has had an event is opened again.
 */
const restMs = 100_000;
/** All effects of an event come sooner than this. */
const settleMs = 3_000;
/** The pause between two reads of the Lease (`--leader-elect-retry-period`). */
const lookMs = 2_000;
const many = Array.from({ length: 10 }, (_, i) => `many-${i}`);
const standing = {
  plain: berth.serviceManifest('plain'),
  local: berth.serviceManifest('local', 'externalTrafficPolicy: Local'),
  handed: berth.serviceManifest('handed', '', 'berth.dev/hand-off: NodePort'),
  // It requests an address that it cannot have.
  refused: berth.serviceManifest('refused', '', 'berth.dev/loadBalancerIPs: 198.51.100.1'),
};

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.backends);
  await lab.kubectl(['rollout', 'status', 'deployment/web', '--timeout=90s']);
  await lab.apply(berth.poolManifest('main', lab.subnet.vips));
  await lab.apply(Object.values(standing).join('\n---\n'));
  await settled(Object.keys(standing).length - 1);
});
after(async () => {
  await berth.cleanUp(lab);
  await lab.kubectl(['delete', 'deployment', 'web', '--ignore-not-found']);
});

/** Waits until `count` addresses are verified, which is the last step for an address, and until that is written everywhere. */
async function settled(count: number): Promise<void> {
  const format = 'jsonpath={.items[*].status.conditions[?(@.type=="Verified")].status}';
  const all = Array(count).fill('True').join(' ');
  await eventually('all verified', async () => (await lab.kubectl(['get', 'ipallocations', '-o', format])) === all, {
    timeoutMs: 60_000,
  });
  await delay(settleMs);
}

/** Runs `act`, and returns the requests during that time. */
async function during(act: () => Promise<unknown>): Promise<Requests> {
  const from = new Date();
  await act();
  return requestsBetween(lab, from, new Date());
}

function keeps(t: TestContext, requests: Requests, budget: Budget): void {
  const asked = withoutElection(requests);
  t.diagnostic(
    Object.entries(asked)
      .map(([what, { length }]) => `${length} ${what}`)
      .sort()
      .join(', ') || 'nothing',
  );
  const excess = excessOf(asked, budget);
  assert.deepEqual(excess, [], excess.join('\n'));
}

test('at rest only the Lease is written, only watches are read, and the leader stays the same', async (t) => {
  const lease = ['-n', berth.namespace, 'get', 'lease', 'berth-controller', '-o', 'jsonpath={.spec}'];
  const spec = async () => {
    const { holderIdentity, acquireTime } = JSON.parse(await lab.kubectl(lease)) as Readonly<Record<string, string>>;
    return { holderIdentity, acquireTime };
  };
  const before = await spec();
  assert.notEqual(before.holderIdentity, '');
  const requests = await during(() => delay(restMs));
  keeps(t, requests, atRest);
  const of = (verb: string) => requests[`controller ${verb} leases.coordination.k8s.io`]?.length ?? 0;
  const looks = Math.ceil(restMs / lookMs);
  // Both replicas read the Lease, and the leader renews it.
  assert.ok(of('get') <= 2 * looks && of('update') <= looks, `${of('get')} reads and ${of('update')} renewals`);
  assert.ok(of('update') > looks / 2, `${of('update')} renewals: this is not the log of a running controller`);
  assert.deepEqual(await spec(), before);
});

test('a Service costs no more requests than its budget from its creation until it is verified', async (t) => {
  const requests = await during(async () => {
    await lab.apply(many.map((name) => berth.serviceManifest(name)).join('\n---\n'));
    await settled(many.length + Object.keys(standing).length - 1);
  });
  keeps(t, requests, creationOf(many.length));
});

test('the deletion of a Service costs no more requests than its budget', async (t) => {
  const requests = await during(async () => {
    await lab.kubectl(['delete', 'service', ...many]);
    await eventually('their entries are gone', async () => (await berth.ledgerOf(lab)).length < many.length);
    await delay(settleMs);
  });
  keeps(t, requests, deletionOf(many.length));
});

test('a restart of all controllers costs only their first lists and watches, and nothing is written', async (t) => {
  const requests = await during(async () => {
    await lab.kubectl(['-n', berth.namespace, 'rollout', 'restart', 'deployment/berth-controller']);
    await berth.rolledOut(lab);
    await delay(settleMs);
  });
  keeps(t, requests, controllersRestart);
});

test('a restart of all speakers costs only their first lists and watches, and only the names of the next verifiers are written', async (t) => {
  const logs = followSpeakers(lab);
  const requests = await during(async () => {
    await lab.kubectl(['-n', berth.namespace, 'rollout', 'restart', 'daemonset/berth-speaker']);
    await berth.rolledOut(lab);
    await delay(settleMs);
  });
  // A speaker that is not back in time loses its VIPs, and the new holders are written.
  const lapses = lapsesIn(await logs());
  if (lapses.size > 0) t.diagnostic(`the speakers of ${[...lapses.keys()]} were not back within three seconds`);
  const vips = Object.keys(standing).length - 1;
  keeps(t, requests, speakersRestart({ vips, moves: lapses.size * vips }));
});
