/** The metrics of Berth's Pods in a real Prometheus: true values, data for every panel of the dashboard, no series of deleted objects. */
import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { dashboard } from '../../scripts/dashboard.ts';
import { eventually } from '../lab/cluster.ts';
import { unpackDebian } from '../lab/debian-package.ts';
import { mustRun } from '../lab/run.ts';
import * as berth from './berth.ts';
import { holderOf } from './holder.ts';
import type { Pod } from './objects.ts';
import { type Prometheus, startPrometheus } from './prometheus.ts';
import { speakerLogs } from './speaker-process.ts';

const lab = berth.sharedLab();
const alerts = new URL('../../charts/berth/files/alerts.yaml', import.meta.url).pathname;

before(() => berth.installBerth(lab, ['metrics.onNodeNetwork=true']));
after(async () => {
  for (const node of lab.nodes) await lab.restoreLink(node);
  await berth.cleanUp(lab);
  await berth.installBerth(lab);
});

test('every alert can fire, and none fires without a fault', async () => {
  const promtool = join(await unpackDebian('prometheus'), 'usr/bin/promtool');
  const folder = await mkdtemp(join(tmpdir(), 'berth-alerts-'));
  try {
    await copyFile(alerts, join(folder, 'alerts.yaml'));
    const fixture = new URL('../fixtures/alerts/alerts.test.yaml', import.meta.url).pathname;
    await copyFile(fixture, join(folder, 'alerts.test.yaml'));
    await mustRun([promtool, 'check', 'rules', join(folder, 'alerts.yaml')]);
    await mustRun([promtool, 'test', 'rules', join(folder, 'alerts.test.yaml')]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('Prometheus gets true values, and every query of the dashboard and the alerts works', async (t) => {
  await lab.apply(berth.backends);
  await lab.rolledOut('deployment/web');
  await lab.apply(berth.poolManifest('main', lab.subnet.vips));
  await lab.apply(berth.serviceManifest('one'));
  const vip = await berth.addressOf(lab, 'one');
  await eventually('an answer', () => berth.get(lab, vip));
  const holder = await holderOf(lab, vip);
  const watcher = lab.nodes.find((node) => node !== holder) ?? assert.fail('there is only one node');
  const prometheus = await startPrometheus(watcher, await targets(), alerts);
  t.after(() => prometheus.close());
  const value = async (expression: string) => (await prometheus.query(expression))[0]?.value;
  const becomes = (expression: string, expected: number | undefined) =>
    eventually(`${expression} is ${expected}`, async () => {
      assert.equal(await value(expression), expected);
      return true;
    });

  await becomes('sum(berth_controller_leading)', 1);
  await becomes('sum(berth_controller_services{reason="Allocated"})', 1);
  await becomes('sum(berth_controller_pool_addresses{pool="main",family="IPv4",state="assigned"})', 1);
  await becomes(`sum(berth_controller_vip_holder{vip="${vip}",node="${holder.name}"})`, 1);
  await becomes('sum(berth_controller_vips{condition="Announced",status="True"})', 1);
  await becomes('count(berth_speaker_peer_alive{liveness="Alive"} == 1)', 6);
  await becomes('sum(berth_speaker_rules_loaded)', lab.nodes.length);
  await becomes('sum(berth_speaker_vips{action="Announce"})', 1);
  await becomes('min(berth_kube_synced)', 1);
  assert.ok(Number(await value('sum(berth_speaker_frames_total{outcome="Answered"})')) > 0);

  await lab.cutLink(holder);
  await becomes('sum(berth_speaker_vip_gains_total{cause="HolderDead"}) >= bool 1', 1);
  await becomes('sum(berth_speaker_takeover_duration_seconds_count) >= bool 1', 1);
  await lab.restoreLink(holder);
  await becomes('count(berth_speaker_peer_alive{liveness="Alive"} == 1)', 6);
  await eventually('an answer', () => berth.get(lab, vip));

  await holdsForDashboard(prometheus);
  const rules = await eventually('every rule is evaluated', async () => {
    const all = await prometheus.rules();
    return all.length > 10 && all.every(({ health }) => health !== 'unknown') && all;
  });
  for (const { name, health, lastError } of rules) assert.equal(health, 'ok', `${name}: ${lastError}`);

  await lab.api.delete('services', 'one');
  await becomes(`count({vip="${vip}"})`, undefined);
});

test('the log level changes while the Pods run', async () => {
  const began = new Date();
  const uids = async () =>
    (await lab.api.list('pods', { namespace: berth.namespace })).map(({ metadata }) => metadata.uid);
  const before = await uids();
  await berth.installBerth(lab, ['metrics.onNodeNetwork=true', 'logLevel=debug']);
  assert.deepEqual(await uids(), before, 'Pods were replaced');
  // The kubelet updates a ConfigMap in a Pod about once a minute, and when the Pod changes.
  await lab.kubectl(['-n', berth.namespace, 'annotate', 'pods', '--all', '--overwrite', `test=${began.getTime()}`]);
  const said = async () => (await speakerLogs(lab, began)).match(/log level changed/g)?.length === lab.nodes.length;
  await eventually('a log line of every speaker', said, { timeoutMs: 150_000, everyMs: 1_000 });
});

/** Checks that every query of the dashboard works. Queries for faults may find no data; all others must find some. */
async function holdsForDashboard(prometheus: Prometheus): Promise<void> {
  const { panels } = dashboard() as { panels: readonly { title: string; targets: readonly { expr: string }[] }[] };
  for (const { title, targets: queries } of panels) {
    for (const { expr } of queries) {
      const isQuiet = /status="False"|status="True",?.*Conflict|condition="Conflict"|reason!="Allocated"/.test(expr);
      if (isQuiet) await prometheus.query(expr);
      else
        await eventually(`data for "${title}"`, async () => {
          assert.ok((await prometheus.query(expr)).length > 0, expr);
          return true;
        });
    }
  }
}

/** The addresses (`ADDRESS:PORT`) at which Berth's Pods serve their metrics. */
async function targets(): Promise<readonly string[]> {
  const pods = await lab.api.list<Pod>('pods', { namespace: berth.namespace });
  const ports: Readonly<Record<string, number>> = { controller: 8081, speaker: 7933 };
  return pods.map(({ metadata, status }) => {
    const role = metadata.labels?.['app.kubernetes.io/component'] ?? '';
    return `${status.podIP}:${ports[role]}`;
  });
}
