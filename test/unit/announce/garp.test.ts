/** When gratuitous ARP goes out, in which order, and what its frames look like. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Ip } from '../../../src/addr/ip.ts';
import {
  type DueGarp,
  dueGarp,
  encodeGarp,
  type GarpState,
  idleGarp,
  nextGarpMs,
  planGarp,
} from '../../../src/announce/garp.ts';
import { decodeArp } from '../../../src/wire/arp.ts';

interface Sent extends DueGarp {
  readonly atMs: number;
}

/** Lets the time of the state pass in steps until `untilMs`, and collects what is sent. */
function run(state: GarpState, span: { fromMs: number; untilMs: number; stepMs?: number }) {
  const sent: Sent[] = [];
  let now = state;
  for (let atMs = span.fromMs; atMs <= span.untilMs; atMs += span.stepMs ?? 10) {
    const due = dueGarp(now, atMs);
    sent.push(...due.frames.map((frame) => ({ ...frame, atMs })));
    now = due.state;
  }
  return { sent, state: now };
}

const vipsOf = (count: number) => Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}` as Ip);
const [vip = '' as Ip, other = '' as Ip] = vipsOf(2);
const timesOf = (sent: readonly Sent[], form: string) => sent.filter((s) => s.form === form).map((s) => s.atMs);

test('a burst has both forms at 0, 100, 500, 1000, 2000 and 5000 ms, the request form first (hazard C1)', () => {
  const { sent } = run(planGarp(idleGarp, [vip], 40_000), { fromMs: 40_000, untilMs: 60_000 });
  const expected = [0, 100, 500, 1000, 2000, 5000].map((ms) => 40_000 + ms);
  assert.deepEqual(timesOf(sent, 'Request'), expected);
  assert.deepEqual(timesOf(sent, 'Reply'), expected);
  assert.deepEqual(sent.map((s) => s.form).slice(0, 4), ['Request', 'Reply', 'Request', 'Reply']);
});

test('after the burst a VIP is repeated with one frame per 10 minutes (hazard C2)', () => {
  const { state } = run(planGarp(idleGarp, [vip], 0), { fromMs: 0, untilMs: 10_000 });
  const { sent } = run(state, { fromMs: 10_000, untilMs: 1_900_000, stepMs: 1000 });
  assert.deepEqual(timesOf(sent, 'Request'), [605_000, 1_205_000, 1_805_000]);
  assert.deepEqual(timesOf(sent, 'Reply'), []);
});

test('every VIP has its first round before any has its second, and none is forgotten', () => {
  const vips = vipsOf(1000);
  const { sent } = run(planGarp(idleGarp, vips, 0), { fromMs: 0, untilMs: 40_000 });
  assert.deepEqual(
    sent.slice(0, 1000).map((s) => s.vip),
    vips,
  );
  assert.ok(sent.slice(0, 1000).every((s) => s.form === 'Request'));
  assert.deepEqual(new Set(sent.slice(1000, 2000).map((s) => s.vip)), new Set(vips));
  assert.equal(sent.length, 12_000);
});

test('no second has more than 500 frames, however irregular the calls, and the rate is used (hazard C2)', () => {
  const pauses = fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 100, maxLength: 300 });
  fc.assert(
    fc.property(pauses, (waits) => {
      const at: number[] = [];
      let state = planGarp(idleGarp, vipsOf(3000), 0);
      let nowMs = 0;
      for (const wait of waits) {
        nowMs += wait;
        const due = dueGarp(state, nowMs);
        state = due.state;
        for (const _ of due.frames) at.push(nowMs);
      }
      assert.ok(at.every((ms, i) => (at[i + 500] ?? Number.POSITIVE_INFINITY) - ms >= 1000));
    }),
    { numRuns: 50 },
  );
  const { sent } = run(planGarp(idleGarp, vipsOf(3000), 0), { fromMs: 0, untilMs: 10_000 });
  assert.ok(sent.length > 4700, `${sent.length} frames in 10 s`);
});

test('a VIP that is lost before its burst ends is not announced any more', () => {
  const begun = run(planGarp(idleGarp, [vip, other], 0), { fromMs: 0, untilMs: 300 });
  const { sent } = run(planGarp(begun.state, [other], 310), { fromMs: 310, untilMs: 700_000 });
  assert.ok(sent.length > 8);
  assert.ok(sent.every((frame) => frame.vip === other));
});

test('planning the same VIPs again changes nothing', () => {
  const { state } = run(planGarp(idleGarp, [vip, other], 0), { fromMs: 0, untilMs: 300 });
  assert.deepEqual(planGarp(state, [other, vip], 300), state);
});

test('a new VIP begins its own burst while another is in the middle of one', () => {
  const { state } = run(planGarp(idleGarp, [vip], 0), { fromMs: 0, untilMs: 1500 });
  const { sent } = run(planGarp(state, [vip, other], 1500), { fromMs: 1500, untilMs: 9000 });
  const timesFor = (of: Ip) =>
    timesOf(
      sent.filter((s) => s.vip === of),
      'Request',
    );
  assert.deepEqual(timesFor(other), [1500, 1600, 2000, 2500, 3500, 6500]);
  assert.deepEqual(timesFor(vip), [2000, 5000]);
});

test('nextGarpMs says how long nothing is due', () => {
  assert.equal(nextGarpMs(idleGarp, 5), undefined);
  const planned = planGarp(idleGarp, [vip], 0);
  assert.equal(nextGarpMs(planned, 0), 0);
  assert.equal(nextGarpMs(dueGarp(planned, 0).state, 30), 70);
  const crowded = dueGarp(planGarp(idleGarp, vipsOf(100), 0), 0).state;
  assert.equal(nextGarpMs(crowded, 0), 3);
});

test('both forms are broadcast and name the VIP twice; the reply form has target MAC = sender MAC (hazard C1)', () => {
  const mac = '02:00:00:00:00:aa';
  const both = { destination: 'ff:ff:ff:ff:ff:ff', source: mac, senderMac: mac, senderIp: vip, targetIp: vip };
  const decoded = (form: 'Request' | 'Reply') => decodeArp(encodeGarp(mac, { vip, form }));
  assert.deepEqual(decoded('Request'), { ...both, operation: 1, targetMac: '00:00:00:00:00:00' });
  assert.deepEqual(decoded('Reply'), { ...both, operation: 2, targetMac: mac });
});
