/**
 * The take-over from MetalLB and the way back, with a real controller. Whatever ends them early, the last words say what runs, and
 * nothing is left that a second run cannot continue.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { RawService } from '../../src/api/service.ts';
import { Session } from '../../src/cli/cluster/session.ts';
import { convertMetalLb } from '../../src/cli/migrate/convert/metallb.ts';
import { checkObjects } from '../../src/cli/migrate/objects.ts';
import { readPrograms } from '../../src/cli/migrate/read-metallb.ts';
import { missingRights } from '../../src/cli/migrate/rights.ts';
import { rollBack } from '../../src/cli/migrate/rollback.ts';
import { takeOver } from '../../src/cli/migrate/take-over.ts';
import { plain } from '../../src/cli/output/colors.ts';
import type { ApiObject, Fields } from '../apiserver/objects.ts';
import { eventually } from '../lab/poll.ts';
import { paths, World } from './world.ts';

const apps = '/apis/apps/v1/namespaces/metallb-system';
const controllerPath = `${apps}/deployments/controller`;
const speakerPath = `${apps}/daemonsets/speaker`;
const soon = { timeoutMs: 10_000, everyMs: 10 };
const ownership = { classes: ['berth.dev/berth'], withoutClass: true, takeOver: false, writer: 'berth-controller' };
const holder = { node: 'n1', term: 1 };
const metalLbPool = {
  apiVersion: 'metallb.io/v1beta1',
  kind: 'IPAddressPool',
  metadata: { name: 'lan', namespace: 'metallb-system' },
  spec: { addresses: ['192.0.2.0/28'] },
};
const metalLbAdvertisement = { ...metalLbPool, kind: 'L2Advertisement', spec: {} };

/** MetalLB with two replicas of its controller, and Services that it serves. */
class Old {
  readonly world: World;
  readonly notes: string[] = [];
  readonly interrupt = new AbortController();
  /** Whether the Pods of a workload follow its spec. */
  follows = true;
  #tick: NodeJS.Timeout | undefined;

  constructor(t: TestContext, world: World) {
    this.world = world;
    const labels = { app: 'metallb' };
    const template = { metadata: { labels }, spec: { containers: [{ image: 'metallb/x' }] } };
    world.must('POST', '/api/v1/namespaces', { metadata: { name: 'metallb-system' } });
    world.must('POST', `${apps}/deployments`, {
      metadata: { name: 'controller', labels },
      spec: { replicas: 2, template },
    });
    world.must('POST', `${apps}/daemonsets`, { metadata: { name: 'speaker', labels }, spec: { template } });
    this.#follow();
    this.#tick = setInterval(() => this.#follow(), 20);
    t.after(() => clearInterval(this.#tick));
  }

  /** Makes a Service with an address that MetalLB wrote. */
  serve(name: string, ip: string): void {
    this.world.createService(name, { spec: { ports: [{ port: 80 }] } });
    this.world.must('PATCH', `${paths.ofDefault}/${name}/status`, { status: { loadBalancer: { ingress: [{ ip }] } } });
  }

  session(): Session {
    const note = (text: string) => void this.notes.push(text);
    const terminal = { out: note, note, confirm: async () => false, colors: plain };
    return new Session({ output: 'table', kubeconfig: this.world.kubeconfig }, terminal, this.interrupt.signal);
  }

  /** Takes all Services over, in groups of one. */
  async takeOver() {
    const session = this.session();
    try {
      const services = this.world.store.all(paths.services) as unknown as readonly RawService[];
      const migration = convertMetalLb({
        objects: [metalLbPool, metalLbAdvertisement],
        services,
        classes: ownership.classes,
      });
      const groups = migration.services.map((one) => [one]);
      const programs = await readPrograms(await session.reach());
      return await takeOver({ session, migration, groups, programs, ownership });
    } finally {
      await session.close();
    }
  }

  async rollBack(): Promise<string> {
    const session = this.session();
    try {
      const answer = await rollBack(session);
      return answer.text({ colors: plain, wide: false }, answer.facts);
    } finally {
      await session.close();
    }
  }

  get replicas(): unknown {
    return (this.world.must('GET', controllerPath).spec as Fields).replicas;
  }

  get isSpeakerStopped(): boolean {
    return JSON.stringify(this.world.must('GET', speakerPath).spec).includes('stopped-by-migrate');
  }

  /** The Services with the annotation of a take-over. */
  get marked(): readonly string[] {
    const all = this.world.store.all(paths.services);
    return all
      .filter(({ metadata }) => metadata.annotations?.['berth.dev/take-over'])
      .map(({ metadata }) => metadata.name);
  }

  /** The last words: everything after the progress. */
  get words(): string {
    return this.notes.at(-1) ?? '';
  }

  /** Does what the controllers of Kubernetes and the speakers of Berth do. */
  #follow(): void {
    if (!this.follows) return;
    for (const path of [controllerPath, speakerPath]) {
      const { metadata, spec } = this.world.must('GET', path) as ApiObject & { spec: Fields };
      const isStopped = spec.replicas === 0 || JSON.stringify(spec).includes('stopped-by-migrate');
      const count = isStopped ? 0 : ((spec.replicas as number | undefined) ?? 1);
      const counts = { desiredNumberScheduled: count, currentNumberScheduled: count, numberReady: count };
      const status = { observedGeneration: metadata.generation, replicas: count, readyReplicas: count, ...counts };
      this.world.must('PATCH', `${path}/status`, { status });
    }
    const announced = { type: 'Announced', status: 'True', reason: 'Announced', message: '' };
    for (const { metadata, status } of this.world.store.all(paths.allocations))
      if (!JSON.stringify(status ?? {}).includes('n1')) this.world.tell(metadata.name, announced, holder);
  }
}

/** Runs a test with two Services of MetalLB. The judge of the world knows no other program that writes addresses, so it is not asked. */
const withOld = async (t: TestContext, run: (old: Old, world: World) => Promise<void>) => {
  const world = await World.open();
  t.after(() => world.close());
  const old = new Old(t, world);
  old.serve('a', '192.0.2.1');
  old.serve('b', '192.0.2.2');
  await run(old, world);
};

test('a take-over stops MetalLB, keeps the addresses, and leaves no annotation', (t) =>
  withOld(t, async (old, world) => {
    await world.startLeading();
    const taken = await old.takeOver();
    assert.deepEqual(
      taken.map(({ address, holder }) => [address, holder]),
      [
        ['192.0.2.1', 'n1'],
        ['192.0.2.2', 'n1'],
      ],
    );
    assert.deepEqual([old.replicas, old.isSpeakerStopped, old.marked], [0, true, []]);
    assert.deepEqual([world.shown('a'), world.shown('b')], [['192.0.2.1'], ['192.0.2.2']]);
  }));

test("if nothing was taken over, MetalLB's controller is started again as it was", (t) =>
  withOld(t, async (old, world) => {
    world.server.fault({ method: 'POST', path: paths.pools }, { kind: 'Refuse', status: 403 });
    await assert.rejects(old.takeOver(), /refuses IPAddressPool lan/);
    assert.equal(old.replicas, 2);
    assert.match(old.words, /controller was not stopped by this run[\s\S]*No Service was changed\.\n$/);
    assert.doesNotMatch(JSON.stringify(world.must('GET', controllerPath)), /before-migrate/);
  }));

test('what was stopped before stays stopped: Berth may have taken Services over in an earlier run', (t) =>
  withOld(t, async (old, world) => {
    world.must('PATCH', controllerPath, { spec: { replicas: 0 } });
    world.server.fault({ method: 'POST', path: paths.pools }, { kind: 'Refuse', status: 403 });
    await assert.rejects(old.takeOver(), /refuses IPAddressPool lan/);
    assert.equal(old.replicas, 0);
    assert.match(old.words, /controller is stopped/);
  }));

test("if MetalLB's controller cannot be started again, the last words say that it is stopped", (t) =>
  withOld(t, async (old, world) => {
    world.server.fault({ method: 'POST', path: paths.pools }, { kind: 'Refuse', status: 403 });
    world.server.fault(
      { method: 'PATCH', path: controllerPath, body: /"replicas":2/ },
      { kind: 'Refuse', status: 403 },
    );
    await assert.rejects(old.takeOver(), /refuses IPAddressPool lan/);
    assert.match(old.words, /controller is stopped \(Deployment metallb-system\/controller\)[\s\S]*--rollback\n$/);
  }));

test('a take-over that is refused in the middle says how far it came, and a second run continues', (t) =>
  withOld(t, async (old, world) => {
    await world.startLeading();
    world.server.fault(
      { method: 'PATCH', path: `${paths.ofDefault}/b`, body: /"take-over":"true"|take-over":"true"/ },
      { kind: 'Refuse', status: 403 },
    );
    await assert.rejects(old.takeOver(), /you may not patch services/);
    assert.match(
      old.words,
      /controller is stopped[\s\S]*speakers were not stopped[\s\S]*serves 1 of 2 Services[\s\S]*--rollback/,
    );
    assert.deepEqual([old.replicas, old.isSpeakerStopped, old.marked], [0, false, []]);
    world.server.heal();
    assert.equal((await old.takeOver()).length, 2);
    assert.deepEqual([world.shown('b'), old.marked], [['192.0.2.2'], []]);
    assert.match(await old.rollBack(), /MetalLB runs again/);
    assert.equal(old.replicas, 2, 'the second run has forgotten the number of replicas');
  }));

test('an interruption while Berth takes no Service over ends at once, and removes the annotation', (t) =>
  withOld(t, async (old) => {
    const ends = old.takeOver();
    await eventually('the first Service is annotated', () => old.marked.length === 1, soon);
    old.interrupt.abort();
    await assert.rejects(ends, /interrupted/);
    assert.match(old.words, /not complete[\s\S]*controller is stopped[\s\S]*serves 0 of 2 Services/);
    assert.deepEqual(old.marked, []);
  }));

test('an interruption while MetalLB stops starts it again', (t) =>
  withOld(t, async (old) => {
    old.follows = false;
    const ends = old.takeOver();
    await eventually('the controller is being stopped', () => old.replicas === 0, soon);
    old.interrupt.abort();
    await assert.rejects(ends, /interrupted/);
    assert.equal(old.replicas, 2);
    assert.match(old.words, /No Service was changed/);
  }));

test('a Service that is deleted in the middle does not end the take-over', (t) =>
  withOld(t, async (old, world) => {
    await world.startLeading();
    const held = world.server.fault(
      { method: 'PATCH', path: `${paths.ofDefault}/b`, body: /take-over/ },
      { kind: 'Hold' },
      1,
    );
    const ends = old.takeOver();
    await held.met;
    world.must('DELETE', `${paths.ofDefault}/b`);
    await held.heal();
    assert.deepEqual(
      (await ends).map(({ address }) => address),
      ['192.0.2.1'],
    );
  }));

test('the way back starts the speakers first, then the controller, and ends what an interrupted take-over has left', (t) =>
  withOld(t, async (old, world) => {
    await world.startLeading();
    await old.takeOver();
    world.patchService('a', { metadata: { annotations: { 'berth.dev/take-over': 'true' } } });
    const before = world.server.asked.length;
    assert.match(await old.rollBack(), /helm uninstall/);
    const patched = world.server.asked.slice(before).filter(({ method }) => method === 'PATCH');
    const order = patched
      .map(({ path }) => path)
      .filter((path) => !path.endsWith('/status') && /metallb|\/a$/.test(path));
    assert.deepEqual(order, [`${paths.ofDefault}/a`, speakerPath, controllerPath]);
    assert.deepEqual([old.replicas, old.isSpeakerStopped, old.marked], [2, false, []]);
    assert.match(await old.rollBack(), /nothing to start/);
  }));

test('the way back changes nothing if a right is missing', (t) =>
  withOld(t, async (old, world) => {
    world.must('PATCH', controllerPath, { spec: { replicas: 0 } });
    world.server.allows = ({ verb, resource }) => !(verb === 'patch' && resource === 'deployments');
    await assert.rejects(
      old.rollBack(),
      /nothing was changed: you may not patch deployments\.apps\/controller in namespace metallb-system/,
    );
    assert.equal(old.replicas, 0);
  }));

test('every right that a take-over needs is asked for before it begins', (t) =>
  withOld(t, async (old, world) => {
    const session = old.session();
    t.after(() => session.close());
    const reach = await session.reach();
    const services = world.store.all(paths.services) as unknown as readonly RawService[];
    const objects = [metalLbPool, metalLbAdvertisement];
    const { pools, advertisements } = convertMetalLb({ objects, services, classes: ownership.classes });
    const changes = { pools, advertisements, services, programs: await readPrograms(reach) };
    const missing = async () => (await missingRights(changes, reach)).map(({ what }) => what);
    assert.deepEqual(await missing(), []);
    world.server.allows = ({ namespace }) => namespace === 'default';
    assert.deepEqual(await missing(), [
      'you may not get deployments.apps/controller in namespace metallb-system',
      'you may not patch deployments.apps/controller in namespace metallb-system',
      'you may not get daemonsets.apps/speaker in namespace metallb-system',
      'you may not patch daemonsets.apps/speaker in namespace metallb-system',
      'you may not create ipaddresspools.berth.dev',
      'you may not create l2advertisements.berth.dev',
    ]);
    world.server.allows = ({ resource }) => resource !== 'services';
    assert.deepEqual(await missing(), [
      'you may not get services in namespace default',
      'you may not patch services in namespace default',
    ]);
  }));

test('the API server checks the objects before anything is changed', (t) =>
  withOld(t, async (old, world) => {
    const session = old.session();
    t.after(() => session.close());
    const reach = await session.reach();
    const pool = (addresses: readonly string[]) =>
      ({
        apiVersion: 'berth.dev/v1beta1',
        kind: 'IPAddressPool',
        metadata: { name: 'x' },
        spec: { addresses },
      }) as const;
    await checkObjects({ pools: [pool(['192.0.2.0/28'])], advertisements: [] }, reach);
    await assert.rejects(checkObjects({ pools: [pool([])], advertisements: [] }, reach), /refuses IPAddressPool x/);
    assert.equal(world.ask('GET', `${paths.pools}/x`).status, 404);
  }));
