/** The API server in memory keeps the rules of the real one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeClient } from '../../src/kube/client.ts';
import { byClient, directly } from '../apiserver/rules/adapters.ts';
import { rulesOfApi } from '../apiserver/rules.ts';
import { ApiServer } from '../apiserver/server.ts';
import { ApiStore } from '../apiserver/store.ts';

for (const { name, check } of rulesOfApi(directly(new ApiStore()))) test(name, check);

test('over HTTP the same rules hold', async () => {
  const server = await ApiServer.open();
  const client = new KubeClient({ server: server.url, credentials: async () => ({ tls: {}, headers: {} }) });
  try {
    for (const { name, check } of rulesOfApi(byClient(client))) {
      await check().catch((error: Error) => assert.fail(`${name}: ${error.message}`));
    }
  } finally {
    client.close();
    server.close();
  }
});
