/** Who leads: one at a time, the next one as soon as may be, and none that might not. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { KubeClient } from '../../src/kube/client.ts';
import { LeaderElector, type LeaseTiming } from '../../src/kube/leader.ts';
import type { ApiObject, Fields } from '../apiserver/objects.ts';
import { ApiServer } from '../apiserver/server.ts';
import { promise } from '../honesty/promise.ts';
import { eventually } from '../lab/poll.ts';
import { keptLog, type LogLine } from './running-controller.ts';
import { paths } from './world.ts';

const soon = { timeoutMs: 10_000, everyMs: 10 };
const timing: LeaseTiming = { leaseDurationMs: 1_000, renewDeadlineMs: 800, retryPeriodMs: 20 };

/** Candidates for one Lease. */
class Stage {
  readonly server: ApiServer;
  readonly client: KubeClient;
  readonly lines: LogLine[] = [];
  readonly #stop = new AbortController();

  private constructor(server: ApiServer) {
    this.server = server;
    this.client = new KubeClient({ server: server.url, tls: {}, headers: async () => ({}) });
  }

  static async open(t: TestContext): Promise<Stage> {
    const stage = new Stage(await ApiServer.open());
    t.after(() => {
      stage.#stop.abort();
      stage.client.close();
      stage.server.close();
    });
    return stage;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  candidate(over: Partial<LeaseTiming> = {}): LeaderElector {
    const log = keptLog(this.lines);
    const names = { namespace: 'berth-system', lease: 'berth-controller' };
    return new LeaderElector({ client: this.client, log, ...names, timing: { ...timing, ...over } });
  }

  /** One that leads, and what becomes of it: undefined while it does. */
  async leader(over: Partial<LeaseTiming> = {}) {
    const election = this.candidate(over);
    await election.lead(this.signal);
    const state: { election: LeaderElector; lost: Error | undefined; lostAt: number } = {
      election,
      lost: undefined,
      lostAt: 0,
    };
    election.hold(this.signal).catch((error: Error) => {
      state.lost = error;
      state.lostAt = performance.now();
    });
    return state;
  }

  get lease(): ApiObject {
    return this.server.store.request({ path: paths.lease }).body as ApiObject;
  }

  get holder(): string {
    return (this.lease.spec as Fields).holderIdentity as string;
  }

  /** Somebody else writes it. */
  write(spec: object): void {
    const metadata = { name: 'berth-controller' };
    const isThere = this.server.store.request({ path: paths.lease }).status === 200;
    const body = isThere ? { ...this.lease, spec } : { metadata, spec };
    const path = isThere ? paths.lease : paths.leases;
    this.server.store.request({ method: isThere ? 'PUT' : 'POST', path, body });
  }
}

test('a Lease that is renewed is left alone, and one that is not is taken when its time is over', async (t) => {
  const stage = await Stage.open(t);
  let renewals = 0;
  const renew = () => stage.write({ holderIdentity: 'other', leaseDurationSeconds: 1, renewTime: `${renewals++}` });
  renew();
  const renewing = setInterval(renew, 50);
  t.after(() => clearInterval(renewing));
  let leads = false;
  void stage
    .candidate()
    .lead(stage.signal)
    .then(() => (leads = true));
  await eventually('it has asked for a while', () => renewals > 25 && stage.server.asked.length > 5, soon);
  assert.equal(leads, false);
  assert.deepEqual(stage.server.requests({ method: 'PUT' }), []);
  clearInterval(renewing);
  const silentFrom = performance.now();
  await eventually('it leads', () => leads, soon);
  const [taking] = stage.server.requests({ method: 'PUT' });
  assert.ok((taking?.at ?? 0) - silentFrom >= 950, `taken ${(taking?.at ?? 0) - silentFrom} ms after the last renewal`);
});

test('of several candidates one leads, and when it gives the Lease back the next one does at once', async (t) => {
  const stage = await Stage.open(t);
  const long = { leaseDurationMs: 60_000, renewDeadlineMs: 50_000 };
  const candidates = [stage.candidate(long), stage.candidate(long), stage.candidate(long)];
  const leading: LeaderElector[] = [];
  for (const one of candidates) void one.lead(stage.signal).then(() => leading.push(one));
  await eventually('one leads', () => leading.length > 0, soon);
  await eventually('all have asked', () => stage.server.asked.length > 12, soon);
  assert.equal(leading.length, 1);
  const [first] = leading;
  await first?.giveBack();
  await eventually('the next one leads', () => leading.length > 1, soon);
  assert.equal(stage.holder, leading[1]?.identity);
});

test('a candidate that loses the race for a free Lease does not lead', async (t) => {
  const stage = await Stage.open(t);
  stage.write({ holderIdentity: '', leaseDurationSeconds: 1 });
  const late = stage.server.fault({ method: 'PUT' }, { kind: 'Hold' }, 1);
  let leads = false;
  void stage
    .candidate()
    .lead(stage.signal)
    .then(() => (leads = true));
  await late.met;
  stage.write({ holderIdentity: 'faster', leaseDurationSeconds: 600 });
  assert.equal(await late.heal(), 409);
  const asked = stage.server.asked.length;
  await eventually('it asks again', () => stage.server.asked.length > asked + 2, soon);
  assert.deepEqual([leads, stage.holder], [false, 'faster']);
});

test('a leader that overslept ends at once, without asking first', async (t) => {
  const stage = await Stage.open(t);
  const leader = await stage.leader({ renewDeadlineMs: 300, retryPeriodMs: 150 });
  await eventually('it has renewed', () => stage.server.requests({ method: 'PUT' }).length > 0, soon);
  await delay(50);
  // Nothing of this process goes on meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  const wokeAt = performance.now();
  await eventually('it ends', () => leader.lost, soon);
  assert.match(leader.lost?.message ?? '', /was paused beyond the renew deadline/);
  const asked = stage.server.asked.filter(({ at }) => at > wokeAt);
  assert.deepEqual(asked, [], 'it asks no more');
});

test('a leader whose Lease names another one ends at the next look', async (t) => {
  const stage = await Stage.open(t);
  const leader = await stage.leader({ leaseDurationMs: 60_000, renewDeadlineMs: 50_000 });
  stage.write({ holderIdentity: 'other', leaseDurationSeconds: 600 });
  await eventually('it ends', () => leader.lost, soon);
  assert.equal(stage.holder, 'other');
});

test('a leader that cannot renew acts until its deadline, counted from when it asked the last time in vain', async (t) => {
  const stage = await Stage.open(t);
  const leader = await stage.leader({ leaseDurationMs: 2_000, renewDeadlineMs: 1_500 });
  // The last renewal that works takes its time: the Lease may have been written as soon as it was asked for.
  const slow = stage.server.fault({ method: 'PUT' }, { kind: 'HoldAnswer' }, 1);
  const from = (await slow.met).at;
  await delay(250);
  stage.server.fault({}, { kind: 'Refuse', status: 503 });
  await slow.heal();
  await eventually('it ends', () => leader.lost, soon);
  assert.ok(leader.lostAt - from > 1_400, `it gave up after ${leader.lostAt - from} ms`);
  const refused = stage.server.asked.filter(({ at }) => at > from);
  assert.ok(refused.length >= 3, `it asked ${refused.length} times`);
  const last = (refused.at(-1)?.at ?? 0) - from;
  assert.ok(last <= 1_620, `its last attempt came after ${last} ms`);
});

test('refused, dropped and lost renewals that pass do not cost the lead', async (t) => {
  const stage = await Stage.open(t);
  const leader = await stage.leader({ leaseDurationMs: 6_000, renewDeadlineMs: 5_000 });
  const puts = { method: 'PUT' };
  const faults = [
    stage.server.fault(puts, { kind: 'Refuse', status: 500 }, 1),
    stage.server.fault(puts, { kind: 'Refuse', status: 429, retryAfter: 1 }, 1),
    stage.server.fault(puts, { kind: 'Drop' }, 1),
    stage.server.fault(puts, { kind: 'LoseAnswer' }, 1),
    stage.server.fault({ method: 'GET' }, { kind: 'Refuse', status: 404 }, 1),
  ];
  await eventually('all were met', () => faults.every(({ count }) => count > 0), soon);
  const renewed = stage.lease.metadata.resourceVersion;
  await eventually('it renews again', () => stage.lease.metadata.resourceVersion !== renewed, soon);
  assert.equal(leader.lost, undefined);
  assert.equal(stage.holder, leader.election.identity);
});

promise('one request that hangs does not cost the lead', async (t) => {
  const stage = await Stage.open(t);
  const leader = await stage.leader({ leaseDurationMs: 2_000, renewDeadlineMs: 1_000 });
  const hung = stage.server.fault({ method: 'GET' }, { kind: 'Hang' }, 1);
  await hung.met;
  const before = stage.lease.metadata.resourceVersion;
  await Promise.race([
    eventually('it renews again', () => stage.lease.metadata.resourceVersion !== before, soon),
    eventually('it ends', () => leader.lost, soon),
    delay(5_000, undefined, { signal: stage.signal }).catch(() => undefined),
  ]);
  assert.equal(leader.lost?.message, undefined, 'the lead is lost, though every other request was answered');
});

promise('a leader that ends in the middle of a renewal gives its Lease back', async (t) => {
  const stage = await Stage.open(t);
  const stop = new AbortController();
  const election = stage.candidate({ leaseDurationMs: 60_000, renewDeadlineMs: 50_000 });
  await election.lead(stop.signal);
  const renewal = stage.server.fault({ method: 'PUT' }, { kind: 'HoldAnswer' }, 1);
  const holding = election.hold(stop.signal);
  await renewal.met;
  stop.abort();
  await holding;
  await election.giveBack();
  assert.equal(stage.holder, '', 'the successor has to wait until the Lease runs out');
});
