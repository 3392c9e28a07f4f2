/** What the speakers report of a VIP in its IPAllocation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { type Placement, withheld, withheldUnserved } from '../../../src/announce/placements.ts';
import { type DataPathFault, type Report, Reporter } from '../../../src/announce/reports.ts';
import type { ConflictState } from '../../../src/announce/watched-vip.ts';

const vip = '192.0.2.1' as Ip;
const mac = '02:00:00:00:00:99';
const announce: Placement = { kind: 'Announce', vip, uid: 'u', holder: 'n1', term: 3, links: ['eth0'], damped: false };
const silent = (reason: 'NoCandidate' | 'NetworkAddress' | 'NotHolder', holder?: string): Placement => {
  return { kind: 'Silent', vip, uid: 'u', holder, reason };
};

interface Facts {
  readonly isReporter?: boolean;
  readonly fault?: DataPathFault;
  readonly readiness?: 'Pending' | 'Unproven' | 'Ready';
}

function reports(
  placement: Placement,
  state: ConflictState = { kind: 'Clear' },
  { isReporter = true, fault, readiness = 'Ready' }: Facts = {},
): readonly Report[] {
  return new Reporter().report(
    withheld(
      [placement],
      () => state,
      () => readiness,
    ),
    {
      self: 'n1',
      links: [
        { name: 'eth0', mac: '02:00:00:00:00:01' },
        { name: 'eth1', mac: '02:00:00:00:00:02' },
      ],
      stateOf: () => state,
      verifiedOf: () => undefined,
      spreadOf: () => undefined,
      dataPathFault: () => fault,
      isReporter: () => isReporter,
    },
  );
}

/** `announces|withholds|unheld: TYPE STATUS REASON, ...`. */
function text([report]: readonly Report[]): string {
  if (report === undefined) return 'nothing';
  const { holder, conditions } = report;
  const kind = holder === undefined ? 'unheld' : holder.announces ? 'announces' : 'withholds';
  return `${kind}: ${conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`).join(', ')}`;
}

test('the holder reports that it announces, or that another host answers', () => {
  const rows: readonly [ConflictState, string][] = [
    [{ kind: 'Clear' }, 'announces: Announced True Announced'],
    [{ kind: 'Clear', proxy: mac }, 'announces: Announced True Announced, Conflict False ProxyArp'],
    [{ kind: 'Probing' }, 'nothing'],
    [{ kind: 'Taken', mac }, 'withholds: Announced False AddressTaken, Conflict True AddressTaken'],
    [
      { kind: 'OtherProgram', mac, node: 'n2' },
      'withholds: Announced False AnnouncedByOtherProgram, Conflict True AnnouncedByOtherProgram',
    ],
    [{ kind: 'Contested', mac, node: undefined }, 'announces: Announced True Announced, Conflict True ForeignClaim'],
    [{ kind: 'Contested', mac, node: 'n2' }, 'announces: Announced True Announced, Conflict True ForeignClaim'],
  ];
  for (const [state, expected] of rows) assert.equal(text(reports(announce, state)), expected, state.kind);
});

test('a VIP that the node could not serve is held, not announced, and the record says why', () => {
  const cannotServe = withheldUnserved([announce, silent('NotHolder', 'n2')], () => false);
  assert.deepEqual(
    cannotServe.map(({ kind }) => kind),
    ['Withhold', 'Silent'],
  );
  const [held = announce] = cannotServe;
  assert.equal(text(reports(held)), 'withholds: Announced False NoNodeAddress');
  assert.deepEqual(
    withheldUnserved([announce], () => true),
    [announce],
  );
});

test('a VIP whose rules the kernel refuses is announced, and the record says so', () => {
  assert.equal(
    text(reports(announce, { kind: 'Clear' }, { fault: 'RulesRefused' })),
    'announces: Announced True RulesRefused',
  );
});

test('the record names the node, the term and the links that answer', () => {
  const [report] = reports(announce);
  const links = [{ name: 'eth0', mac: '02:00:00:00:00:01' }];
  assert.deepEqual(report?.holder, { node: 'n1', term: 3, announces: true, links });
  assert.equal(report?.conditions[0]?.message, '192.0.2.1 is announced by node n1 on eth0 (02:00:00:00:00:01)');
});

test('the condition of a VIP that moved too often reports that it stays', () => {
  assert.equal(text(reports({ ...announce, damped: true })), 'announces: Announced True MoveDamped');
});

test('a VIP without an endpoint is announced, and its condition reports the fault', () => {
  const [report, ...others] = reports(announce, { kind: 'Clear' }, { fault: 'NoEndpoints' });
  assert.deepEqual(others, []);
  assert.equal(
    text(reports(announce, { kind: 'Clear' }, { fault: 'NoEndpoints' })),
    'announces: Announced True NoEndpoints',
  );
  assert.match(
    report?.conditions[0]?.message ?? '',
    /^192\.0\.2\.1 is announced by node n1 on .*; but no endpoint serves/,
  );
});

test('one node reports that no node holds a VIP; a node reports nothing about a VIP of another holder', () => {
  assert.equal(text(reports(silent('NoCandidate'))), 'unheld: Announced False NoCandidate');
  assert.equal(text(reports(silent('NoCandidate'), { kind: 'Clear' }, { isReporter: false })), 'nothing');
  assert.equal(text(reports(silent('NotHolder', 'n2'))), 'nothing');
  const edge = 'unheld: Announced False NetworkAddress, Conflict True NetworkAddress';
  assert.equal(text(reports(silent('NetworkAddress'))), edge);
});

test('a VIP that waits for kube-proxy is not reported yet; a VIP announced without its rules is reported as unproven', () => {
  assert.deepEqual(reports(announce, { kind: 'Clear' }, { readiness: 'Pending' }), []);
  const unproven = reports(announce, { kind: 'Clear' }, { readiness: 'Unproven', fault: 'DataPathUnproven' });
  assert.equal(text(unproven), 'announces: Announced True DataPathUnproven');
});
