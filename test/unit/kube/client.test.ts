/** How the client treats the API server's answers. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ApiError, isStale } from '../../../src/kube/client.ts';
import { clientOf } from './answering.ts';

/** The error of a request that the server refuses with this status code and body. */
async function refusal(t: TestContext, status: number, body: unknown): Promise<unknown> {
  const client = await clientOf(t, (_, response) => void response.writeHead(status).end(JSON.stringify(body)));
  return client.json({ path: '/api' }).then(
    () => assert.fail('not refused'),
    (error: unknown) => error,
  );
}

test('a write is stale if the object has changed, but not if another manager owns a field', async (t) => {
  const changed = await refusal(t, 409, { reason: 'Conflict', message: 'the object has been modified' });
  const causes = [{ reason: 'FieldManagerConflict', message: 'conflict with "other"' }];
  const owned = await refusal(t, 409, { reason: 'Conflict', details: { causes } });
  const gone = await refusal(t, 410, { reason: 'Expired' });
  assert.deepEqual([changed, owned, gone].map(isStale), [true, false, false]);
});

test('an answer of a proxy that is no JSON is a refusal, and its message contains the answer', async (t) => {
  const client = await clientOf(t, (_, response) => void response.writeHead(502).end('<html>Bad gateway</html>'));
  await assert.rejects(client.json({ path: '/api' }), (error) => {
    return error instanceof ApiError && error.status === 502 && /HTTP 502: <html>Bad gateway/.test(error.message);
  });
});

test('an apply takes fields from their owners only with force', async (t) => {
  const urls: string[] = [];
  const client = await clientOf(t, ({ url = '' }, response) => {
    urls.push(url);
    response.end('{}');
  });
  const request = { path: '/api/v1/namespaces/x/services/y/status', body: {}, manager: 'me' };
  await client.apply(request);
  await client.apply({ ...request, force: true });
  assert.deepEqual(
    urls.map((url) => [...new URL(url, 'http://x').searchParams]),
    [
      [['fieldManager', 'me']],
      [
        ['fieldManager', 'me'],
        ['force', 'true'],
      ],
    ],
  );
});

test('an object of a watch may arrive in pieces', async (t) => {
  const { promise: isFirstRead, resolve: firstIsRead } = Promise.withResolvers<void>();
  const client = await clientOf(t, async (_, response) => {
    response.write('{"a":1}\n{"b"');
    await isFirstRead;
    response.end(':"ü"}\n');
  });
  const objects: unknown[] = [];
  for await (const object of client.lines({ path: '/api' })) {
    objects.push(object);
    firstIsRead();
  }
  assert.deepEqual(objects, [{ a: 1 }, { b: 'ü' }]);
});
