/**
 * The file from which a speaker works after a restart without the API server. Only a completely
 * written file is read.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { parseAdvertisement } from '../../../src/api/advertisement.ts';
import { parseAllocation } from '../../../src/api/allocation.ts';
import { type EndpointSliceView, parseEndpointSlice } from '../../../src/api/endpoints.ts';
import type { Identity } from '../../../src/api/meta.ts';
import { parseNode, parseSpeakerPod } from '../../../src/api/node.ts';
import { parseService } from '../../../src/api/service.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { isKnown, isSynced } from '../../../src/kube/informer-set.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { writeValues } from '../../../src/runtime/value-file.ts';
import { makeInformers } from '../../../src/speaker/informers.ts';
import {
  openSnapshotFile,
  readSaved,
  type Saved,
  snapshotVersion,
  writeSaved,
} from '../../../src/speaker/snapshot-file.ts';
import { fc } from '../../property.ts';

let folder: string;
let file: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-snapshot-'));
  file = join(folder, 'snapshot');
});
after(() => rmSync(folder, { recursive: true }));

/** The content of the file, and the log lines of the read. */
async function read(node = 'n1', of = file) {
  const lines: { readonly level: string; readonly reason: string }[] = [];
  const log = {
    info: ({ reason }: { reason: string }) => lines.push({ level: 'info', reason }),
    warn: ({ reason }: { reason: string }) => lines.push({ level: 'warn', reason }),
  };
  return { saved: await readSaved({ file: of, node, log: log as never }), lines };
}

const plain = { noNullPrototype: true } as const;
const claim = fc.record({ uid: fc.uuid(), term: fc.nat(), isolated: fc.boolean(), leaving: fc.boolean() }, plain);
const text = fc.string({ unit: 'binary', maxLength: 8 });
const value = fc.oneof(
  ...[text, fc.bigInt(), fc.integer(), fc.boolean(), fc.constant(undefined), fc.array(text, { maxLength: 3 })],
  fc.array(fc.tuple(text, fc.bigInt()), { maxLength: 3 }).map((entries) => new Map(entries)),
  fc.array(text, { maxLength: 3 }).map((items) => new Set(items)),
);
const view = fc
  .record({ name: text, uid: fc.uuid(), resourceVersion: text, a: value, b: value }, plain)
  .map((one): Identity => one);
/** Some kinds have no objects, and others have more than one write takes. */
const views = fc
  .record({ of: fc.array(view, { minLength: 1, maxLength: 5 }), repeat: fc.constantFrom(1, 1, 400) }, plain)
  .map(({ of, repeat }) => Array.from({ length: repeat }, () => of).flat());
const saved = fc.record(
  {
    savedAt: text,
    views: fc.dictionary(fc.constantFrom('services', 'nodes', 'pods'), views, plain),
    claims: fc.array(claim),
  },
  plain,
);

const small: Saved = {
  savedAt: '2026-01-01T00:00:00Z',
  views: { services: [{ name: 'a', uid: 'u', resourceVersion: '1' }] },
  claims: [{ uid: 'u', term: 3, isolated: false, leaving: false }],
};

test('the content is read as it was written', async () => {
  await fc.assert(
    fc.asyncProperty(saved, async (written) => {
      await writeSaved(file, 'n1', written);
      const { saved: back, lines } = await read();
      assert.deepEqual(back, written);
      assert.deepEqual(lines, []);
    }),
    { numRuns: 50 },
  );
});

test('a file that was cut anywhere, or in which any byte has changed, is not used', async () => {
  await writeSaved(file, 'n1', small);
  const whole = readFileSync(file);
  const broken = join(folder, 'broken');
  const damage = [
    ...Array.from(whole, (_, length) => whole.subarray(0, length)),
    ...Array.from(whole, (byte, at) => whole.with(at, byte ^ (1 << (at % 8)))),
    Buffer.concat([whole, Buffer.of(0)]),
  ];
  for (const bytes of damage) {
    writeFileSync(broken, bytes);
    const { saved: back, lines } = await read('n1', broken);
    assert.deepEqual([back, lines], [undefined, [{ level: 'warn', reason: 'Damaged' }]]);
  }
});

test('a file of another version or node is not used, nor is a missing file, and each case logs one line', async () => {
  const ignored = async (node?: string, of?: string) => {
    const { saved: back, lines } = await read(node, of);
    assert.equal(back, undefined);
    return lines;
  };
  await writeSaved(file, 'n1', small);
  assert.deepEqual(await ignored('n2'), [{ level: 'warn', reason: 'OtherNode' }]);
  assert.deepEqual(await ignored('n1', join(folder, 'none')), [{ level: 'info', reason: 'ENOENT' }]);
  await writeValues(file, [{ version: snapshotVersion + 1, node: 'n1', savedAt: '' }]);
  assert.deepEqual(await ignored(), [{ level: 'warn', reason: 'OtherVersion' }]);
  for (const values of [[], [undefined], ['text']]) {
    await writeValues(file, values);
    assert.deepEqual(await ignored(), [{ level: 'warn', reason: 'OtherVersion' }]);
  }
});

test('a failed write leaves the old file, and no other file next to it', async () => {
  await writeSaved(file, 'n1', small);
  const unwritable = { ...small, views: { services: [{ ...small.views.services?.[0], call: () => 0 } as never] } };
  await assert.rejects(writeSaved(file, 'n1', unwritable));
  assert.deepEqual((await read()).saved, small);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.new')),
    [],
  );
});

/**
 * A file of an older Berth with the same version would be read as a current one. So a change of a
 * view or a claim must raise `snapshotVersion`, and then change this test.
 */
test('the version of the file stands for these fields', () => {
  const metadata = { name: '192.0.2.1', namespace: 'n', uid: 'u', resourceVersion: '1' };
  const labels = { 'kubernetes.io/service-name': 's' };
  const of = {
    allocations: parseAllocation({ metadata, spec: { address: '192.0.2.1', pool: 'p', services: [] } }),
    services: parseService({ metadata, spec: {} }),
    advertisements: parseAdvertisement({ metadata }),
    nodes: parseNode({ metadata }),
    endpointSlices: parseEndpointSlice({ metadata: { ...metadata, labels } }),
    pods: parseSpeakerPod({ metadata, spec: { nodeName: 'n1' } }),
    claims: small.claims[0],
  };
  const fields = Object.fromEntries(Object.entries(of).map(([kind, one]) => [kind, Object.keys(one ?? {}).join(' ')]));
  assert.deepEqual(
    { version: snapshotVersion, ...fields },
    {
      version: 10,
      allocations:
        'name uid resourceVersion created address value pool services sharingKey reservedUntil formerNamespaces adopted quarantine moveTo ' +
        'renumber recorded conflict conditions ending fault',
      services:
        'name uid resourceVersion key namespace created labels isLoadBalancer class requests requestedPools ' +
        'sharingKey ports nodePorts handOff takeOver unclearTakeOver sticky families familyPolicy local sourceRanges ' +
        'unreadableRanges selector servesUnready ingress ingressWriters conditions',
      advertisements: 'name uid resourceVersion pools nodeSelectors interfaces distribution endingSince',
      nodes: 'name uid resourceVersion labels excluded addresses internalAddresses draining',
      endpointSlices: 'name uid resourceVersion service endpoints',
      pods: 'name uid resourceVersion node ready uninstalled',
      claims: 'uid term isolated leaving',
    },
  );
});

test('the snapshot is used once, if the API server has sent nothing; at the end the file has the latest state', async () => {
  await writeSaved(file, 'n1', small);
  const place = { file, node: 'n1', log: { info: () => undefined, warn: () => undefined } };
  let used = 0;
  const begin = async () => {
    const log = createLogger('test', 'info');
    log.level = 'silent';
    const common = { client: {} as KubeClient, log, onChange: () => undefined, onUnreachable: () => undefined };
    const informers = makeInformers(common, { namespace: 'n', peerSelector: '' });
    const snapshotFile = await openSnapshotFile(place);
    const claims = snapshotFile.claims.map((one) => ({ ...one, term: one.term + 1 }));
    snapshotFile.start({ informers, claims: () => claims, onUse: () => used++ });
    return { informers, snapshotFile };
  };
  // Nothing is known, so nothing is written.
  const first = await begin();
  await first.snapshotFile.close();
  assert.deepEqual((await read()).saved, small);
  const second = await begin();
  second.snapshotFile.use();
  second.snapshotFile.use();
  assert.deepEqual([used, isKnown(second.informers), isSynced(second.informers)], [1, true, false]);
  assert.deepEqual(second.informers.services.store.values(), small.views.services);
  await second.snapshotFile.close();
  const { saved: back } = await read();
  assert.deepEqual([back?.views, back?.claims.map(({ term }) => term)], [small.views, [4]]);
});

test('a Pod that starts makes the file be written once a minute, unless something depends on it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const [info, warn] = [() => undefined, () => assert.fail('the file cannot be written')];
  const log = createLogger('test', 'silent');
  const common = { client: {} as KubeClient, log, onChange: () => undefined, onUnreachable: () => undefined };
  const informers = makeInformers(common, { namespace: 'n', peerSelector: '' });
  for (const informer of Object.values(informers)) informer.seed([]);
  // They are read for each write, and only then.
  const reads = t.mock.method(informers.services.store, 'values').mock;
  const path = join(folder, 'churn');
  const snapshot = await openSnapshotFile({ file: path, node: 'n1', log: { info, warn } });
  snapshot.start({ informers, claims: () => [], onUse: () => undefined });
  const { store } = informers.endpointSlices;
  let version = 1;
  const change = (service: string, endpoints: EndpointSliceView['endpoints'] = []) =>
    store.put({ name: service, uid: service, resourceVersion: `${++version}`, service, endpoints });
  // Each write makes a new file.
  const inode = () => statSync(path, { throwIfNoEntry: false })?.ino;
  /** The writes within this time. */
  const writesIn = async (ms: number) => {
    const before = reads.callCount();
    for (const end = now + ms; now < end; ) {
      const [reading, file] = [reads.callCount(), inode()];
      now += 5_000;
      t.mock.timers.tick(5_000);
      do await new Promise((resolve) => setImmediate(resolve));
      while (reads.callCount() > reading && inode() === file);
    }
    return reads.callCount() - before;
  };
  assert.equal(await writesIn(5_000), 1);
  change('n/other');
  assert.equal(await writesIn(55_000), 0);
  assert.equal(await writesIn(10_000), 1);
  store.isServed('n/web', 'IPv4');
  change('n/web', [{ addresses: ['10.0.0.1' as Ip], node: 'n1', ready: true }]);
  // The end of the last write may come after its file: then the next save is left out.
  assert.equal(await writesIn(10_000), 1, 'a VIP has its first endpoint');
  change('n/other', [{ addresses: ['10.0.0.2' as Ip], node: 'n1', ready: true }]);
  const before = reads.callCount();
  await snapshot.close();
  assert.equal(reads.callCount() - before, 1, 'at the end the file has everything');
});
