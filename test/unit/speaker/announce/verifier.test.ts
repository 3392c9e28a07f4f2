/** Both sides of the verification: one speaker probes, and the other one receives its results. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import pino from 'pino';
import type { Ip } from '../../../../src/addr/ip.ts';
import type { HolderDecision } from '../../../../src/election/view.ts';
import type { Link } from '../../../../src/linux/links.ts';
import type { ProbeResult } from '../../../../src/liveness/messages.ts';
import { Verifier, type VerifierView } from '../../../../src/speaker/announce/verifier.ts';
import { eventually } from '../../../lab/poll.ts';
import { entry, service } from '../../fixtures.ts';

const address = '192.0.2.200' as Ip;
const holderMac = '02:00:00:00:00:01';
const other = { n1: 'n2', n2: 'n1' } as const;
const udp = service('web', { ingress: [{ ip: address }], ports: [{ protocol: 'UDP', port: 53 }] });
const open: Verifier[] = [];
afterEach(() => {
  for (const verifier of open.splice(0)) verifier.close();
});

function link(n: number): Link {
  const addresses = [{ address: `192.0.2.${n}` as Ip, prefix: 24 }];
  const facts = { up: true, carrier: true, noArp: false, master: undefined, xdp: false };
  return { name: 'eth0', index: n, mac: `02:00:00:00:00:0${n}`, addresses, ...facts };
}

function viewOf(self: string): VerifierView {
  return {
    links: [link(Number(self.slice(1)))],
    linksOf: (node) => [
      { name: 'eth0', mac: `02:00:00:00:00:0${node.slice(1)}`, addresses: [`192.0.2.${node.slice(1)}/24`] },
    ],
    snapshot: {
      ledger: [{ ...entry(address, udp), uid: 'u' }],
      service: (uid) => (uid === udp.uid ? udp : undefined),
      endpointNodes: new Map([[`${udp.key} IPv4`, new Set(['n1'])]]),
    },
  };
}

/**
 * The verifier of one of two nodes. n1 holds the VIP. The probed hardware addresses and the reports
 * are recorded.
 */
function verifierOf(self: keyof typeof other) {
  const probedMacs: (string | undefined)[] = [];
  const reported: { readonly node: string; readonly results: readonly ProbeResult[] }[] = [];
  let changes = 0;
  const action = self === 'n1' ? { kind: 'Hold' } : { kind: 'Silent', reason: 'NotHolder' };
  const decisions = [{ vip: { uid: 'u', address }, holder: 'n1', term: 4, action } as unknown as HolderDecision];
  const verifier = new Verifier({
    ...{ log: pino({ level: 'silent' }), nodeName: self },
    prober: {
      probeOn: (_, of, to) => {
        probedMacs.push(to);
        setImmediate(() => verifier.heard({ address: of, mac: holderMac, link: 'eth0' }));
        return true;
      },
    },
    runner: { decisions, living: ['n1', 'n2'], report: (node, { results }) => reported.push({ node, results }) },
    kindOf: () => 'Other',
  });
  verifier.changed.to(() => changes++);
  open.push(verifier);
  verifier.observe(viewOf(self));
  return { verifier, probedMacs, reported, changes: () => changes };
}

test("a result changes the holder's finding only once, however often it is reported", async () => {
  const { reported, probedMacs } = verifierOf('n2');
  await eventually('an outcome is reported', () => reported.length > 0, { timeoutMs: 5_000, everyMs: 10 });
  assert.deepEqual(probedMacs, [undefined]);
  const [first = assert.fail()] = reported;
  assert.deepEqual(first, { node: 'n1', results: [{ uid: 'u', term: 4, outcome: 'NotProbed', detail: 'NoTcpPort' }] });

  const { verifier, changes } = verifierOf('n1');
  const from = { node: 'n2', incarnation: '' };
  const report = {
    ...{ kind: 'ProbeReport' as const, from, to: { ...from, newest: '' }, sequence: 1, total: { count: 0, sum: 0 } },
    ...{ roundMs: 30_000, results: first.results },
  };
  await eventually(
    'the result is known',
    () => {
      verifier.receiveReport(report);
      return verifier.findingOf('u', undefined)?.reason === 'NotProbed';
    },
    { timeoutMs: 5_000, everyMs: 10 },
  );
  await eventually('the change is signaled', () => changes() === 1, { timeoutMs: 5_000, everyMs: 10 });
  verifier.receiveReport(report);
  assert.equal(changes(), 1);
});

test('after a restart the recorded condition stays until the first result', () => {
  const { verifier } = verifierOf('n1');
  const on = { type: 'Verified', status: 'True', reason: 'Verified', message: 'm' } as const;
  assert.deepEqual(verifier.findingOf('u', { ...on, lastTransitionTime: '2026-01-01T00:00:00Z' }), on);
  assert.equal(verifier.findingOf('u', undefined), undefined);
  assert.equal(verifier.findingOf('u', { ...on, reason: 'Unheard', lastTransitionTime: '' }), undefined);
});
