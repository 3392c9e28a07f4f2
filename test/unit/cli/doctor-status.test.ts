/** The part of the doctor that scripts use: its exit status. And its comparison of versions, which must not compare text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doctorAnswer } from '../../../src/cli/doctor/command.ts';
import type { Facts, JudgedStatus } from '../../../src/cli/doctor/facts.ts';
import { examine, type Severity, severities } from '../../../src/cli/doctor/finding.ts';
import { nodeChecks } from '../../../src/cli/doctor/node-checks.ts';

const none = '';
const finding = { id: 'X', where: none, what: 'w', todo: none };

test('the doctor ends with status 1 if it has found an error, and with 0 otherwise', () => {
  const exitOf = (...found: readonly Severity[]) =>
    doctorAnswer(found.map((severity) => ({ ...finding, severity }))).exit;
  assert.equal(exitOf('error'), 1);
  assert.equal(exitOf('ok', 'info', 'error'), 1);
  assert.equal(exitOf(...severities.filter((severity) => severity !== 'error')), 0);
  assert.equal(exitOf(), 0);
});

/** The finding about a node whose kernel and nft have these versions. */
function verdictOn(kernel: string, nft: string): Severity | undefined {
  const status: JudgedStatus = {
    ...{ version: '1', links: [], peers: [], dataPath: { nftables: 'Loaded' } },
    facts: { kernel, nft },
  };
  const facts = { speakers: [{ node: 'n1', fault: undefined, status }] } as Partial<Facts> as Facts;
  const [found] = examine(
    nodeChecks.filter(({ id }) => id === 'KernelTooOld'),
    facts,
  );
  return found?.severity;
}

test('versions are compared part by part as numbers', () => {
  const rows: readonly [kernel: string, nft: string, severity: Severity][] = [
    ['5.15.0', '1.0.6', 'ok'],
    ['5.4.0-150-generic', '1.0.6', 'error'],
    ['5.9.1', '1.0.6', 'error'],
    ['4.19.0', '1.0.6', 'error'],
    ['10.1', '1.0.6', 'ok'],
    ['6.1.0-18-amd64', '1.0.6', 'ok'],
    ['6.1', '1.0.10', 'ok'],
    ['6.1', '1.0.5', 'error'],
    ['6.1', '0.9.8', 'error'],
    ['6.1', '1.1', 'ok'],
  ];
  for (const [kernel, nft, severity] of rows) assert.equal(verdictOn(kernel, nft), severity, `${kernel}, ${nft}`);
});
