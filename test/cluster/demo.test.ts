/** `npm run demo` as a user runs it: on its own cluster, and with kube-proxy in nftables mode. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const script = new URL('../../scripts/demo.ts', import.meta.url).pathname;

function demo(env: NodeJS.ProcessEnv = {}): { readonly status: number | null; readonly output: string } {
  const args = [script, '--proxy-mode', 'nftables'];
  const result = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 300_000,
  });
  return { status: result.status, output: result.stdout + result.stderr };
}

function namespaces(): string {
  return spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout;
}

test('the demo gets HTTP 200 through the VIP and leaves no network namespaces', () => {
  const { status, output } = demo();
  assert.equal(status, 0, output);
  assert.match(output, /HTTP\/1\.1 200 OK/);
  assert.match(output, /That MAC is node\d's: it holds the VIP/);
  assert.match(output, /goto external-\S*default\/web\/tcp/);
  assert.doesNotMatch(namespaces(), /berth-demo-/);
});

test('a demo whose installation fails says so, ends with status 1 and leaves no network namespaces', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-'));
  try {
    const helm = join(folder, 'helm');
    writeFileSync(helm, '#!/bin/sh\necho "no chart today" >&2\nexit 7\n');
    chmodSync(helm, 0o755);
    const { status, output } = demo({ KUBEBUILDER_ASSETS: folder });
    assert.equal(status, 1, output);
    assert.match(output, /The demo failed: .*no chart today/s);
    assert.doesNotMatch(namespaces(), /berth-demo-/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
