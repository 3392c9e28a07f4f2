/** Events fit the limits of the API server, and an Event that cannot be sent causes no failure. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type EventNote, EventSender } from '../../../src/kube/events.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { bodyOf, clientOf } from './answering.ts';

const regarding = { apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'web', uid: 'u' };
const note: EventNote = { regarding, type: 'Warning', reason: 'NoPool', action: 'Allocate', note: 'why' };
const log = createLogger('test', 'silent');

/** The Event that the API server receives. It answers with this status. */
async function sent(t: TestContext, event: EventNote, status = 201) {
  const bodies: { readonly note: string; readonly metadata: { readonly namespace: string } }[] = [];
  const client = await clientOf(t, async (request, response) => {
    bodies.push((await bodyOf(request)) as (typeof bodies)[number]);
    response.writeHead(status).end('{}');
  });
  await new EventSender({ client, log, component: 'controller' }).send(event);
  return bodies[0] ?? assert.fail('no Event was sent');
}

test('a note is cut to the 1,024 bytes that the API accepts, also in the middle of a character', async (t) => {
  assert.equal((await sent(t, note)).note, 'why');
  for (const long of ['x'.repeat(5_000), 'ü'.repeat(1_000), `x${'漢'.repeat(1_000)}`]) {
    const { note: cut } = await sent(t, { ...note, note: long });
    const bytes = Buffer.byteLength(cut);
    assert.ok(bytes > 1_000 && bytes <= 1_024, `${bytes} bytes`);
    assert.equal(cut.slice(0, 300), long.slice(0, 300));
  }
});

test('an Event about an object without a namespace goes to the namespace default', async (t) => {
  const { namespace: _, ...cluster } = regarding;
  assert.equal((await sent(t, { ...note, regarding: cluster })).metadata.namespace, 'default');
});

test('a refused Event is no failure for its sender', async (t) => {
  await sent(t, note, 403);
});
