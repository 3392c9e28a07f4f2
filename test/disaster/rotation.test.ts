/** The cluster's certificate authority and the key of its service accounts are replaced while Berth runs. */
import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startApiServer, stopApiServer, subjectsOf } from '../lab/control-plane.ts';
import { createAuthority, createCertificate } from '../lab/pki.ts';
import { eventually } from '../lab/poll.ts';
import { Stage } from './stage.ts';

const withinMs = 30_000;
let stage: Stage;

before(async () => {
  stage = await Stage.open('rotation');
  await stage.start();
});
after(() => stage.close());

/** Gives the API server a certificate of a new authority, and a new key for the tokens. The clients' certificates stay valid. */
async function replaceKeys(): Promise<void> {
  const { context } = stage;
  const { pki } = context;
  const made = join(pki, 'new');
  await mkdir(made);
  await createAuthority(made);
  const server = subjectsOf(context).find(({ file }) => file === 'apiserver') ?? assert.fail();
  await createCertificate(made, server);
  for (const name of ['apiserver.crt', 'apiserver.key', 'sa.key', 'sa.pub']) {
    await copyFile(join(made, name), join(pki, name));
  }
  const both = await Promise.all([made, pki].map((folder) => readFile(join(folder, 'ca.crt'), 'utf8')));
  await writeFile(join(pki, 'ca.crt'), both.join(''));
}

test('controller and speakers continue when the authority and the key of the service accounts were replaced', async (t) => {
  await stage.createService('before');
  const address = await stage.served('before', withinMs);
  await stopApiServer(stage.context);
  await replaceKeys();
  await startApiServer(stage.context);
  stage.reopen();
  // Until the kubelet has brought the new files, no role trusts the server, and the address is served.
  const isRefused = (role: string) =>
    stage.lines.some((line) => line.role === role && /certificate|SELF_SIGNED/.test(JSON.stringify(line)));
  const roles = ['controller control-plane', ...stage.lab.nodes.map(({ name }) => `speaker ${name}`)];
  for (const role of roles) await eventually(`${role} is refused`, () => isRefused(role), { timeoutMs: withinMs });
  assert.equal(await stage.served('before', withinMs), address);
  for (const account of ['berth-controller', 'berth-speaker'] as const) await stage.giveIdentity(account);
  const from = performance.now();
  await stage.createService('after');
  await stage.served('after', withinMs).catch((error) => assert.fail(`${error}\n${stage.tail}`));
  t.diagnostic(`served ${Math.round(performance.now() - from)} ms after the new files were there`);
  assert.equal(await stage.served('before', withinMs), address);
});
