/** Other programs that write the status of Berth's Services too. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceView } from '../../../src/api/service.ts';
import { StatusConflicts } from '../../../src/ipam/status-conflicts.ts';
import { ownership, service, writer } from '../fixtures.ts';
import { showing } from './plans.ts';

const wanted = [{ ip: '192.0.2.1', ipMode: 'VIP' }];
const empty = service('s');
const foreign = (at: number) =>
  service('s', { ingress: [{ ip: '203.0.113.1' }], ingressWriters: [writer('other', at)] });
const minute = 60_000;

/** One step: the time, the status at that time, and the expected reaction. */
type Step = readonly [seconds: number, shows: ServiceView, stance: string];

/** Carries out `Write` and `Force`. */
function play(steps: readonly Step[], conflicts = new StatusConflicts(), ingress = wanted): void {
  for (const [seconds, shows, expected] of steps) {
    const now = seconds * 1_000;
    const write = conflicts.decideWrite(shows, ingress, { ownership, now });
    const retry = 'retryInMs' in write && write.retryInMs !== undefined ? ` ${write.retryInMs / 1_000}` : '';
    assert.equal(`${write.kind}${retry}`, expected, `at ${seconds} s`);
    if (write.kind === 'Write' || write.kind === 'Force') conflicts.wrote(shows, ingress, now);
  }
}

test('an empty status is written at once, and again when another program has emptied it', () => {
  play([
    [0, empty, 'Write'],
    [1, empty, 'Write'],
  ]);
});

test('a status that another program wrote is replaced after that program was quiet for a minute', () => {
  play([
    [100, foreign(80_000), 'Wait 40'],
    [139, foreign(80_000), 'Wait 1'],
    [139, foreign(138_000), 'Wait 59'],
    [198, foreign(138_000), 'Force'],
  ]);
  play([[0, service('s', { ingress: [{ ip: '203.0.113.1' }] }), 'Force']]);
  play([[0, foreign(10 * minute), 'Wait 60']]);
});

test('a status that we wrote ourselves is replaced at once', () => {
  const former = service('s', showing('192.0.2.9'));
  play([[0, former, 'Write']]);
});

test('a status that another program wrote too, with the same value, is replaced like one that it wrote alone', () => {
  const writers = [writer('berth-controller', 90_000), writer('other', 0)];
  const both = service('s', { ...showing('192.0.2.9'), ingressWriters: writers });
  play([
    [20, both, 'Wait 40'],
    [60, both, 'Force'],
  ]);
});

test('a status that is emptied twice in a row is left empty for ten minutes', () => {
  play([
    [0, empty, 'Write'],
    [10, empty, 'Write'],
    [20, empty, 'Contested 600'],
    [320, empty, 'Contested 300'],
    [620, empty, 'Write'],
    [630, empty, 'Contested 600'],
  ]);
});

test('a late overwrite begins a new series of overwrites', () => {
  play([
    [0, empty, 'Write'],
    [10, empty, 'Write'],
    [80, empty, 'Write'],
    [90, empty, 'Contested 600'],
  ]);
  play([0, 61, 122, 183, 244].map((at) => [at, empty, 'Write']));
});

test('a status that another program overwrites twice in a row is left to it for good', () => {
  const steps: readonly Step[] = [
    [0, empty, 'Write'],
    [10, foreign(10_000), 'Wait 60'],
    [70, foreign(10_000), 'Force'],
    [80, foreign(80_000), 'Contested'],
    [8_000, foreign(80_000), 'Contested'],
    [80_000, foreign(80_000), 'Contested'],
  ];
  play(steps);
  play([...steps, [90_000, empty, 'Write']]);
});

test('one overwrite of a status counts once, however often it is checked, and whatever follows it', () => {
  play([
    [0, empty, 'Write'],
    [10, foreign(10_000), 'Wait 60'],
    [11, foreign(10_000), 'Wait 59'],
    [12, empty, 'Write'],
    [13, foreign(13_000), 'Contested'],
  ]);
});

test('overwrites of another address, or of another Service, are counted separately', () => {
  const conflicts = new StatusConflicts();
  play(
    [
      [0, empty, 'Write'],
      [10, empty, 'Write'],
      [20, empty, 'Contested 600'],
    ],
    conflicts,
  );
  play([[21, service('t'), 'Write']], conflicts);
  play([[21, empty, 'Write']], conflicts, [{ ip: '192.0.2.2', ipMode: 'VIP' }]);
});

test('the conflicts of a deleted Service are forgotten', () => {
  const conflicts = new StatusConflicts();
  play(
    [
      [0, empty, 'Write'],
      [10, empty, 'Write'],
      [20, empty, 'Contested 600'],
    ],
    conflicts,
  );
  conflicts.keepOnly((uid) => uid === 'uid-s');
  play([[20, empty, 'Contested 600']], conflicts);
  conflicts.keepOnly(() => false);
  play([[20, empty, 'Write']], conflicts);
});
