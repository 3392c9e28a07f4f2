import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const main = new URL('../../src/main.ts', import.meta.url).pathname;

test('invalid or contradictory lease times are refused before the program starts anything', () => {
  const [lease, renew, retry] = ['lease-duration', 'renew-deadline', 'retry-period'].map((n) => `--leader-elect-${n}`);
  const rows: readonly [string, RegExp][] = [
    [`${lease}=ten`, /--leader-elect-lease-duration.*'ten' is invalid\. It must be a duration such as 1500ms/],
    [`${lease}=15`, /'15' is invalid/],
    [`${retry}=0s`, /'0s' is invalid/],
    [`${lease}=2h`, /at most 1h/],
    [`${lease}=10s`, /lease-duration must be longer than --leader-elect-renew-deadline/],
    [`${renew}=15s`, /lease-duration must be longer than/],
    [`${renew}=2s`, /and that longer than --leader-elect-retry-period/],
    [`${retry}=1m`, /and that longer than --leader-elect-retry-period/],
  ];
  for (const [flag, message] of rows) {
    const { status, stderr } = spawnSync(process.execPath, [main, 'controller', flag], { encoding: 'utf8' });
    assert.equal(status, 1, flag);
    assert.match(stderr, message, flag);
  }
});
