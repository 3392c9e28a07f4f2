/** Watches that are half open: they get no more events, and no error. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { afterEach, before, beforeEach, test } from 'node:test';
import { type NamespaceView, parseNamespace, type RawNamespace } from '../../src/api/namespace.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { connect } from '../../src/kube/connection.ts';
import { Informer } from '../../src/kube/informer.ts';
import { collections } from '../../src/kube/resources.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { enterNetworkOf } from './enter-network.ts';
import { SlowProxy } from './slow-proxy.ts';

const lab = berth.sharedLab();
const names = ['a', 'b'].map((name) => `watched-${name}-${Date.now()}`);
let proxy: SlowProxy;
let client: KubeClient;

before(() => enterNetworkOf(lab.client));
beforeEach(async () => {
  proxy = await SlowProxy.open(await connect(lab.kubeconfig));
  const file = `${lab.stateDir}/slow-kubeconfig.json`;
  await writeFile(file, JSON.stringify(proxy.kubeconfig));
  client = new KubeClient(await connect(file));
});
afterEach(async () => {
  client.close();
  proxy.close();
  for (const name of names) await lab.api.delete('namespaces', name, { wait: false });
});

function make(name: string): Promise<void> {
  return lab.apply(`{ apiVersion: v1, kind: Namespace, metadata: { name: ${name} } }`);
}

test('a watch that is half open is started again after a time of silence, and no event is missed', async () => {
  const log = createLogger('test', 'info');
  log.level = 'silent';
  const informer = new Informer<RawNamespace, NamespaceView>({
    ...{ client, log, path: collections.namespaces, parse: parseNamespace, onChange: () => undefined },
    silenceMs: 2_000,
  });
  const stop = new AbortController();
  const running = informer.run(stop.signal);
  const knows = (name: string) => informer.store.values().some((view) => view.name === name);
  try {
    // An object that is created after the first list comes by the watch. So the watch is open, and the proxy can silence it.
    await eventually('the first list', () => informer.synced);
    await make(names[0] ?? '');
    await eventually('the first namespace', () => knows(names[0] ?? ''));
    proxy.silence();
    await make(names[1] ?? '');
    assert.equal(knows(names[1] ?? ''), false, 'the watch is not half open');
    await eventually('the second namespace', () => knows(names[1] ?? ''), { timeoutMs: 10_000 });
  } finally {
    stop.abort();
    await running;
  }
});
