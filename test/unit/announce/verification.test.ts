/** When a node verifies a VIP of another node, and what it concludes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { Verification } from '../../../src/announce/verification.ts';
import type { Aim, Target } from '../../../src/announce/verification-plan.ts';
import { fc } from '../../property.ts';

const holderMac = '02:00:00:00:00:01';
const otherMac = '02:00:00:00:00:0f';
const web: Aim = { kind: 'Port', port: 80 };

function target(n: number, facts: Partial<Target> = {}): Target {
  const address = `10.0.${n >> 8}.${n & 255}` as Ip;
  return {
    ...{ uid: `u${n}`, address, holder: 'n1', term: 1, macs: [holderMac], link: 'eth0', source: '10.1.0.2' as Ip },
    ...{ aim: web, ...facts },
  };
}

/** How the network answers: which hosts have a VIP, and whether its port answers. */
interface World {
  readonly macs: (address: string, to: string | undefined) => readonly string[];
  readonly opens: (address: string) => boolean;
  /** The link on which answers arrive; absent: the one that was probed. */
  readonly link?: string;
}

const good: World = { macs: () => [holderMac], opens: () => true };

/** Runs a verification until a given time, and records its probes and results. */
class Run {
  readonly verification = new Verification();
  readonly neighborProbes: { readonly at: number; readonly address: string; readonly to: string | undefined }[] = [];
  readonly synProbes: { readonly at: number; readonly address: string; readonly mac: string }[] = [];
  readonly found: { readonly at: number; readonly uid: string; readonly said: string }[] = [];
  world: World = good;
  /** The link accepts these probes. */
  sends = { neighbor: true, syn: true };
  #now = 0;

  observe(targets: readonly Target[]): void {
    this.verification.observe(targets, this.#now);
  }

  until(end: number): void {
    for (let turns = 0; ; turns++) {
      assert.ok(turns < 100_000, 'the verification runs without end');
      const { neighborProbes, synProbes, found, nextAt } = this.verification.turn(this.#now);
      const at = this.#now;
      for (const { target: of, to } of neighborProbes) {
        this.neighborProbes.push({ at, address: of.address, to });
        if (!this.sends.neighbor) this.verification.unsent(of);
        if (!this.sends.neighbor) continue;
        for (const mac of this.world.macs(of.address, to))
          this.verification.heard({ address: of.address, mac, link: this.world.link ?? of.link });
      }
      for (const { target: of, mac } of synProbes) {
        this.synProbes.push({ at, address: of.address, mac });
        if (!this.sends.syn) this.verification.unsent(of);
        else if (this.world.opens(of.address)) this.verification.reached(of.address);
      }
      for (const { result } of found) {
        this.found.push({ at, uid: result.uid, said: `${result.outcome} ${result.detail}`.trim() });
      }
      const isAnswered = neighborProbes.length > 0 || synProbes.length > 0;
      const next = isAnswered ? at : Math.max(at + 1, nextAt ?? Number.POSITIVE_INFINITY);
      if (next > end) break;
      this.#now = next;
    }
    this.#now = end;
  }

  said(): readonly string[] {
    return this.found.map(({ said }) => said);
  }
}

function runOf(...targets: readonly Target[]): Run {
  const run = new Run();
  run.observe(targets);
  return run;
}

test('a VIP and its port at the holder are probed and verified, soon and then every thirty seconds', () => {
  const run = runOf(target(1));
  run.until(62_000);
  assert.deepEqual(run.said(), ['Verified 80', 'Verified 80', 'Verified 80']);
  assert.deepEqual(
    run.synProbes.map(({ mac }) => mac),
    [holderMac, holderMac, holderMac],
  );
  assert.ok((run.found[0]?.at ?? 0) <= 1_200, `${run.found[0]?.at}`);
});

test('verification probes all hosts once, then the holder alone, and all hosts again after ten minutes', () => {
  const run = runOf(target(1));
  run.until(650_000);
  const broadcasts = run.neighborProbes.filter(({ to }) => to === undefined).map(({ at }) => at);
  assert.equal(broadcasts.length, 2, `${broadcasts}`);
  assert.ok((broadcasts[1] ?? 0) >= 600_000);
  assert.ok(run.neighborProbes.length > 20);
  assert.ok(run.neighborProbes.every(({ to }) => to === undefined || to === holderMac));
});

const worlds = [
  { desc: 'no host answers', world: { macs: () => [] }, said: 'NotAnswered' },
  { desc: 'another host answers', world: { macs: () => [otherMac] }, said: `AnsweredByOther ${otherMac}` },
  {
    desc: 'another host answers too',
    world: { macs: () => [holderMac, otherMac] },
    said: `AnsweredByOther ${otherMac}`,
  },
  { desc: 'the port does not answer', world: { opens: () => false }, said: 'NoDataPath 80' },
] as const;

for (const { desc, world, said } of worlds) {
  test(`${desc}: Verified is ${said} after two probes of three tries each, and True soon after the fault ends`, () => {
    const run = runOf(target(1));
    run.world = { ...good, ...world };
    run.until(12_000);
    assert.deepEqual([...new Set(run.said())], [said]);
    const [first] = run.found;
    assert.ok(first !== undefined && first.at > 3_000 && first.at < 9_500, `${first?.at}`);
    run.world = good;
    run.until(19_000);
    assert.equal(run.said().at(-1), 'Verified 80');
  });
}

test('what is heard on another link is no answer to a probe', () => {
  const run = runOf(target(1));
  run.world = { ...good, link: 'cali1' };
  run.until(12_000);
  assert.deepEqual([...new Set(run.said())], ['NotAnswered']);
});

test('one failed probe changes no condition if the next one succeeds', () => {
  const run = runOf(target(1));
  run.world = { ...good, opens: () => false };
  run.until(3_500);
  run.world = good;
  run.until(8_000);
  assert.deepEqual(run.said(), ['Verified 80']);
});

test('a port gets three SYNs, at 0, 300 and 1,000 ms, and an answer to the last one counts', () => {
  const run = runOf(target(1));
  let synProbes = 0;
  run.world = { ...good, opens: () => ++synProbes === 3 };
  run.until(5_000);
  const [first = { at: 0 }] = run.synProbes;
  assert.deepEqual(
    run.synProbes.map(({ at }) => at - first.at),
    [0, 300, 1_000],
  );
  assert.deepEqual(run.said(), ['Verified 80']);
});

test('where no port can be probed, the holder must still answer for the VIP', () => {
  const aim: Aim = { kind: 'Nothing', outcome: 'NotProbed', detail: 'NoTcpPort' };
  const run = runOf(target(1, { aim }));
  run.until(3_000);
  assert.deepEqual(run.said(), ['NotProbed NoTcpPort']);
  assert.deepEqual(run.synProbes, []);
  const silent = runOf(target(1, { aim }));
  silent.world = { ...good, macs: () => [] };
  silent.until(10_000);
  assert.equal(silent.said()[0], 'NotAnswered');
});

test('when the holder no longer answers, verification probes all hosts', () => {
  const run = runOf(target(1));
  run.until(5_000);
  run.world = { ...good, macs: (_, to) => (to === undefined ? [otherMac] : []) };
  run.until(40_000);
  assert.equal(run.said().at(-1), `AnsweredByOther ${otherMac}`);
});

test('a VIP with a new holder, term or port is verified again at once, and no result of the old one is reported', () => {
  const changes = [{ holder: 'n3', macs: [otherMac] }, { term: 2 }, { aim: { kind: 'Port', port: 81 } as const }];
  for (const change of changes) {
    const run = runOf(target(1));
    run.until(1_050);
    run.observe([target(1, change)]);
    run.world = { ...good, macs: () => [change.macs?.[0] ?? holderMac] };
    run.until(3_000);
    assert.equal(run.found.length, 1, JSON.stringify(change));
    assert.ok((run.found[0]?.at ?? 0) >= 2_050);
  }
});

test('a VIP that is gone is no longer verified', () => {
  const run = runOf(target(1), target(2));
  run.until(1_050);
  run.observe([target(2)]);
  run.until(60_000);
  assert.deepEqual([...new Set(run.found.map(({ uid }) => uid))], ['u2']);
  run.observe([]);
  assert.equal(run.verification.turn(60_000).nextAt, undefined);
});

test('at most twenty VIPs are verified in a second, each in its turn, and new ones first', () => {
  const many = Array.from({ length: 1_000 }, (_, n) => target(n));
  const run = runOf(...many);
  run.until(61_000);
  const starts = run.neighborProbes.map(({ at }) => at);
  for (const at of starts) {
    const inSecond = starts.filter((other) => other >= at && other < at + 1_000).length;
    assert.ok(inSecond <= 23, `${inSecond} in the second after ${at}`);
  }
  assert.equal(new Set(run.found.map(({ uid }) => uid)).size, many.length);
  assert.equal(run.verification.roundMs, 50_000);
  run.observe([...many, target(1_001)]);
  run.until(64_000);
  assert.ok(
    run.found.some(({ uid }) => uid === 'u1001'),
    'the new VIP is verified soon',
  );
  run.until(120_000);
  const times = new Map<string, number>();
  for (const { uid } of run.found) times.set(uid, (times.get(uid) ?? 0) + 1);
  assert.ok(Math.min(...times.values()) >= 1);
  assert.ok(Math.max(...times.values()) <= 4);
});

test('for any events, verification ends its work, and every result is about a present target', () => {
  const event = fc.oneof(
    fc.record({ kind: fc.constant('observe' as const), uids: fc.array(fc.nat(5)), term: fc.nat(3) }),
    fc.record({ kind: fc.constant('heard' as const), n: fc.nat(5), mac: fc.constantFrom(holderMac, otherMac) }),
    fc.record({ kind: fc.constant('reached' as const), n: fc.nat(5) }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(event, fc.nat(3_000)), { maxLength: 60 }), (events) => {
      const verification = new Verification();
      let present = new Map<string, number>();
      let now = 0;
      for (const [what, pause] of events) {
        now += pause;
        if (what.kind === 'observe') {
          present = new Map(what.uids.map((n) => [`u${n}`, what.term]));
          verification.observe(
            [...new Set(what.uids)].map((n) => target(n, { term: what.term })),
            now,
          );
        } else if (what.kind === 'heard') verification.heard({ ...target(what.n), mac: what.mac });
        else verification.reached(target(what.n).address);
        const { found, neighborProbes, synProbes, nextAt } = verification.turn(now);
        for (const { result } of found) assert.equal(present.get(result.uid), result.term);
        for (const { target: of } of [...neighborProbes, ...synProbes]) assert.equal(present.get(of.uid), of.term);
        assert.equal(nextAt === undefined, present.size === 0);
        assert.ok(nextAt === undefined || nextAt >= now);
      }
    }),
  );
});

test('of two other hosts that answer in turn, the one that was reported stays the reported one', () => {
  const macs = [otherMac, '02:00:00:00:00:0e'];
  const run = runOf(target(1));
  run.world = { macs: () => [...macs.reverse()], opens: () => true };
  run.until(60_000);
  assert.ok(run.said().length > 5);
  assert.equal(new Set(run.said()).size, 1, run.said().join('; '));
});

test('probes that could not be sent prove nothing, and are tried again', () => {
  for (const sends of [
    { neighbor: false, syn: true },
    { neighbor: true, syn: false },
  ]) {
    const run = runOf(target(1));
    run.sends = sends;
    run.until(60_000);
    assert.deepEqual(run.said(), []);
    run.sends = { neighbor: true, syn: true };
    run.until(70_000);
    assert.deepEqual(run.said(), ['Verified 80']);
  }
});
