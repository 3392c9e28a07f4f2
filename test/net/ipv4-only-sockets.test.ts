/**
 * Heartbeats over IPv4 where the kernel is configured to keep the families apart
 * (`net.ipv6.bindv6only`, ip-sysctl).
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type TestContext, test } from 'node:test';
import { openDatagrams } from '../../src/runtime/signed-datagrams.ts';
import { eventually } from '../lab/poll.ts';
import { enterNewNamespace } from './own-namespace.ts';

enterNewNamespace([]);

/** Free, because this namespace belongs to this test alone. */
const port = 7_932;

/** The texts that a speaker receives when one datagram is sent by each family, IPv4 first. */
async function heard(t: TestContext, bindV6Only: boolean): Promise<readonly string[]> {
  writeFileSync('/proc/sys/net/ipv6/bindv6only', bindV6Only ? '1' : '0');
  const folder = mkdtempSync(`${tmpdir()}/berth-families-`);
  t.after(() => rmSync(folder, { recursive: true }));
  const keyFile = `${folder}/key`;
  writeFileSync(keyFile, randomBytes(32).toString('base64'));
  const texts: string[] = [];
  const speaker = await openDatagrams({
    ...{ port, keyFile },
    onText: (text) => texts.push(text),
    onFailed: (error) => assert.fail(error),
  });
  t.after(() => speaker.close());
  speaker.send('by IPv4', ['127.0.0.1']);
  // Each family has its own socket to send. The datagrams go one after the other, or their order
  // would not be known.
  await eventually('the first one has arrived', () => texts.length > 0, { timeoutMs: 100, everyMs: 5 }).catch(
    () => undefined,
  );
  speaker.send('by IPv6', ['::1']);
  await eventually('IPv6 has arrived', () => texts.includes('by IPv6'), { everyMs: 5 });
  return texts;
}

test('a speaker receives both families', async (t) => {
  assert.deepEqual(await heard(t, false), ['by IPv4', 'by IPv6']);
});

test('a speaker receives both families also with net.ipv6.bindv6only=1', async (t) => {
  assert.deepEqual(await heard(t, true), ['by IPv4', 'by IPv6']);
});
