/** What the speakers write down of an address is taken by the API server, and where it is not, a person can see that. */
import assert from 'node:assert/strict';
import type { Ip } from '../../src/addr/ip.ts';
import { reportsOf } from '../../src/announce/reports.ts';
import { type AllocationView, parseAllocation, type RawAllocation } from '../../src/api/allocation.ts';
import { spreadFinding } from '../../src/dataplane/spread-report.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { Informer } from '../../src/kube/informer.ts';
import { Recorder } from '../../src/speaker/record.ts';
import { readDefinitions } from '../apiserver/definitions.ts';
import { kinds } from '../apiserver/kinds.ts';
import type { ApiObject } from '../apiserver/objects.ts';
import { ApiServer } from '../apiserver/server.ts';
import { ApiStore } from '../apiserver/store.ts';
import { promise } from '../honesty/promise.ts';
import { eventually } from '../lab/poll.ts';
import { keptLog, type LogLine } from './running-controller.ts';
import { paths } from './world.ts';

const vip = '192.0.2.1' as Ip;
const problemsOf = readDefinitions();
const lastTransitionTime = '2026-01-01T00:00:00Z';

/** What the API server has against a status. */
function problems(status: object): readonly string[] {
  const kind = kinds.get(paths.allocations) ?? assert.fail('no kind');
  const spec = { address: vip, pool: 'p', services: [], reservedUntil: lastTransitionTime };
  const entry = { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name: vip }, spec, status };
  return problemsOf(entry as unknown as ApiObject, kind);
}

const spreadOf = (members: readonly string[], blocked: readonly string[]) =>
  spreadFinding({ vip, link: 'eth0', hasPrograms: false, fault: undefined, members, blocked });

promise('what is said of a spread address fits its field, however many nodes serve it', () => {
  const members = Array.from({ length: 100 }, (_, i) => `worker-${i}.rack-7.example.com`);
  const texts = [spreadOf(members, []), spreadOf([], members)].flatMap((finding) =>
    problems({ conditions: [{ ...finding, lastTransitionTime }] }),
  );
  assert.deepEqual(texts, [], 'what is said of a spread address is too long');
});

promise('what is said of a holder fits its field, however many links it has', () => {
  const links = Array.from({ length: 80 }, (_, i) => ({ name: `vlan-storage${i}`, mac: '02:00:00:00:00:01' }));
  const names = links.map(({ name }) => name);
  const self = `${'node.'.repeat(50)}x`;
  const placement = { kind: 'Announce', vip, uid: 'u', holder: self, term: 1, links: names, damped: false } as const;
  const [report] = reportsOf([placement], {
    ...{ self, links, stateOf: () => ({ kind: 'Clear' }), verifiedOf: () => undefined, spreadOf: () => undefined },
    ...{ dataPathFault: () => undefined, isReporter: () => true },
  });
  const { node, term, links: recorded } = report?.holder ?? assert.fail('no report');
  const conditions = report?.conditions.map((one) => ({ ...one, lastTransitionTime }));
  assert.deepEqual(problems({ holder: { node, term, links: recorded }, conditions }), [], 'a holder is too long');
});

promise('a record that is refused is seen at level warn', async (t) => {
  const store = new ApiStore({ problemsOf });
  const server = await ApiServer.open(store);
  const client = new KubeClient({ server: server.url, tls: {}, headers: async () => ({}) });
  const stop = new AbortController();
  t.after(() => {
    stop.abort();
    client.close();
    server.close();
  });
  const spec = { address: vip, pool: 'p', services: [], reservedUntil: lastTransitionTime };
  const made = store.request({ method: 'POST', path: paths.allocations, body: { metadata: { name: vip }, spec } });
  const { uid } = (made.body as ApiObject).metadata;
  const lines: LogLine[] = [];
  const common = { client, log: keptLog(lines), signal: stop.signal };
  const parse = parseAllocation;
  const informing = { ...common, path: paths.allocations, parse, onChange: () => undefined };
  const allocations = new Informer<RawAllocation, AllocationView>(informing);
  void allocations.run(stop.signal);
  await eventually('the list', () => allocations.synced, { everyMs: 5 });
  server.fault({ method: 'PATCH' }, { kind: 'Refuse', status: 422, reason: 'Invalid' });
  const conditions = [{ type: 'Announced', status: 'True', reason: 'Announced', message: 'm' }] as const;
  const holder = { node: 'n1', term: 1, announces: true, links: [] };
  new Recorder({ ...common, allocations }).record([{ uid, address: vip, holder, conflict: undefined, conditions }]);
  const said = await eventually('it is logged', () => lines.find(({ err }) => err !== undefined), { everyMs: 5 });
  assert.equal(said.level, 'warn', 'the refusal is logged where only developers look');
});
