/** What a pass costs, counted in looks at Services: no time, so it is the same on every machine. */
import assert from 'node:assert/strict';
import type { ServiceView } from '../../../src/api/service.ts';
import { planAllocations } from '../../../src/ipam/allocate.ts';
import { promise } from '../../honesty/promise.ts';
import { namespace, ownership, pool, service } from '../fixtures.ts';

/** How often a pass looks at some field of a Service, with so many Services of one sharing key that cannot share: all use one port. */
function looks(count: number): number {
  let seen = 0;
  const counted = (view: ServiceView): ServiceView =>
    new Proxy(view, {
      get: (target, field, receiver) => {
        seen += 1;
        return Reflect.get(target, field, receiver);
      },
    });
  const services = Array.from({ length: count }, (_, i) => counted(service(`s${i}`, { sharingKey: 'k' })));
  const { decisions } = planAllocations({
    ...{ pools: [pool('p', ['10.0.0.0/16'])], namespaces: [namespace('default')], nodes: [], services, ledger: [] },
    ...{ ownership, now: 0 },
  });
  assert.equal(decisions.filter(({ kind }) => kind === 'Assigned').length, count);
  return seen;
}

promise('what a pass costs grows with the Services, not with their square', () => {
  const times = looks(400) / looks(100);
  assert.ok(times < 8, `${times.toFixed(1)} times the work for four times the Services`);
});
