/** The answers of a proxy do not cast doubt on the holder's answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import type { HolderDecision } from '../../../../src/election/view.ts';
import type { ProbeResult } from '../../../../src/liveness/messages.ts';
import { createLogger } from '../../../../src/runtime/logger.ts';
import { Verifier } from '../../../../src/speaker/announce/verifier.ts';
import { entry, service } from '../../fixtures.ts';

const address = '192.0.2.200' as Ip;
const macs = { holder: '02:00:00:00:00:01', self: '02:00:00:00:00:02', proxy: '02:00:00:00:00:0f' } as const;
/** Without a TCP port there is no SYN probe: the answers to the neighbor probe decide the outcome. */
const udp = service('web', { ingress: [{ ip: address }], ports: [{ protocol: 'UDP', port: 53 }] });

/**
 * This node's result for a VIP of n1, for which n1 and another host answer. `proxies` are known to
 * answer for any address.
 */
async function resultWith(proxies: readonly string[]): Promise<ProbeResult | undefined> {
  const { promise: reported, resolve: report } = Promise.withResolvers<readonly ProbeResult[]>();
  const action = { kind: 'Silent', reason: 'NotHolder' };
  const decisions = [{ vip: { uid: 'u', address }, holder: 'n1', term: 4, action } as unknown as HolderDecision];
  const verifier = new Verifier({
    ...{ log: createLogger('test', 'silent'), nodeName: 'n2' },
    prober: {
      probeOn: (_, of) => {
        setImmediate(() => {
          for (const mac of [macs.proxy, macs.holder]) verifier.heard({ address: of, mac, link: 'eth0' });
        });
        return true;
      },
    },
    runner: { decisions, living: ['n1', 'n2'], report: (_, { results }) => report(results) },
    kindOf: ({ mac }) => (proxies.includes(mac) ? 'Proxy' : 'Other'),
  });
  try {
    verifier.observe({
      links: [
        {
          ...{ name: 'eth0', index: 2, mac: macs.self, up: true, carrier: true, noArp: false, master: undefined },
          ...{ xdp: false, addresses: [{ address: '192.0.2.2' as Ip, prefix: 24 }] },
        },
      ],
      linksOf: (node) =>
        node === 'n1'
          ? [{ name: 'eth0', mac: macs.holder, addresses: ['192.0.2.1/24'] }]
          : [{ name: 'eth0', mac: macs.self, addresses: ['192.0.2.2/24'] }],
      snapshot: {
        ledger: [{ ...entry(address, udp), uid: 'u' }],
        service: () => udp,
        endpointNodes: new Map([[`${udp.key} IPv4`, new Set(['n1'])]]),
      },
    });
    return (await reported)[0];
  } finally {
    verifier.close();
  }
}

test('the answers of a known proxy are ignored', async () => {
  assert.deepEqual(await resultWith([macs.proxy]), { uid: 'u', term: 4, outcome: 'NotProbed', detail: 'NoTcpPort' });
});
