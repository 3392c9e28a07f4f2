/** The links of a holder change: the kernel notifies the speaker, and the speaker reacts at once. */
import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, test } from 'node:test';
import type { LabHost } from '../lab/cluster.ts';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { holderOf } from './holder.ts';
import { speakerPod } from './speaker-process.ts';

const lab = berth.sharedLab();
const otherMac = '02:00:00:00:5e:01';
let vip: string;
let holder: LabHost;

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.backends);
  await lab.rolledOut('deployment/web');
});
beforeEach(async () => {
  await lab.apply(berth.poolManifest('main', lab.subnet.vips));
  await lab.apply(berth.serviceManifest('one'));
  vip = await berth.addressOf(lab, 'one');
  await eventually('an answer', () => berth.get(lab, vip));
  holder = await holderOf(lab, vip);
});
afterEach(() => berth.cleanUp(lab));

/** Waits until the client's neighbor entry for the VIP has a MAC. The client sends no request. */
async function clientHearsOf(mac: string): Promise<void> {
  const neighbor = async () => (await lab.client.exec(['ip', 'neigh', 'show', vip])).stdout;
  await eventually(`gratuitous ARP from ${mac}`, async () => (await neighbor()).includes(mac), { everyMs: 20 });
}

/** What the holder's speaker has logged about the VIP. */
async function logged(): Promise<readonly { readonly time: string; readonly msg: string; readonly reason?: string }[]> {
  const { namespace } = berth;
  const lines = await lab.api.log(await speakerPod(lab, holder), { namespace });
  return lines.split('\n').flatMap((line) => (line.includes(`"${vip}"`) ? JSON.parse(line) : []));
}

test('a changed MAC of the holder is announced at once, and ARP replies have it', async () => {
  const setMac = (mac: string) => holder.exec(['ip', 'link', 'set', holder.link, 'address', mac]);
  try {
    await setMac(otherMac);
    await clientHearsOf(otherMac);
    assert.deepEqual(await berth.answeringMacs(lab, vip), new Set([otherMac]));
  } finally {
    await setMac(holder.mac);
  }
  await clientHearsOf(holder.mac);
});

test('a holder whose cable is pulled stops announcing by itself', async () => {
  const cutAt = Date.now();
  await lab.cutLink(holder);
  try {
    await eventually('an answer from another node', async () => {
      const [mac] = await berth.answeringMacs(lab, vip);
      return mac !== undefined && mac !== holder.mac;
    });
  } finally {
    await lab.restoreLink(holder);
  }
  const end = await eventually('the log line', async () =>
    (await logged()).find(({ time, reason }) => Date.parse(time) >= cutAt && reason === 'NoUsableLink'),
  );
  const afterMs = Date.parse(end.time) - cutAt;
  assert.equal(end.msg, 'no longer announcing');
  assert.ok(afterMs < 1_000, `only after ${afterMs} ms`);
});
