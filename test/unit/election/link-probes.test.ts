/** Which addresses are probed on a link that no peer is heard on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Family, familyOf } from '../../../src/addr/ip.ts';
import { LinkProbes } from '../../../src/election/link-probes.ts';
import { type Heartbeat, noClaims, type PeerLink } from '../../../src/liveness/messages.ts';
import { Peers } from '../../../src/liveness/peers.ts';

const self = { node: 'n1', incarnation: '1'.repeat(16) };
const link: PeerLink = { name: 'eth0', mac: '02:00:00:00:00:01', addresses: ['10.0.0.1/24', 'fd00::1/64'] };

/** Two peers with these addresses on the link, which are heard on it at first, and only elsewhere after that. */
function quietAt(now: number, addressesOf: (i: number) => readonly string[]): Peers {
  const peers = new Peers(self);
  const beat = (i: number, sequence: number): Heartbeat => ({
    ...{ kind: 'Heartbeat', from: { node: `p${i}`, incarnation: '2'.repeat(16) }, sequence, rules: 1, nextMs: 100 },
    ...{ to: { ...self, newest: self.incarnation }, ages: { loop: 0, worker: 0 }, state: 'Serving', heard: [] },
    ...{ links: [{ ...link, addresses: addressesOf(i) }], total: noClaims, wantsClaims: false },
  });
  for (const i of [2, 3]) peers.receive(beat(i, 1), 'eth0', 0);
  for (const i of [2, 3]) peers.receive(beat(i, 2), 'eth1', now);
  return peers;
}

function probedFamilies(addressesOf: (i: number) => readonly string[]): readonly Family[] {
  const probes = new LinkProbes().review([link], quietAt(1_000, addressesOf), 1_000);
  return probes.map(({ address }) => familyOf(address));
}

test('both families are probed on a quiet link, whichever comes first among the addresses of the peers', () => {
  const many = (i: number) => [1, 2, 3, 4].map((k) => `fd00::${i}:${k}/64`);
  const count = (found: readonly Family[], family: Family) => found.filter((one) => one === family).length;
  for (const addressesOf of [
    (i: number) => [...many(i), `10.0.0.${i}/24`],
    (i: number) => [`10.0.0.${i}/24`, ...many(i)],
  ]) {
    const found = probedFamilies(addressesOf);
    assert.deepEqual([count(found, 'IPv4'), count(found, 'IPv6')], [2, 3]);
  }
});
