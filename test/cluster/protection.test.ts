/** The chart value protectPools: a pool in use, or an advertisement, is not deleted by accident. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';

const lab = berth.sharedLab();
const remove = (...args: readonly string[]) => lab.kubectl(['delete', 'ipaddresspools.berth.dev', ...args]);
const names = async () => (await lab.api.list('ipaddresspools')).map(({ metadata }) => metadata.name).sort();

before(() => berth.installBerth(lab, ['protectPools=true']));
after(async () => {
  await lab.kubectl(['delete', 'services', '--selector', '!provider', '--ignore-not-found']);
  // Without the value, the policy is gone, and everything can be cleaned up.
  await berth.installBerth(lab);
  await eventually('the pools can be deleted', async () => {
    await berth.cleanUp(lab);
    return true;
  });
});

test('a pool whose addresses are in use is deleted only with the annotation; the others are deleted', async () => {
  const [first = ''] = lab.subnet.vips.split('-');
  await lab.apply(berth.poolManifest('used', first));
  await lab.apply(
    '{ apiVersion: berth.dev/v1beta1, kind: IPAddressPool, metadata: { name: idle }, spec: { addresses: [198.51.100.0/28], autoAssign: false } }',
  );
  await lab.apply(berth.serviceManifest('one'));
  await berth.addressOf(lab, 'one');
  await eventually('the pool counts its address', async () => {
    const pools = await lab.api.list<{ metadata: { name: string }; status?: { used?: string } }>('ipaddresspools');
    return pools.find(({ metadata }) => metadata.name === 'used')?.status?.used === '1';
  });
  await eventually('the policy is in force', async () => {
    await assert.rejects(remove('used', '--dry-run=server'), /addresses of this pool in use: 1\./);
    return true;
  });
  await assert.rejects(
    remove('--all'),
    /kubectl annotate ipaddresspools\.berth\.dev used berth\.dev\/allow-delete=true/,
  );
  assert.deepEqual(await names(), ['used']);
  await lab.kubectl(['annotate', 'bpool', 'used', 'berth.dev/allow-delete=true']);
  await remove('used');
  assert.deepEqual(await names(), []);
});

test('an L2Advertisement is deleted only with the annotation: without it no node announces the addresses', async () => {
  await lab.apply('{ apiVersion: berth.dev/v1beta1, kind: L2Advertisement, metadata: { name: lan }, spec: {} }');
  const removeAdvertisement = (...args: readonly string[]) =>
    lab.kubectl(['delete', 'l2advertisements.berth.dev', ...args]);
  await eventually('the policy is in force', async () => {
    await assert.rejects(
      removeAdvertisement('lan', '--dry-run=server'),
      /annotate l2advertisements\.berth\.dev lan berth\.dev\/allow-delete=true/,
    );
    return true;
  });
  await lab.kubectl(['annotate', 'badv', 'lan', 'berth.dev/allow-delete=true']);
  await removeAdvertisement('lan');
});
