/**
 * Every status that a speaker writes to an IPAllocation fits its schema, whatever the names of
 * nodes, links and hosts are.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { type Placement, withheld } from '../../../src/announce/placements.ts';
import { type ReportContext, Reporter } from '../../../src/announce/reports.ts';
import { VerificationResults } from '../../../src/announce/verification-results.ts';
import type { ConflictState } from '../../../src/announce/watched-vip.ts';
import { parseAllocation, type RawAllocation } from '../../../src/api/allocation.ts';
import { spreadFinding } from '../../../src/dataplane/plan/spread-report.ts';
import { ApiError, type KubeClient } from '../../../src/kube/client.ts';
import { Informer } from '../../../src/kube/informer.ts';
import { probeOutcomes } from '../../../src/liveness/messages.ts';
import { createLogger, type Logger } from '../../../src/runtime/logger.ts';
import { HolderStatusWriter } from '../../../src/speaker/announce/status-writer.ts';
import { eventually } from '../../lab/poll.ts';
import { skipTime } from '../../net/skipped-time.ts';
import { fc } from '../../property.ts';
import { longName } from './clusters.ts';
import { keepingClient } from './controller-pass.ts';
import { faultsOfWrite, type Write } from './limits.ts';

const self = longName('s');
const mac = '02:00:00:00:00:66';
const vip = '2001:db8:1111:2222:3333:4444:5555:6666' as Ip;
const uid = 'uid';

/** Links with names of the kernel's maximum length. */
const linksOf = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `enp${i}s0f0`.padEnd(15, 'x'), mac: `02:00:00:00:00:${10 + i}` }));

/** A speaker's other knowledge. Facts that are left out are those of a healthy cluster. */
type Facts = Partial<Omit<ReportContext, 'self'>>;

/** The client and the log of the writer, and the recorded status. */
interface Desk {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly status: RawAllocation['status'];
}

const entryWith = (status: RawAllocation['status'] = {}): RawAllocation => {
  const metadata = { name: vip.replaceAll(':', '-').replace('db8', '0db8'), uid, resourceVersion: '1' };
  return { metadata, spec: { address: vip, pool: 'p', services: [] }, status };
};

/** Lets the speaker of this node record its placement of the VIP, until the caller aborts it. */
function record(placement: Placement, facts: Facts, { client, log, status }: Desk) {
  const none = () => undefined;
  const allocations = new Informer({ client, log, path: '', parse: parseAllocation, onChange: none });
  allocations.assume(entryWith(status));
  const done = new AbortController();
  const writer = new HolderStatusWriter({ client, log, allocations, signal: done.signal });
  const reports = new Reporter().report([placement], {
    ...{ self, links: [], stateOf: () => ({ kind: 'Clear' }), verifiedOf: none, spreadOf: none, dataPathFault: none },
    ...{ isReporter: () => true, ...facts },
  });
  writer.record(reports);
  // The fact that no node holds an address is written only when it lasts.
  skipTime(2_500);
  writer.record(reports);
  return { reports, abort: () => done.abort() };
}

/** The writes of this node's speaker to the entry of the VIP. */
async function writesOf(
  placement: Placement,
  facts: Facts,
  status: RawAllocation['status'] = {},
): Promise<readonly Write[]> {
  const { client, writes } = keepingClient([entryWith(status)]);
  const recording = record(placement, facts, { client, log: createLogger('test', 'silent'), status });
  if (recording.reports.length > 0) await eventually('the record is written', () => writes.length > 0, { everyMs: 1 });
  recording.abort();
  return writes;
}

const announce = (links: readonly { readonly name: string }[]): Placement => {
  return { vip, uid, holder: self, kind: 'Announce', term: 7, links: links.map(({ name }) => name), damped: false };
};

const states: fc.Arbitrary<ConflictState> = fc.constantFrom<ConflictState>(
  { kind: 'Clear' },
  { kind: 'Clear', proxy: mac },
  { kind: 'Probing' },
  { kind: 'Taken', mac },
  { kind: 'OtherProgram', mac, node: longName('o') },
  { kind: 'Contested', mac, node: longName('o') },
  { kind: 'Contested', mac, node: undefined },
);

/** The result of another speaker. Its length is limited by the receiver. */
const verified = fc
  .record({
    outcome: fc.constantFrom(...probeOutcomes),
    detail: fc.constantFrom('', '80', mac, 'SourceRanges', 'x'.repeat(64)),
  })
  .map(({ outcome, detail }) => {
    const results = new VerificationResults();
    results.observe([{ uid, address: vip, term: 7, verifier: longName('v') }], 0);
    const from = { node: longName('v'), incarnation: 'i' };
    results.take({ from, roundMs: 1_000, results: [{ uid, term: 7, outcome, detail }] }, 0);
    const state = results.stateOf(uid, 0);
    return state === 'Pending' ? undefined : state;
  });

const manyNodes = Array.from({ length: 100 }, (_, i) => `${i}${longName('n').slice(3)}`);

const spread = fc
  .record({
    hasPrograms: fc.boolean(),
    fault: fc.constantFrom(undefined, undefined, 'NotPermitted'),
    members: fc.constantFrom([], [longName('a'), longName('b')], manyNodes),
    blocked: fc.constantFrom([], [longName('c')], manyNodes),
  })
  .map((facts) => spreadFinding({ vip, link: 'x'.repeat(15), ...facts }));

const placements: fc.Arbitrary<Placement> = fc.oneof(
  fc
    .record({ damped: fc.boolean(), count: fc.constantFrom(1, 2, 15, 80) })
    .map(({ damped, count }) => ({ ...announce(linksOf(count)), damped })),
  fc
    .constantFrom('NoCandidate', 'NoLocalEndpoints', 'NetworkAddress', 'NoUsableLink', 'Listening')
    .map((reason) => ({ vip, uid, holder: undefined, kind: 'Silent', reason })),
) as fc.Arbitrary<Placement>;

const recorded = fc.constantFrom<RawAllocation['status']>(
  {},
  { holder: { node: longName('f'), term: 6, since: '2026-01-01T00:00:00Z', links: linksOf(64) } },
  {
    conditions: [
      {
        type: 'Announced',
        status: 'True',
        reason: 'Announced',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
  },
);

test('the API server accepts every record of a speaker, however long the names of nodes and links are', async () => {
  let count = 0;
  const facts = fc.record({
    state: states,
    verified: fc.option(verified, { nil: undefined }),
    spread: fc.option(spread, { nil: undefined }),
    fault: fc.constantFrom(undefined, 'NoEndpoints' as const, 'DataPathUnproven' as const),
    readiness: fc.constantFrom('Ready' as const, 'Pending' as const),
  });
  const property = fc.asyncProperty(placements, facts, recorded, async (placement, now, before) => {
    const context: Facts = {
      links: linksOf(80),
      stateOf: () => now.state,
      verifiedOf: () => now.verified,
      spreadOf: () => now.spread,
      dataPathFault: () => now.fault,
    };
    const [placed = placement] = withheld(
      [placement],
      () => now.state,
      () => now.readiness,
    );
    for (const write of await writesOf(placed, context, before)) {
      count++;
      assert.deepEqual(faultsOfWrite(write), [], `${JSON.stringify(write.body.status)}`);
    }
  });
  await fc.assert(property, { numRuns: 200 });
  assert.ok(count > 50, `${count} writes`);
});

test('an address that is spread over a hundred nodes has a record of its holder', async () => {
  const members = Array.from({ length: 100 }, (_, i) => `worker-${i}.example`);
  const finding = spreadFinding({ vip, link: 'eth0', hasPrograms: false, fault: undefined, members, blocked: [] });
  const writes = await writesOf(announce(linksOf(1)), { links: linksOf(1), spreadOf: () => finding });
  assert.deepEqual(writes.flatMap(faultsOfWrite), [], 'why the API server refuses the record');
});

test('an address that is announced on forty links has a record of its holder', async () => {
  const links = linksOf(40);
  const writes = await writesOf(announce(links), { links });
  assert.deepEqual(writes.flatMap(faultsOfWrite), [], 'why the API server refuses the record');
});

test('a refused record is logged as a warning or an error', async () => {
  const said: string[] = [];
  const says = (level: string) => () => said.push(level);
  const log = {
    debug: says('debug'),
    info: says('info'),
    warn: says('warn'),
    error: says('error'),
  } as unknown as Logger;
  const refuse = () => Promise.reject(new ApiError(422, { reason: 'Invalid', message: 'Too long' }));
  const client = { apply: refuse } as unknown as KubeClient;
  const { abort } = record(announce(linksOf(1)), { links: linksOf(1) }, { client, log, status: {} });
  await eventually('the speaker logs the refusal', () => said.length > 0, { everyMs: 1 });
  abort();
  assert.ok(
    said.some((level) => level === 'warn' || level === 'error'),
    `logged only at level ${said}`,
  );
});

/** How often a record is written within 300 ms, if the API server answers with these further conditions. */
async function writesWith(...further: readonly { readonly type: string }[]): Promise<number> {
  const { client: keeping, writes } = keepingClient([entryWith()]);
  const apply = async (request: Parameters<KubeClient['apply']>[0]) => {
    const written = (await keeping.apply(request)) as RawAllocation;
    const conditions = [...(written.status?.conditions ?? []), ...further.map((one) => ({ ...other, ...one }))];
    return { ...entryWith(), ...written, status: { ...written.status, conditions } };
  };
  const client = { apply } as unknown as KubeClient;
  const log = createLogger('test', 'silent');
  const { abort } = record(announce(linksOf(1)), { links: linksOf(1) }, { client, log, status: {} });
  await new Promise((resolve) => setTimeout(resolve, 300));
  abort();
  return writes.length;
}

const other = { status: 'True', reason: 'Other', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' } as const;

test('a record that another field manager keeps a part of is not written again and again', async () => {
  assert.equal(await writesWith({ type: 'Conflict' }), 1);
});

test('a condition of another type, which another program keeps, causes no writes', async () => {
  assert.equal(await writesWith({ type: 'example.com/Checked' }), 1);
});
