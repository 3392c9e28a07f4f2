/** The rules for lists and watches. */
import assert from 'node:assert/strict';
import type { ApiObject, Fields } from '../objects.ts';
import { type Checks, services, versionOf } from './asking.ts';

/** Rules for lists and watches. */
export const reads: Checks = {
  'a watch sends the changes after its version, in order': async (asking) => {
    const made = await asking.createService({}, { labels: { rule: asking.name } });
    await asking.patch(asking.service, { metadata: { labels: { a: 'b' } } });
    await asking.get('DELETE', asking.service);
    const query = { resourceVersion: versionOf(made), labelSelector: `rule=${asking.name}` };
    const events = await asking.watch('/api/v1/services', query, 2);
    const versions = events.map(({ object }) => Number(versionOf(object as ApiObject)));
    assert.deepEqual(
      events.map(({ type }) => type),
      ['MODIFIED', 'DELETED'],
    );
    assert.ok(Number(versionOf(made)) < (versions[0] ?? 0) && (versions[0] ?? 0) < (versions[1] ?? 0), versions.join());
  },
  'a watch by labels reports an object as added or deleted when its labels change': async (asking) => {
    const made = await asking.createService();
    await asking.patch(asking.service, { metadata: { labels: { rule: asking.name } } });
    await asking.patch(asking.service, { metadata: { labels: { rule: null } } });
    const query = { resourceVersion: versionOf(made), labelSelector: `rule=${asking.name}` };
    const events = await asking.watch('/api/v1/services', query, 2);
    assert.deepEqual(
      events.map(({ type }) => type),
      ['ADDED', 'DELETED'],
    );
  },
  'all pages of a list show the same version': async (asking) => {
    const made = [asking.name, `${asking.name}-b`, `${asking.name}-c`];
    for (const name of made) {
      const body = { metadata: { name, labels: { rule: asking.name } }, spec: { ports: [{ port: 80 }] } };
      await asking.get('POST', services, { body });
    }
    const query = { labelSelector: `rule=${asking.name}`, limit: '2' };
    const first = await asking.get('GET', services, { query });
    await asking.get('DELETE', `${services}/${asking.name}-c`);
    const next = (first.metadata as unknown as Fields).continue as string;
    const second = await asking.get('GET', services, { query: { ...query, continue: next } });
    const names = [first, second].flatMap(({ items }) => (items as ApiObject[]).map(({ metadata }) => metadata.name));
    assert.deepEqual(names, made);
    assert.equal((second.metadata as unknown as Fields).continue ?? '', '');
    assert.equal(versionOf(second), versionOf(first));
  },
  'a list with a version in the future is refused': async (asking) => {
    const query = { resourceVersion: '999999999999' };
    await asking.refused(504, 'Timeout', { path: '/api/v1/services', query });
  },
};
