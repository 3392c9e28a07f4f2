/** The checks that the other tests of this folder use find what the API server would refuse. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOfWrite } from './limits.ts';
import { faultsOf, type Schema, schemaOf } from './schema.ts';

const time = '2026-05-01T00:00:00Z';
const spec = { address: '192.0.2.1', pool: 'p', services: [{ namespace: 'n', name: 's', uid: 'u' }] };
const entry = {
  apiVersion: 'berth.dev/v1beta1',
  kind: 'IPAllocation',
  metadata: { name: '192.0.2.1', uid: 'u' },
  spec,
};
const condition = { type: 'Ready', status: 'True', reason: 'Ready', message: '', lastTransitionTime: time };

test('a ledger entry fits its schema, and every fault of one is found', () => {
  const schema = schemaOf('ipallocations');
  const rows: readonly (readonly [object, readonly string[]])[] = [
    [{}, []],
    [
      { spec: undefined },
      [
        '.spec: is required',
        '.spec: undefined is no object',
        '.spec.address: is required',
        '.spec.pool: is required',
        '.spec.services: is required',
      ],
    ],
    [{ spec: { ...spec, pool: '' } }, ['.spec.pool: 0 characters, 1 at least']],
    [{ spec: { ...spec, pool: 'ü'.repeat(254) } }, ['.spec.pool: 254 characters, 253 at most']],
    [{ spec: { ...spec, services: 'none' } }, ['.spec.services: "none" is no array']],
    [{ spec: { ...spec, services: [{ namespace: 'n', uid: 'u' }] } }, ['.spec.services[0].name: is required']],
    [
      { spec: { ...spec, services: Array.from({ length: 129 }, () => spec.services[0]) } },
      ['.spec.services: 129 items, 128 at most'],
    ],
    [{ spec: { ...spec, reservedUntil: 'soon' } }, ['.spec.reservedUntil: "soon" is no time']],
    [{ spec: { ...spec, adopted: 'yes' } }, ['.spec.adopted: "yes" is no boolean']],
    [{ spec: { ...spec, colour: 'red' } }, ['.spec.colour: no such field, it would be dropped']],
    [{ status: { holder: { node: 'n', term: 0 } } }, ['.status.holder.term: 0 is less than 1']],
    [{ status: { holder: { node: 'n', term: 2 ** 60 } } }, [`.status.holder.term: ${2 ** 60} is no integer`]],
    [{ status: { conditions: [condition, condition] } }, ['.status.conditions: holds two of one type']],
    [
      { status: { conditions: [{ ...condition, status: 'Maybe' }] } },
      ['.status.conditions[0].status: "Maybe" is none of True, False, Unknown'],
    ],
  ];
  for (const [facts, faults] of rows) assert.deepEqual(faultsOf({ ...entry, ...facts }, schema), faults);
});

test('an entry has the name of its address, and has Services or a reservation time', () => {
  const rows: readonly (readonly [string, object, number])[] = [
    ['192.0.2.1', {}, 0],
    ['192.0.2.2', {}, 1],
    ['192.0.2.1', { services: [] }, 1],
    ['192.0.2.1', { services: [], reservedUntil: time }, 0],
    ['2001-0db8-0000-0000-0000-0000-0000-0001', { address: '2001:db8::1' }, 0],
    ['2001-0db8-0000-0000-0000-0000-0000-0001', { address: '2001:db8::2' }, 1],
    ['2001-db8--1', { address: '2001:db8::1' }, 1],
  ];
  for (const [name, facts, count] of rows) {
    const body = { ...entry, metadata: { name }, spec: { ...spec, ...facts } };
    const faults = faultsOfWrite({ method: 'PUT', path: `/apis/berth.dev/v1beta1/ipallocations/${name}`, body });
    assert.equal(faults.length, count, `${name}: ${faults}`);
  }
  const path = '/apis/berth.dev/v1beta1/ipallocations/192.0.2.9';
  assert.equal(faultsOfWrite({ method: 'PUT', path, body: entry }).length, 1, 'a different name in the path');
});

test('an unknown keyword of a schema is an error', () => {
  const schema = { type: 'string', multipleOf: 2 } as unknown as Schema;
  assert.throws(() => faultsOf('x', schema), /multipleOf/);
});

test("the requirements of Kubernetes' own kinds are checked", () => {
  const at = '/api/v1/namespaces/n/services/s/status';
  const status = (facts: object, ingress: readonly object[] = []) =>
    faultsOfWrite({
      method: 'PATCH',
      path: at,
      body: { status: { conditions: [{ ...condition, ...facts }], loadBalancer: { ingress } } },
    });
  assert.deepEqual(status({ type: 'berth.dev/Allocated' }, [{ ip: '192.0.2.1', ipMode: 'VIP' }]), []);
  assert.equal(status({ reason: 'two words' }).length, 1);
  assert.equal(status({ reason: '' }).length, 2);
  assert.equal(status({ message: 'x'.repeat(32_769) }).length, 1);
  assert.equal(status({}, [{ ip: '192.0.2.1' }]).length, 1);
  const event = {
    metadata: { generateName: 's-', namespace: 'n' },
    regarding: { namespace: 'n', name: 's', uid: 'u' },
    ...{ eventTime: '2026-05-01T00:00:00.000000Z', type: 'Warning', note: 'x', reason: 'NoPool', action: 'Allocate' },
    ...{ reportingController: 'berth.dev/controller', reportingInstance: 'controller' },
  };
  const path = '/apis/events.k8s.io/v1/namespaces/n/events';
  const rows: readonly (readonly [object, number])[] = [
    [{}, 0],
    [{ note: 'ü'.repeat(513) }, 1],
    [{ reason: '' }, 1],
    [{ action: 'x'.repeat(129) }, 1],
    [{ eventTime: time }, 1],
    [{ metadata: { generateName: `${'a'.repeat(253)}-`, namespace: 'n' } }, 1],
    [{ metadata: { generateName: 's-', namespace: 'other' } }, 1],
    [{ reportingController: 'berth dev' }, 1],
  ];
  for (const [facts, count] of rows) {
    const faults = faultsOfWrite({ method: 'POST', path, body: { ...event, ...facts } });
    assert.equal(faults.length, count, `${JSON.stringify(facts).slice(0, 80)}: ${faults}`);
  }
  assert.equal(faultsOfWrite({ method: 'POST', path: '/api/v1/pods', body: {} }).length, 1);
});
