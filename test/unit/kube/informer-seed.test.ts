/** What was known before a restart counts until the API server has told its own word, and not any longer. */
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

test('a seed is there before the first list, all of it is gone with it, and none is taken after it', async (t) => {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>();
  const client = await clientOf(t, async ({ url = '' }, response) => {
    // A watch stays open, and says nothing.
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
  await eventually('the first list', () => informer.synced);
  assert.deepEqual(names(), ['listed'], 'however new the seed looks');
  informer.seed([remembered]);
  assert.deepEqual(names(), ['listed']);
  stop.abort();
  await running;
});
