/**
 * A node's speaker without the API server: the real election and the real announcements, over given
 * objects and links. Its time is virtual. The kernel has none of its links, so no frame is sent.
 * Without a {@link Loopback} it hears no other speaker.
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
import { ViewStore } from '../../../src/kube/view-store.ts';
import type { Link } from '../../../src/linux/links.ts';
import type { HeardClaim } from '../../../src/linux/worker/responder-messages.ts';
import type { LinkVips } from '../../../src/linux/worker/responder-thread.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { Emitter } from '../../../src/runtime/emitter.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { AnnouncementReconciler } from '../../../src/speaker/announce/announcement-reconciler.ts';
import { ConflictWatch } from '../../../src/speaker/announce/conflict-watch.ts';
import { Hearing } from '../../../src/speaker/announce/hearing.ts';
import { NeighborProber } from '../../../src/speaker/announce/neighbor-prober.ts';
import { ProxyWatch } from '../../../src/speaker/announce/proxy-watch.ts';
import { StatusReporter } from '../../../src/speaker/announce/status-reporter.ts';
import { Verifier } from '../../../src/speaker/announce/verifier.ts';
import { DesiredState } from '../../../src/speaker/desired-state.ts';
import { ElectionRunner, newIncarnation } from '../../../src/speaker/election/election-runner.ts';
import { PeerTransport, type PeerTransportOptions } from '../../../src/speaker/election/peer-transport.ts';
import { Takeovers } from '../../../src/speaker/election/takeover-metrics.ts';
import { EndpointStore } from '../../../src/speaker/endpoint-store.ts';
import type { Informers } from '../../../src/speaker/informers.ts';
import { wireAnnouncing } from '../../../src/speaker/wiring.ts';
import { advertisement, entry, node, service } from '../fixtures.ts';

/** The node in the box. */
export const self = 'n1';

/** The objects of the API server. By default there is one VIP, for which `self` and `n2` are candidates. */
export interface Objects {
  readonly entries?: readonly AllocationView[];
  readonly services?: readonly ServiceView[];
  readonly nodes?: readonly NodeView[];
  readonly advertisements?: readonly AdvertisementView[];
  readonly slices?: readonly EndpointSliceView[];
}

/** The default VIP. */
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

/** An entry for a VIP that a node has announced before. Such a VIP is announced without a probe. */
export function announcedBy(name: string, term = 1): Partial<AllocationView> {
  return { recorded: { node: name, term, since: '2026-01-01T00:00:00Z' } };
}

/** A link that does not exist in the kernel. */
export function link(name: string, facts: Partial<Link> = {}): Link {
  const index = 0x7fff_0000 + ([...name].reduce((sum, letter) => sum * 7 + letter.charCodeAt(0), 0) % 0xffff);
  return {
    ...{ name, index, mac: '02:00:00:00:00:01', up: true, carrier: true, noArp: false, master: undefined, xdp: false },
    addresses: [{ address: '192.0.2.1' as Ip, prefix: 24 }],
    ...facts,
  };
}

/** An informer with these views. */
function knowing<V extends Identity>(views: readonly V[], store = new ViewStore<V>()): Informer<never, V> {
  const log = createLogger('speaker', 'silent');
  const informer = new Informer<never, V>({
    store,
    ...{ client: undefined as never, log, path: '/', parse: () => undefined, onChange: () => undefined },
  });
  informer.seed(views);
  return informer;
}

/** The informers of a speaker with these objects. */
export function informersOf(objects: Objects): Informers {
  const { entries, services } = { ...shown(vip), ...objects };
  const { nodes = [node(self), node('n2')], advertisements = [advertisement()], slices = [] } = objects;
  return {
    allocations: knowing(entries),
    services: knowing(services),
    advertisements: knowing(advertisements),
    nodes: knowing(nodes),
    endpointSlices: knowing(slices, new EndpointStore()),
    pods: knowing([]),
  } as unknown as Informers;
}

/** A clock that the test moves forward. */
export class VirtualTime {
  now = 1_000_000;
  readonly #timers: TestContext['mock']['timers'];

  constructor({ mock }: TestContext) {
    this.#timers = mock.timers;
    mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
    mock.method(performance, 'now', () => this.now);
  }

  /** Lets time pass, and calls `each` every 5 ms. */
  run(ms: number, each: () => void = () => undefined): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += 5;
      this.#timers.tick(5);
      each();
    }
  }
}

const nothing = () => undefined;

/** The address on which the box hears other speakers. By default it opens no socket. */
export type BoxTransport = Pick<PeerTransportOptions, 'port' | 'keyFile' | 'address'>;

/** A node's speaker, with all parts between informers and links. */
export class NodeInABox {
  readonly informers: Informers;
  readonly runner: ElectionRunner;
  readonly desired: DesiredState;
  /** The last state of the links that was applied. */
  applied: readonly LinkVips[] = [];
  links: readonly Link[];
  /** The links accept frames. */
  canSend = true;
  /** How often the placements of all VIPs were decided. */
  passes = 0;
  /** Nodes by hardware addresses that are on record. */
  readonly macsOfNodes = new Map<string, string>();
  readonly #transport: PeerTransport;
  readonly #reporter: StatusReporter;
  readonly #announcer = {
    ...{ stalled: new Emitter(), heard: new Emitter<[claim: HeardClaim]>(), repeat: () => undefined },
    apply: async (desired: readonly LinkVips[]) => {
      this.applied = desired;
    },
  };
  readonly #open: readonly { close(): void }[];

  constructor(objects: Objects, links: readonly Link[], on: BoxTransport = { port: 0, keyFile: '' }) {
    this.links = links;
    this.informers = informersOf(objects);
    const { informers } = this;
    const log = createLogger('speaker', 'silent');
    const prober = new NeighborProber(log, () => {
      if (!this.canSend) throw new Error('no such link');
      return { send: () => 'Sent', close: nothing };
    });
    const transport = new PeerTransport({ log, ...on });
    const runner = new ElectionRunner({
      ...{ node: self, incarnation: newIncarnation(), claims: [], workerAgeMs: () => 0 },
      ports: { clock: systemClock, send: transport.send, probe: prober.probe },
    });
    const blockedOn = () => [];
    const options = { nodeName: self, assumeAlive: informers.nodes.store.values().map(({ name }) => name) };
    const monitor = { links: () => this.links };
    const desired = new DesiredState({ informers, monitor, runner, blockedOn, options });
    const [conflicts, proxy] = [
      new ConflictWatch({ log, nodeOf: (mac) => runner.nodeOf(mac) ?? this.macsOfNodes.get(mac) }),
      new ProxyWatch(),
    ];
    const { kindOf } = conflicts;
    const verifier = new Verifier({ log, nodeName: self, prober, runner, kindOf });
    const announcer = this.#announcer;
    const announcing = {
      informers,
      desired,
      runner,
      announcer,
      prober,
      conflicts,
      proxy,
      verifier,
      nodeName: self,
      log,
    };
    const reconciler = new AnnouncementReconciler(announcing);
    const reporter = new StatusReporter({ ...announcing, writer: { record: nothing }, blockedOn, spreadOf: nothing });
    const hearing = new Hearing();
    wireAnnouncing({ ...announcing, hearing, transport, reconciler, reporter, takeovers: new Takeovers() });
    runner.linksChanged.to(desired.observe);
    reconciler.placed.to(() => this.passes++);
    this.runner = runner;
    this.desired = desired;
    this.#transport = transport;
    this.#reporter = reporter;
    this.#open = [verifier, proxy, conflicts, runner, transport, prober];
  }

  /** Opens the speaker's socket. */
  async open(): Promise<void> {
    await this.#transport.open();
  }

  /** A host claims an address, by a frame on a link. */
  hear(address: string, mac: string, on: string): void {
    this.#announcer.heard.emit({ address: address as Ip, mac, link: on });
  }

  /** Whether this node answers for the address with its own hardware address. */
  announces(address: Ip = vip): boolean {
    return this.applied.some(({ vips }) => vips.includes(address));
  }

  /** The speaker's status of its links. */
  get linkStatus(): SpeakerStatus['links'] {
    return this.#reporter.status.links;
  }

  /** The speaker's status of an address. */
  status(address: Ip = vip): SpeakerStatus['vips'][number] | undefined {
    return this.#reporter.status.vips.find((one) => one.address === address);
  }

  /** Closes all parts. */
  close(): void {
    for (const one of this.#open) one.close();
  }
}
