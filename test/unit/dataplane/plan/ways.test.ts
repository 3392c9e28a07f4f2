/** Which packets are rewritten, for how long, and which ports are refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRange, parseRange } from '../../../../src/addr/range.ts';
import type { ServiceView } from '../../../../src/api/service.ts';
import { dialects } from '../../../../src/dataplane/nft/family.ts';
import type { VipPath } from '../../../../src/dataplane/plan/spec.ts';
import { lingerMs, VipPathReader } from '../../../../src/dataplane/plan/vip-paths.ts';
import { handOff } from '../../../../src/dataplane/rules/hand-off.ts';
import { refuseUnserved } from '../../../../src/dataplane/rules/unserved.ts';
import { entry, service } from '../../fixtures.ts';

const vip = '192.0.2.10';
const ledger = [entry(vip, service('web'))];

interface Moment {
  readonly now?: number;
  readonly served?: boolean;
}

/** The path of the VIP of a Service at a moment. */
function pathAt(reader: VipPathReader, view: ServiceView, { now = 0, served = true }: Moment): VipPath {
  const [path] = reader.read({ ledger, service: () => view, handOff: 'KubeProxy', isServed: () => served, now });
  return path ?? assert.fail();
}

const rewritten = service('web', { handOff: 'NodePort' });

test('packets are rewritten for some time after the status has changed, however long ago the last look was', () => {
  const reader = new VipPathReader();
  const nodePortAt = (view: ServiceView, now: number) => pathAt(reader, view, { now }).ports[0]?.nodePort;
  assert.equal(nodePortAt(rewritten, 0), 30_080);
  const changed = service('web');
  assert.equal(nodePortAt(changed, 60_000), 30_080);
  assert.ok(reader.isLingering);
  assert.equal(nodePortAt(changed, 60_000 + lingerMs), 30_080);
  assert.equal(nodePortAt(changed, 60_001 + lingerMs), undefined);
  assert.ok(!reader.isLingering);
  assert.equal(nodePortAt(changed, 60_000), undefined, 'the old path does not come back');
});

/** The ports that are refused at once, and the ports that are therefore not rewritten. */
function refusedAt(view: ServiceView, served: boolean) {
  const path = pathAt(new VipPathReader(), view, { served });
  const nodeAddresses = { IPv4: path.address };
  const { collections: refused } = refuseUnserved(dialects.IPv4, [path], []);
  const { collections: handed } = handOff(dialects.IPv4, { vips: [path], nodeAddresses }, 1);
  return {
    refused: [...(refused?.vacant?.elements.keys() ?? [])],
    unchanged: [...(handed?.tcp_vacant?.elements.keys() ?? [])],
  };
}

test('a port without an endpoint is refused before it is rewritten, with either hand-off', () => {
  const refused = [`${vip} . tcp . 80`];
  assert.deepEqual(refusedAt(service('web'), false), { refused, unchanged: [] });
  assert.deepEqual(refusedAt(rewritten, false), { refused, unchanged: [`${vip} . 80`] });
  const nothing = { refused: [], unchanged: [] };
  assert.deepEqual(refusedAt(service('web'), true), nothing);
  assert.deepEqual(refusedAt(rewritten, true), nothing);
});

test('a port is not refused with policy Local or with source ranges: the client tries again, or kube-proxy refuses', () => {
  const nothing = { refused: [], unchanged: [] };
  assert.deepEqual(refusedAt(service('web', { local: true }), false), nothing);
  assert.deepEqual(refusedAt({ ...rewritten, local: true }, false), nothing);
  const range = parseRange('198.51.100.0/24');
  assert.ok(isRange(range));
  assert.deepEqual(refusedAt(service('web', { sourceRanges: [range] }), false), nothing);
});
