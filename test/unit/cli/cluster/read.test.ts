/** Lists are read to their end, and a refusal is explained in words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { listAll, readOne } from '../../../../src/cli/cluster/read.ts';
import type { KubeClient } from '../../../../src/kube/client.ts';
import { clientOf } from '../../kube/answering.ts';

function reachBy(client: KubeClient) {
  return { client, config: new KubeConfig(), namespace: 'default', server: 'https://c.example' };
}

test('a list of several pages is read to its end', async (t) => {
  const tokens: (string | null)[] = [];
  const client = await clientOf(t, ({ url = '' }, response) => {
    const token = new URL(url, 'http://x').searchParams.get('continue');
    tokens.push(token);
    const page = Number(token ?? 1);
    const metadata = page < 3 ? { continue: `${page + 1}` } : {};
    response.end(JSON.stringify({ metadata, items: [`${page}a`, `${page}b`] }));
  });
  assert.deepEqual(await listAll(reachBy(client), '/api/v1/things'), ['1a', '1b', '2a', '2b', '3a', '3b']);
  assert.deepEqual(tokens, [null, '2', '3']);
});

test('a missing object is undefined, and a forbidden read is a refusal that names the verb', async (t) => {
  const gone = await clientOf(t, (_, response) => void response.writeHead(404).end('{}'));
  assert.equal(await readOne(reachBy(gone), '/api/v1/nodes/n'), undefined);
  const forbidden = await clientOf(t, (_, response) => void response.writeHead(403).end('{}'));
  await assert.rejects(readOne(reachBy(forbidden), '/api/v1/nodes/n'), /you may not get nodes/);
  await assert.rejects(listAll(reachBy(forbidden), '/api/v1/nodes'), /you may not list nodes/);
});
