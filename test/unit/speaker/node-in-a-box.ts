/**
 * A node's speaker below the API server: the real placing and the real holding, over given objects and links. Its time is virtual, its links
 * are known to no kernel, so no frame is sent, and unless it has a {@link Loopback} it hears no other speaker.
 */
import type { TestContext } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import type { AdvertisementView } from '../../../src/api/advertisement.ts';
import type { AllocationView } from '../../../src/api/allocation.ts';
import type { EndpointSliceView } from '../../../src/api/endpoints.ts';
import type { Identity } from '../../../src/api/meta.ts';
import type { NodeView } from '../../../src/api/node.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import type { SpeakerStatus } from '../../../src/api/speaker-status.ts';
import { Informer } from '../../../src/kube/informer.ts';
import type { Link } from '../../../src/linux/links.ts';
import type { LinkVips } from '../../../src/linux/worker/responder-thread.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { AnnouncementReconciler } from '../../../src/speaker/announce/announcement-reconciler.ts';
import type { Announcer } from '../../../src/speaker/announce/announcer.ts';
import type { HolderStatusWriter } from '../../../src/speaker/announce/status-writer.ts';
import { ElectionRunner, type ElectionRunnerOptions } from '../../../src/speaker/election/election-runner.ts';
import type { Watched } from '../../../src/speaker/informers.ts';
import { advertisement, entry, node, service } from '../fixtures.ts';

/** The node in the box. */
export const self = 'n1';

/** What the API server says. By default there is one VIP, for which `self` and `n2` are candidates. */
export interface Objects {
  readonly entries?: readonly AllocationView[];
  readonly services?: readonly ServiceView[];
  readonly nodes?: readonly NodeView[];
  readonly advertisements?: readonly AdvertisementView[];
  readonly slices?: readonly EndpointSliceView[];
}

/** The VIP that there is by default. */
export const vip = '192.0.2.200' as Ip;

/** A Service that shows an address. */
export function serviceAt(address: Ip, facts: Partial<ServiceView> = {}): ServiceView {
  return service(`at-${address.replace(/[^0-9a-f]/g, '-')}`, { ingress: [{ ip: address }], ...facts });
}

/** The entry of an address, and a Service that shows it. */
export function shown(
  address: Ip,
  facts: Partial<AllocationView> = {},
): Required<Pick<Objects, 'entries' | 'services'>> {
  const svc = serviceAt(address);
  return { entries: [entry(address, svc, facts)], services: [svc] };
}

/** Was announced by this node before: no question is asked. */
export function announcedBy(name: string, term = 1): Partial<AllocationView> {
  return { recorded: { node: name, term, since: '2026-01-01T00:00:00Z' } };
}

/** A link that the kernel does not know. */
export function link(name: string, facts: Partial<Link> = {}): Link {
  const index = 0x7fff_0000 + ([...name].reduce((sum, letter) => sum * 7 + letter.charCodeAt(0), 0) % 0xffff);
  return {
    ...{ name, index, mac: '02:00:00:00:00:01', up: true, carrier: true, noArp: false, master: undefined, xdp: false },
    addresses: [{ address: '192.0.2.1' as Ip, prefix: 24 }],
    ...facts,
  };
}

/** An informer that knows these. */
function knowing<V extends Identity>(views: readonly V[]): Informer<never, V> {
  const log = createLogger('speaker', 'silent');
  const informer = new Informer<never, V>({
    ...{ client: undefined as never, log, path: '/', parse: () => undefined, onChange: () => undefined },
  });
  informer.seed(views);
  return informer;
}

/** What a speaker watches, as these objects. */
export function watchedOf(objects: Objects): Watched {
  const { entries, services } = { ...shown(vip), ...objects };
  const { nodes = [node(self), node('n2')], advertisements = [advertisement()], slices = [] } = objects;
  return {
    allocations: knowing(entries),
    services: knowing(services),
    advertisements: knowing(advertisements),
    nodes: knowing(nodes),
    endpointSlices: knowing(slices),
    pods: knowing([]),
  } as unknown as Watched;
}

/** Time that passes when it is told to. */
export class VirtualTime {
  now = 1_000_000;
  readonly #timers: TestContext['mock']['timers'];

  constructor({ mock }: TestContext) {
    this.#timers = mock.timers;
    mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
    mock.method(performance, 'now', () => this.now);
  }

  /** Lets time pass; `each` is called every 5 ms. */
  run(ms: number, each: () => void = () => undefined): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += 5;
      this.#timers.tick(5);
      each();
    }
  }
}

/** The box. */
export class NodeInABox {
  readonly watched: Watched;
  readonly holding: ElectionRunner;
  readonly placing: AnnouncementReconciler;
  /** The state of the links that was applied last. */
  applied: readonly LinkVips[] = [];
  /** How often the holding wanted the wire to be asked. */
  asked = 0;
  links: readonly Link[];

  constructor(objects: Objects, links: readonly Link[], facts: Partial<ElectionRunnerOptions> = {}) {
    this.watched = watchedOf(objects);
    this.links = links;
    const log = createLogger('speaker', 'silent');
    const nothing = () => undefined;
    this.holding = new ElectionRunner({
      ...{ log, node: self, port: 0, keyFile: '', claims: [], workerAgeMs: () => 0 },
      ...{ reassert: nothing, onMembership: nothing, onProbed: nothing },
      onDecisions: (decisions) => this.placing.decided(decisions),
      askWire: (addresses) => {
        this.asked++;
        this.placing.ask(addresses);
      },
      onPeerLinks: () => this.placing.observe(),
      onFailed: (error) => {
        throw error;
      },
      ...facts,
    });
    const announcer: Pick<Announcer, 'apply' | 'repeat'> = {
      apply: async (desired) => {
        this.applied = desired;
      },
      repeat: nothing,
    };
    this.placing = new AnnouncementReconciler({
      ...{ watched: this.watched, holding: this.holding, log, blockedOn: () => [], spreadOf: nothing },
      monitor: { links: () => this.links, close: nothing },
      announcer: announcer as Announcer,
      recorder: { record: nothing } as unknown as HolderStatusWriter,
      options: { nodeName: self, assumeAlive: this.watched.nodes.store.values().map(({ name }) => name) },
    });
  }

  /** Is the address answered for with this node's own hardware address? */
  announces(address: Ip = vip): boolean {
    return this.applied.some(({ vips }) => vips.includes(address));
  }

  /** What the speaker says of an address. */
  status(address: Ip = vip): SpeakerStatus['vips'][number] | undefined {
    return this.placing.status.vips.find((one) => one.address === address);
  }

  /** Ends it. */
  close(): void {
    this.placing.close();
    this.holding.close();
  }
}
