/** Views from before a restart count until the API server answers, and no longer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Informer } from '../../../src/kube/informer.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { eventually } from '../../lab/poll.ts';
import { clientOf } from './answering.ts';

interface Thing {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
}

const listed: Thing = { metadata: { name: 'listed', uid: 'l', resourceVersion: '7' } };
const remembered = { name: 'remembered', uid: 'r', resourceVersion: '9' };

test('a seed is used until the first list, which replaces it completely; a later seed is ignored', async (t) => {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>();
  const client = await clientOf(t, async ({ url = '' }, response) => {
    // A watch stays open and sends nothing.
    if (url.includes('watch=true')) return void response.flushHeaders();
    await mayAnswer;
    response.end(JSON.stringify({ metadata: { resourceVersion: '8' }, items: [listed] }));
  });
  const informer = new Informer<Thing, Thing['metadata']>({
    ...{ client, log: createLogger('test', 'silent'), path: '/api/v1/things', onChange: () => undefined },
    parse: ({ metadata }) => metadata,
  });
  const running = informer.run(stop.signal);
  const names = () => informer.store.values().map(({ name }) => name);
  assert.deepEqual([informer.known, informer.synced], [false, false]);
  informer.seed([remembered]);
  assert.deepEqual([informer.known, informer.synced, names()], [true, false, ['remembered']]);
  answer();
  await eventually('the informer has read its first list', () => informer.synced);
  assert.deepEqual(names(), ['listed'], 'the seed is gone, whatever its resource version');
  informer.seed([remembered]);
  assert.deepEqual(names(), ['listed']);
  stop.abort();
  await running;
});
