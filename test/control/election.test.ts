/** Leader election: one leader at a time, the next one as soon as possible, and never a second one too early. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { KubeClient } from '../../src/kube/client.ts';
import { LeaderElector, type LeaseTiming } from '../../src/kube/leader.ts';
import type { ApiObject, Fields } from '../apiserver/objects.ts';
import { ApiServer } from '../apiserver/server.ts';
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
    this.client = new KubeClient({ server: server.url, credentials: async () => ({ tls: {}, headers: {} }) });
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

  /** A candidate that leads, and how its lead ended: `lost` is undefined while it leads. */
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

  /** Writes the Lease as another client. */
  write(spec: object): void {
    const metadata = { name: 'berth-controller' };
    const isThere = this.server.store.request({ path: paths.lease }).status === 200;
    const body = isThere ? { ...this.lease, spec } : { metadata, spec };
    const path = isThere ? paths.lease : paths.leases;
    this.server.store.request({ method: isThere ? 'PUT' : 'POST', path, body });
  }
}

test('a Lease that is renewed is left alone, and a Lease that is not renewed is taken when it expires', async (t) => {
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
  await eventually('the candidate has tried for a while', () => renewals > 25 && stage.server.asked.length > 5, soon);
  assert.equal(leads, false);
  assert.deepEqual(stage.server.requests({ method: 'PUT' }), []);
  clearInterval(renewing);
  const silentFrom = performance.now();
  await eventually('the candidate leads', () => leads, soon);
  const [taking] = stage.server.requests({ method: 'PUT' });
  assert.ok((taking?.at ?? 0) - silentFrom >= 950, `taken ${(taking?.at ?? 0) - silentFrom} ms after the last renewal`);
});

test('one of several candidates leads, and when it releases the Lease the next one leads at once', async (t) => {
  const stage = await Stage.open(t);
  const long = { leaseDurationMs: 60_000, renewDeadlineMs: 50_000 };
  const candidates = [stage.candidate(long), stage.candidate(long), stage.candidate(long)];
  const leading: LeaderElector[] = [];
  for (const one of candidates) void one.lead(stage.signal).then(() => leading.push(one));
  await eventually('one candidate leads', () => leading.length > 0, soon);
  await eventually('all candidates have tried', () => stage.server.asked.length > 12, soon);
  assert.equal(leading.length, 1);
  const [first] = leading;
  await first?.giveBack();
  await eventually('the next candidate leads', () => leading.length > 1, soon);
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
  await eventually('the candidate tries again', () => stage.server.asked.length > asked + 2, soon);
  assert.deepEqual([leads, stage.holder], [false, 'faster']);
});

test('a leader that slept past its deadline ends at once, without a request first', async (t) => {
  const stage = await Stage.open(t);
  const leader = await stage.leader({ renewDeadlineMs: 300, retryPeriodMs: 150 });
  await eventually('the leader has renewed', () => stage.server.requests({ method: 'PUT' }).length > 0, soon);
  await delay(50);
  // The whole process stands still meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  const wokeAt = performance.now();
  await eventually('the leader ends', () => leader.lost, soon);
  assert.match(leader.lost?.message ?? '', /was paused beyond the renew deadline/);
  const asked = stage.server.asked.filter(({ at }) => at > wokeAt);
  assert.deepEqual(asked, [], 'the leader sends no more requests');
});

test('a leader whose Lease names another holder ends when it next reads the Lease', async (t) => {
  const stage = await Stage.open(t);
  const leader = await stage.leader({ leaseDurationMs: 60_000, renewDeadlineMs: 50_000 });
  stage.write({ holderIdentity: 'other', leaseDurationSeconds: 600 });
  await eventually('the leader ends', () => leader.lost, soon);
  assert.equal(stage.holder, 'other');
});

test('a leader that cannot renew acts until its deadline, counted from the start of its last successful renewal', async (t) => {
  const stage = await Stage.open(t);
  const leader = await stage.leader({ leaseDurationMs: 2_000, renewDeadlineMs: 1_500 });
  // The last successful renewal is answered late: the Lease may have been written as soon as the
  // request was sent.
  const slow = stage.server.fault({ method: 'PUT' }, { kind: 'HoldAnswer' }, 1);
  const from = (await slow.met).at;
  await delay(250);
  stage.server.fault({}, { kind: 'Refuse', status: 503 });
  await slow.heal();
  await eventually('the leader ends', () => leader.lost, soon);
  assert.ok(leader.lostAt - from > 1_400, `the leader gave up after ${leader.lostAt - from} ms`);
  const refused = stage.server.asked.filter(({ at }) => at > from);
  assert.ok(refused.length >= 3, `${refused.length} attempts`);
  const last = (refused.at(-1)?.at ?? 0) - from;
  assert.ok(last <= 1_620, `the last attempt came after ${last} ms`);
});

test('a few refused, dropped or lost renewals do not cost the lead', async (t) => {
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
  await eventually('all faults have occurred', () => faults.every(({ count }) => count > 0), soon);
  const renewed = stage.lease.metadata.resourceVersion;
  await eventually('the leader renews again', () => stage.lease.metadata.resourceVersion !== renewed, soon);
  assert.equal(leader.lost, undefined);
  assert.equal(stage.holder, leader.election.identity);
});

test('one request that hangs does not cost the lead', async (t) => {
  const stage = await Stage.open(t);
  const leader = await stage.leader({ leaseDurationMs: 2_000, renewDeadlineMs: 1_000 });
  const hung = stage.server.fault({ method: 'GET' }, { kind: 'Hang' }, 1);
  await hung.met;
  const before = stage.lease.metadata.resourceVersion;
  await Promise.race([
    eventually('the leader renews again', () => stage.lease.metadata.resourceVersion !== before, soon),
    eventually('the leader ends', () => leader.lost, soon),
    delay(5_000, undefined, { signal: stage.signal }).catch(() => undefined),
  ]);
  assert.equal(leader.lost?.message, undefined, 'the lead is lost, though every other request was answered');
});

test('a leader that ends in the middle of a renewal gives its Lease back', async (t) => {
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

test('requests that hang do not cost the lead, however many they are', async (t) => {
  const stage = await Stage.open(t);
  const leader = await stage.leader({ leaseDurationMs: 8_000, renewDeadlineMs: 4_000 });
  const hung = stage.server.fault({ path: /services/ }, { kind: 'Hang' });
  const requests = Array.from({ length: 300 }, (_, i) =>
    stage.client.json({ path: `${paths.ofDefault}/${i}`, signal: stage.signal }).catch(() => undefined),
  );
  t.after(() => Promise.all(requests));
  await hung.met;
  const before = stage.lease.metadata.resourceVersion;
  await eventually('the leader renews', () => stage.lease.metadata.resourceVersion !== before, {
    ...soon,
    timeoutMs: 8_000,
  });
  assert.equal(leader.lost, undefined);
});

test('connections to an API server that has lost its power do not cost the lead', async (t) => {
  const stage = await Stage.open(t);
  const leader = await stage.leader({ leaseDurationMs: 4_000, renewDeadlineMs: 1_500 });
  // Connections of many requests at once stay open for later ones.
  await Promise.all(Array.from({ length: 30 }, () => stage.client.json({ path: paths.services })));
  stage.server.cutOff();
  const before = stage.lease.metadata.resourceVersion;
  await eventually(
    'the leader renews again, or ends',
    () => stage.lease.metadata.resourceVersion !== before || leader.lost,
    soon,
  );
  assert.equal(leader.lost?.message, undefined, 'the lead is lost, though new connections are answered');
});
