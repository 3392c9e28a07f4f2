/** Credentials are read again and again: tokens are rotated, and a failed read is not final. */
import assert from 'node:assert/strict';
import type { RequestOptions } from 'node:https';
import { type TestContext, test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { connectBy } from '../../../src/kube/connection.ts';

/** A configuration that returns these credentials in turn. For an Error, the read fails. */
function configOf(...credentials: readonly (string | Error)[]): KubeConfig {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'c', server: 'https://c.example:6443' }],
    users: [{ name: 'u' }],
    contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
    currentContext: 'x',
  });
  let asked = 0;
  config.applyToHTTPSOptions = async (options: RequestOptions) => {
    const now = credentials[Math.min(asked++, credentials.length - 1)];
    if (now instanceof Error) throw now;
    options.headers = { authorization: `Bearer ${now}` };
  };
  return config;
}

/** A clock that a test sets. */
function clockOf(t: TestContext): { now: number } {
  const clock = { now: 0 };
  t.mock.method(performance, 'now', () => clock.now);
  return clock;
}

test('a rotated token is used within a minute', async (t) => {
  const clock = clockOf(t);
  const { credentials } = await connectBy(configOf('first', 'second'));
  const headers = async () => (await credentials()).headers;
  assert.deepEqual(await headers(), { authorization: 'Bearer first' });
  clock.now = 59_000;
  assert.deepEqual(await headers(), { authorization: 'Bearer first' }, 'the file is not read for each request');
  clock.now = 60_001;
  assert.deepEqual(await headers(), { authorization: 'Bearer second' });
});

test('credentials that were not accepted are read again for the next request', async (t) => {
  clockOf(t);
  const { credentials, renew } = await connectBy(configOf('first', 'second'));
  assert.deepEqual((await credentials()).headers, { authorization: 'Bearer first' });
  renew?.();
  assert.deepEqual((await credentials()).headers, { authorization: 'Bearer second' });
});

test('credentials that could not be read are read again for the next request', async (t) => {
  const clock = clockOf(t);
  const { credentials } = await connectBy(configOf('zeroth', new Error('no such file'), 'first'));
  clock.now = 60_001;
  await assert.rejects(credentials(), /no such file/);
  assert.deepEqual((await credentials()).headers, { authorization: 'Bearer first' });
});
