/**
 * The path from the cluster's objects to a node's rules, by the program's own parts: the informers'
 * parsers and stores, the reader of desired VIPs, and the watch that collects the data path. The
 * reports of other speakers and of the kernel are values of the test.
 */
import type { Ip } from '../../../src/addr/ip.ts';
import { DesiredVipReader } from '../../../src/announce/desired-vips.ts';
import type { HandOff } from '../../../src/api/hand-off.ts';
import type { DataPath } from '../../../src/dataplane/plan/spec.ts';
import type { HolderDecision } from '../../../src/election/view.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import type { Link } from '../../../src/linux/links.ts';
import type { PeerLink } from '../../../src/liveness/messages.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { DataplaneWatch } from '../../../src/speaker/dataplane/dataplane-watch.ts';
import { SpreadWatch } from '../../../src/speaker/dataplane/spread-watch.ts';
import type { DesiredView } from '../../../src/speaker/desired-state.ts';
import { clusterSnapshot, makeInformers } from '../../../src/speaker/informers.ts';
import { eventually } from '../../lab/poll.ts';
import { skipTime } from '../skipped-time.ts';
import type { Cluster } from './objects.ts';

/** Facts besides the cluster's objects. */
export interface Surroundings {
  readonly links: readonly Link[];
  /** The links that the other speakers report, by node. */
  readonly peers: Readonly<Record<string, readonly PeerLink[]>>;
  readonly present: readonly string[];
  readonly lost: readonly string[];
  /** The holder of each address. */
  readonly holders: Readonly<Record<string, string>>;
}

/** The node's own link, and two peers on it. */
export const surroundings: Surroundings = {
  links: [linkOf('v0', ['10.99.0.2/16', 'fd99::2/64', 'fe80::2/64'])],
  peers: {
    n2: [{ name: 'eth0', mac: '02:00:00:00:00:12', addresses: ['10.99.0.3/16', 'fd99::3/64'] }],
    n3: [{ name: 'eth0', mac: '02:00:00:00:00:13', addresses: ['10.99.0.4/16', 'fd99::4/64'] }],
  },
  present: ['n1', 'n2', 'n3'],
  lost: [],
  holders: {},
};

/** A working link, with addresses as `address/prefix`. */
export function linkOf(name: string, addresses: readonly string[], index = 2): Link {
  return {
    ...{ name, index, mac: `02:00:00:00:00:${index.toString(16).padStart(2, '0')}`, up: true, carrier: true },
    ...{ noArp: false, master: undefined, xdp: false },
    addresses: addresses.map((text) => {
      const [address = '', prefix] = text.split('/');
      return { address: address as Ip, prefix: Number(prefix) };
    }),
  };
}

/** Settings of the installation. */
interface Options {
  readonly handOff?: HandOff;
  readonly synLimit?: number | undefined;
}

/** Versions of objects only ever grow. */
let version = 1;

/** The node `n1`. */
export class Gathering {
  readonly #informers = makeInformers(
    {
      client: undefined as unknown as KubeClient,
      log: createLogger('test', 'silent'),
      onChange: () => undefined,
      onUnreachable: () => undefined,
    },
    { namespace: 'berth-system', peerSelector: '' },
  );
  readonly #reader = new DesiredVipReader();
  readonly #watch: DataplaneWatch;
  #around = surroundings;
  #known = new Map<string, object>();
  #looks = 0;
  #decisions: readonly HolderDecision[] = [];
  #path: DataPath | undefined;

  constructor({ handOff = 'KubeProxy', synLimit }: Options = {}) {
    for (const informer of Object.values(this.#informers)) informer.seed([]);
    const log = createLogger('test', 'silent');
    const around = () => this.#around;
    const decisions = () => this.#decisions;
    const view = () => {
      this.#looks++;
      return { vips: this.#reader.read(clusterSnapshot(this.#informers, []), this.#linksOf) } as DesiredView;
    };
    this.#watch = new DataplaneWatch({
      informers: this.#informers,
      runner: {
        get membership() {
          return around();
        },
        get decisions() {
          return decisions();
        },
        linksOf: this.#linksOf,
      },
      desired: {
        get view() {
          return view();
        },
      },
      links: () => this.#around.links,
      spread: new SpreadWatch({
        log,
        tester: { observe: () => undefined, blockedOn: () => [] },
        fault: () => undefined,
      }),
      blockedOn: () => [],
      prober: { probe: () => [] },
      options: { nodeName: 'n1', handOff, synLimit, conntrackZone: 7932 },
    });
    this.#watch.planned.to((path) => (this.#path = path));
  }

  /** The data path of the node after it has processed all of this. */
  async pathOf(cluster: Cluster, around: Partial<Surroundings> = {}): Promise<DataPath> {
    this.#around = { ...surroundings, ...around };
    this.#takeIn(cluster);
    return this.look();
  }

  /** The data path from the same facts, this many milliseconds later. */
  async look(laterMs = 0): Promise<DataPath> {
    skipTime(laterMs);
    const before = this.#looks;
    const held = this.#informers.allocations.store.values();
    const decisions = held.map((vip) => ({ vip, holder: this.#around.holders[vip.address] }));
    this.#decisions = decisions as unknown as readonly HolderDecision[];
    this.#watch.replan();
    await eventually('the watch has collected the facts', () => this.#looks > before, { everyMs: 1 });
    if (this.#path === undefined) throw new Error('no path was made');
    return this.#path;
  }

  /** Ends its timers. */
  close(): void {
    this.#watch.close();
  }

  #linksOf = (node: string): readonly PeerLink[] | undefined => this.#around.peers[node];

  /** Like the events of a watch: adds new and changed objects, and removes missing ones. */
  #takeIn(cluster: Cluster): void {
    const known = new Map<string, object>();
    for (const [kind, objects] of Object.entries(cluster) as [keyof Cluster, Cluster[keyof Cluster]][]) {
      const informer = this.#informers[kind];
      for (const object of objects) {
        const key = `${kind} ${object.metadata.uid}`;
        known.set(key, object);
        if (this.#known.get(key) === object) continue;
        const resourceVersion = String(++version);
        informer.assume({ ...object, metadata: { ...object.metadata, resourceVersion } } as never);
      }
      for (const { uid } of informer.store.values()) {
        if (!known.has(`${kind} ${uid}`)) informer.store.remove(uid, String(++version));
      }
    }
    this.#known = known;
  }
}
