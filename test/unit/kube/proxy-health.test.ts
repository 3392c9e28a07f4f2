/** The answer of kube-proxy's health endpoint. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProxyHealth } from '../../../src/kube/proxy-health.ts';

test('the time and health of each family are read; any other answer is ignored', () => {
  const at = Date.parse('2026-01-02T03:04:05Z');
  const told = '{"lastUpdated":"2026-01-02 03:04:05 +0000 UTC","currentTime":"x","healthy":true}';
  const rows: readonly (readonly [string, string, unknown])[] = [
    [
      'both',
      `{"status":{"IPv4":${told},"IPv6":${told}}}`,
      { IPv4: { at, isHealthy: true }, IPv6: { at, isHealthy: true } },
    ],
    ['unhealthy', `{"status":{"IPv4":${told.replace('true', 'false')}}}`, { IPv4: { at, isHealthy: false } }],
    ['no health', '{"status":{"IPv4":{"lastUpdated":"2026-01-02T03:04:05Z"}}}', { IPv4: { at, isHealthy: false } }],
    ['an older kube-proxy', '{"lastUpdated":"2026-01-02T03:04:05Z","currentTime":"x"}', undefined],
    ['no time', '{"status":{"IPv4":{"lastUpdated":"never"}}}', undefined],
    ['no JSON', '<html>', undefined],
  ];
  for (const [desc, text, expected] of rows) assert.deepEqual(parseProxyHealth(text), expected, desc);
});
