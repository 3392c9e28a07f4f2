/** Each role has exactly the rights that it uses: compares the audit log of a busy installation with the Roles in the API server. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { KubeClient } from '../../src/kube/client.ts';
import { connect } from '../../src/kube/connection.ts';
import { collections } from '../../src/kube/resources.ts';
import { type AuditRecord, readAudit } from '../lab/audit.ts';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { enterNetworkOf } from './enter-network.ts';
import { covers, documented, type Grant, grantsOf, grantText, useOf } from './permissions.ts';
import { denials, token } from './stolen-token.ts';

const lab = berth.sharedLab();
const { namespace } = berth;
const [firstVip = '', lastVip = ''] = lab.subnet.vips.split('-');
let client: KubeClient;
let begun: string;

before(async () => {
  enterNetworkOf(lab.controlPlane);
  client = new KubeClient(await connect(lab.kubeconfig));
  await lab.helm(['uninstall', 'berth', '--namespace', namespace, '--wait', '--ignore-not-found']);
  // A first start must create these objects.
  await lab.kubectl(['delete', 'secret,lease', '--all', '--namespace', namespace, '--ignore-not-found']);
  begun = new Date().toISOString();
  await berth.installBerth(lab);
  await lab.apply(berth.backends);
  await lab.kubectl(['rollout', 'status', 'deployment/web', '--timeout=90s']);
});
after(async () => {
  await berth.installBerth(lab);
  await berth.cleanUp(lab);
  await lab.kubectl(['delete', 'deployment', 'web', '--ignore-not-found']);
  client?.close();
});

const userOf = (role: string) => `system:serviceaccount:${namespace}:berth-${role}`;

/** The requests of a role since the test began. */
function recordsOf(role: string): readonly AuditRecord[] {
  return readAudit(lab.stateDir).filter(
    ({ user, requestReceivedTimestamp }) => user.username === userOf(role) && requestReceivedTimestamp >= begun,
  );
}

/** Checks that no request was denied, that a right covers every request, and that every right is used sooner or later. */
async function compare(role: string, grants: readonly Grant[]): Promise<void> {
  assert.ok(grants.length > 0, `${role} has no rights at all`);
  await eventually(
    `${role} has used all of its rights`,
    () => {
      const uses = recordsOf(role).map(useOf);
      const unused = grants.filter((grant) => !uses.some((use) => covers(grant, use)));
      assert.deepEqual(unused.map(grantText), []);
      return true;
    },
    { timeoutMs: 20_000 },
  );
  const denied = recordsOf(role).filter(({ responseStatus }) => [401, 403].includes(responseStatus?.code ?? 0));
  assert.deepEqual([...new Set(denied.map((record) => grantText(useOf(record))))], [], `${role}: denied requests`);
  const strays = recordsOf(role)
    .map(useOf)
    .filter((use) => !grants.some((grant) => covers(grant, use)));
  assert.deepEqual([...new Set(strays.map(grantText))], [], `${role}: requests that none of its Roles allows`);
}

/** The node that holds an address, by the ledger. */
async function holderOf(vip: string): Promise<string | undefined> {
  const holder = ['get', 'ipallocation', vip, '-o', 'jsonpath={.status.holder.node}'];
  return (await lab.kubectl(holder)) || undefined;
}

async function movesFrom(vip: string, node: string): Promise<string> {
  return eventually(`${vip} leaves ${node}`, async () => {
    const now = await holderOf(vip);
    return now !== node && now;
  });
}

async function deletePods(role: string, node?: string): Promise<void> {
  const where = node === undefined ? [] : ['--field-selector', `spec.nodeName=${node}`];
  const selector = `app.kubernetes.io/component=${role}`;
  await lab.kubectl([
    '-n',
    namespace,
    'delete',
    'pods',
    '--selector',
    selector,
    ...where,
    '--wait=false',
    '--grace-period=1',
  ]);
}

/** Other programs write to an entry all the time, until a write of the controller comes too late and it must read the entry again. */
async function contestReleases(): Promise<void> {
  const path = `${collections.allocations}/${lastVip}`;
  const hasRead = () =>
    recordsOf('controller').some((record) => grantText(useOf(record)).startsWith('get ipallocations'));
  const stop = new AbortController();
  const disturb = async () => {
    for (let i = 0; !stop.signal.aborted; i++) {
      const body = { metadata: { annotations: { 'test/round': `${i}` } } };
      await client
        .json({ method: 'PATCH', path, body, contentType: 'application/merge-patch+json' })
        .catch(() => undefined);
    }
  };
  const disturbers = Array.from({ length: 3 }, disturb);
  try {
    await eventually(
      'a write that came too late',
      async () => {
        await lab.apply(berth.serviceManifest('contested', '', `berth.dev/loadBalancerIPs: ${lastVip}`));
        await berth.addressOf(lab, 'contested');
        await lab.kubectl(['delete', 'service', 'contested']);
        return hasRead();
      },
      { timeoutMs: 60_000 },
    );
  } finally {
    stop.abort();
    await Promise.all(disturbers);
  }
}

test('controller and speakers use every right that they have, and request nothing else', async () => {
  await lab.apply(berth.poolManifest('main', lab.subnet.vips));
  const share = 'berth.dev/allow-shared-ip: together';
  await lab.apply(berth.serviceManifest('one', '', share));
  assert.equal(await berth.addressOf(lab, 'one'), firstVip);
  const other = berth.serviceManifest('two', '', share).replace('port: 80', 'port: 81');
  await lab.apply(other);
  assert.equal(await berth.addressOf(lab, 'two'), firstVip);
  // It gets an Event that says why it has no address.
  await lab.apply(berth.serviceManifest('outside', '', 'berth.dev/loadBalancerIPs: 198.51.100.1'));
  await eventually('an Event', async () => (await berth.eventsOf(lab, 'Service', 'outside')) || undefined);
  await eventually('an answer', () => berth.curl(lab, firstVip));
  const holder = await eventually('a holder in the ledger', () => holderOf(firstVip));

  await lab.kubectl(['annotate', 'node', holder, 'berth.dev/drain=true']);
  const next = await movesFrom(firstVip, holder).finally(() =>
    lab.kubectl(['annotate', 'node', holder, 'berth.dev/drain-']),
  );
  await lab.kubectl(['annotate', 'ipallocation', firstVip, `berth.dev/move-to=${holder}`]);
  await movesFrom(firstVip, next);
  await deletePods('speaker', holder);
  await deletePods('controller');
  await berth.rolledOut(lab);
  await eventually('an answer', () => berth.curl(lab, firstVip));
  await contestReleases();
  await lab.kubectl(['delete', 'service', 'one', 'two', 'outside']);
  await eventually('an empty ledger', async () => (await berth.ledgerOf(lab)).length === 0);

  for (const role of ['controller', 'speaker']) {
    const grants = await grantsOf(client, { namespace, name: `berth-${role}` });
    assert.deepEqual(grants.map(grantText).sort(), documented(role));
    await compare(role, grants);
  }
});

test('a stolen token of a speaker allows writes about its own node only, and no read of a Secret', async () => {
  await lab.apply(berth.serviceManifest('one'));
  assert.equal(await berth.addressOf(lab, 'one'), firstVip);
  const holder = await eventually('a holder in the ledger', () => holderOf(firstVip));
  const other = lab.nodes.map(({ name }) => name).find((name) => name !== holder) ?? assert.fail();
  const tokens = {
    holder: await token(lab, 'speaker', holder),
    other: await token(lab, 'speaker', other),
    nowhere: await token(lab, 'speaker'),
    controller: await token(lab, 'controller'),
  };
  await denials({ lab, tokens, vip: firstVip, holder, other });
  await lab.kubectl(['delete', 'service', 'one']);
});

test('the checks in docs/security.md have the results that it states', async () => {
  const text = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
  const questions = [...text.matchAll(/^kubectl (auth can-i .*?) +# (yes|no)$/gm)];
  assert.ok(questions.length >= 6);
  for (const [, command = '', answer] of questions) {
    // kubectl fails when the answer is no.
    const said = await lab.kubectl(command.split(/ +/)).catch((error: Error) => error.message);
    assert.equal(/^yes\n$/.test(said) ? 'yes' : 'no', answer, `${command}: ${said}`);
    assert.match(said, /(^|: |\n)(yes|no)\s*$/, command);
  }
  const [, show = assert.fail()] = /^kubectl (--namespace berth-system exec .*)$/m.exec(text) ?? [];
  const { components } = JSON.parse(await lab.kubectl(show.split(' '))) as { components: readonly { name: string }[] };
  assert.ok(components.some(({ name }) => name === 'koffi'));
});

test('a user who may patch entries can move an address, but cannot give it to another Service', async () => {
  await lab.apply(berth.serviceManifest('one'));
  const vip = await berth.addressOf(lab, 'one');
  const names = ['clusterrole', 'clusterrolebinding'].map((kind) => [kind, 'test-mover']);
  const [role = [], binding = []] = names;
  await lab.kubectl(['create', ...role, '--verb=get,patch', '--resource=ipallocations.berth.dev']);
  try {
    await lab.kubectl(['create', ...binding, '--clusterrole=test-mover', '--user=mover']);
    const patch = ['--as=mover', 'patch', 'ipallocation', vip, '--type=merge', '--dry-run=server', '-p'];
    const wish = '{"metadata":{"annotations":{"berth.dev/move-to":"node1"}}}';
    await eventually('the mover may move', () => lab.kubectl([...patch, wish]));
    const gift = '{"spec":{"pool":"other"}}';
    const refusal = /a change of the spec of an IPAllocation needs the permission to delete it/;
    await assert.rejects(lab.kubectl([...patch, gift]), refusal);
    await lab.kubectl([...patch.slice(1), gift]);
  } finally {
    for (const name of names) await lab.kubectl(['delete', ...name, '--ignore-not-found']);
    await lab.kubectl(['delete', 'service', 'one']);
  }
});

test('the hook before an uninstallation uses every right that it has', async () => {
  const account = { namespace, name: 'berth-uninstall' };
  // The Role exists only while the hook runs.
  let grants: readonly Grant[] = [];
  const done = new AbortController();
  const looking = (async () => {
    while (grants.length === 0 && !done.signal.aborted) grants = await grantsOf(client, account).catch(() => []);
  })();
  await lab.helm(['uninstall', 'berth', '--namespace', namespace, '--wait']).finally(() => done.abort());
  await looking;
  assert.deepEqual(grants.map(grantText).sort(), documented('uninstall'));
  await compare('uninstall', grants);
});
