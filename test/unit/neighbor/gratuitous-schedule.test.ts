/** When gratuitous ARP and unsolicited advertisements are sent, and in which order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import {
  type BurstState,
  type DueFrame,
  dueFrames,
  idleBursts,
  nextDueMs,
  planBursts,
  repeatBursts,
} from '../../../src/neighbor/gratuitous-schedule.ts';
import { fc } from '../../property.ts';

interface Sent extends DueFrame {
  readonly atMs: number;
}

/** Lets time pass in steps until `untilMs`, and collects the frames that are sent. */
function run(state: BurstState, span: { fromMs: number; untilMs: number; stepMs?: number }) {
  const sent: Sent[] = [];
  let now = state;
  for (let atMs = span.fromMs; atMs <= span.untilMs; atMs += span.stepMs ?? 10) {
    const due = dueFrames(now, atMs);
    sent.push(...due.frames.map((frame) => ({ ...frame, atMs })));
    now = due.state;
  }
  return { sent, state: now };
}

const vipsOf = (count: number) => Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}` as Ip);
const [vip = '' as Ip, other = '' as Ip] = vipsOf(2);
const ipv6 = 'fd00::1' as Ip;
const timesOf = (sent: readonly Sent[], form: string) => sent.filter((s) => s.form === form).map((s) => s.atMs);

test('a burst has both forms at 0, 100, 500, 1000, 2000 and 5000 ms, the request form first', () => {
  const { sent } = run(planBursts(idleBursts, [vip], 40_000), { fromMs: 40_000, untilMs: 60_000 });
  const expected = [0, 100, 500, 1000, 2000, 5000].map((ms) => 40_000 + ms);
  assert.deepEqual(timesOf(sent, 'Request'), expected);
  assert.deepEqual(timesOf(sent, 'Reply'), expected);
  assert.deepEqual(sent.map((s) => s.form).slice(0, 4), ['Request', 'Reply', 'Request', 'Reply']);
});

test('an IPv6 VIP has one advertisement at 0, 100, 500, 1000, 2000 and 5000 ms', () => {
  const { sent } = run(planBursts(idleBursts, [ipv6], 40_000), { fromMs: 40_000, untilMs: 60_000 });
  assert.deepEqual(
    sent.map(({ form, atMs }) => [form, atMs - 40_000]),
    [0, 100, 500, 1000, 2000, 5000].map((ms) => ['Advertisement', ms]),
  );
});

test('after the burst a VIP is repeated with one frame per 10 minutes', () => {
  const { state } = run(planBursts(idleBursts, [vip], 0), { fromMs: 0, untilMs: 10_000 });
  const { sent } = run(state, { fromMs: 10_000, untilMs: 1_900_000, stepMs: 1000 });
  assert.deepEqual(timesOf(sent, 'Request'), [605_000, 1_205_000, 1_805_000]);
  assert.deepEqual(timesOf(sent, 'Reply'), []);
  const begun = run(planBursts(idleBursts, [ipv6], 0), { fromMs: 0, untilMs: 10_000 });
  const later = run(begun.state, { fromMs: 10_000, untilMs: 1_900_000, stepMs: 1000 });
  assert.deepEqual(timesOf(later.sent, 'Advertisement'), [605_000, 1_205_000, 1_805_000]);
});

test('every VIP has its first frame before any VIP has its second, and no VIP is left out', () => {
  const vips = vipsOf(1000);
  const { sent } = run(planBursts(idleBursts, vips, 0), { fromMs: 0, untilMs: 40_000 });
  assert.deepEqual(
    sent.slice(0, 1000).map((s) => s.vip),
    vips,
  );
  assert.ok(sent.slice(0, 1000).every((s) => s.form === 'Request'));
  assert.deepEqual(new Set(sent.slice(1000, 2000).map((s) => s.vip)), new Set(vips));
  assert.equal(sent.length, 12_000);
});

test('with both families on one link, every VIP has its first frame before any VIP has its second', () => {
  const vips = [...vipsOf(300), ...vipsOf(300).map((_, i) => `fd00::${(i + 1).toString(16)}` as Ip)];
  const { sent } = run(planBursts(idleBursts, vips, 0), { fromMs: 0, untilMs: 40_000 });
  assert.deepEqual(new Set(sent.slice(0, 600).map((s) => s.vip)), new Set(vips));
  assert.equal(timesOf(sent, 'Advertisement').length, 300 * 6);
  assert.equal(timesOf(sent, 'Request').length, 300 * 6);
  assert.equal(timesOf(sent, 'Reply').length, 300 * 6);
});

test('no second has more than 500 frames, however irregular the calls, and the limit is nearly reached', () => {
  const pauses = fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 100, maxLength: 300 });
  fc.assert(
    fc.property(pauses, (waits) => {
      const at: number[] = [];
      let state = planBursts(idleBursts, vipsOf(3000), 0);
      let nowMs = 0;
      for (const wait of waits) {
        nowMs += wait;
        const due = dueFrames(state, nowMs);
        state = due.state;
        for (const _ of due.frames) at.push(nowMs);
      }
      assert.ok(at.every((ms, i) => (at[i + 500] ?? Number.POSITIVE_INFINITY) - ms >= 1000));
    }),
    { numRuns: 50 },
  );
  const { sent } = run(planBursts(idleBursts, vipsOf(3000), 0), { fromMs: 0, untilMs: 10_000 });
  assert.ok(sent.length > 4700, `${sent.length} frames in 10 s`);
});

test('a VIP that is lost before its burst ends is no longer announced', () => {
  const begun = run(planBursts(idleBursts, [vip, other], 0), { fromMs: 0, untilMs: 300 });
  const { sent } = run(planBursts(begun.state, [other], 310), { fromMs: 310, untilMs: 700_000 });
  assert.ok(sent.length > 8);
  assert.ok(sent.every((frame) => frame.vip === other));
});

test('planning the same VIPs again has no effect', () => {
  const { state } = run(planBursts(idleBursts, [vip, other], 0), { fromMs: 0, untilMs: 300 });
  assert.deepEqual(planBursts(state, [other, vip], 300), state);
});

test('a new VIP starts its own burst in the middle of another one', () => {
  const { state } = run(planBursts(idleBursts, [vip], 0), { fromMs: 0, untilMs: 1500 });
  const { sent } = run(planBursts(state, [vip, other], 1500), { fromMs: 1500, untilMs: 9000 });
  const timesFor = (of: Ip) =>
    timesOf(
      sent.filter((s) => s.vip === of),
      'Request',
    );
  assert.deepEqual(timesFor(other), [1500, 1600, 2000, 2500, 3500, 6500]);
  assert.deepEqual(timesFor(vip), [2000, 5000]);
});

test('nextDueMs returns the time until the next frame is due', () => {
  assert.equal(nextDueMs(idleBursts, 5), undefined);
  const planned = planBursts(idleBursts, [vip], 0);
  assert.equal(nextDueMs(planned, 0), 0);
  assert.equal(nextDueMs(dueFrames(planned, 0).state, 30), 70);
  const crowded = dueFrames(planBursts(idleBursts, vipsOf(100), 0), 0).state;
  assert.equal(nextDueMs(crowded, 0), 3);
});

test('a new VIP does not wait for VIPs that are announced again', () => {
  const held = vipsOf(2_000);
  const gained = '10.9.9.9' as Ip;
  const settled = run(planBursts(idleBursts, held, 0), { fromMs: 0, untilMs: 60_000 }).state;
  const flooded = planBursts(repeatBursts(settled, held, 60_000), [...held, gained], 60_010);
  const { sent } = run(flooded, { fromMs: 60_010, untilMs: 60_200 });
  assert.equal(sent[0]?.vip, gained);
  assert.ok(
    sent.some(({ vip: of }) => of !== gained),
    'the others follow',
  );
});

test('a VIP that waits for its first frame keeps its place when it must be announced again', () => {
  const begun = planBursts(idleBursts, vipsOf(100), 0);
  const { sent } = run(repeatBursts(begun, vipsOf(1), 1), { fromMs: 1, untilMs: 1 });
  assert.equal(sent[0]?.vip, vip);
});
