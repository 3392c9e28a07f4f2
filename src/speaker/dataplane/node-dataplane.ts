/** The data path of this node as one: what it follows from, its rules in the kernel, and the tests that Spread needs. */
import type { Ip } from '../../addr/ip.ts';
import type { DesiredVips } from '../../announce/desired-vips.ts';
import type { DataPathStatus } from '../../api/speaker-status.ts';
import type { DataPath } from '../../dataplane/plan/spec.ts';
import type { SpreadFinding } from '../../dataplane/plan/spread-report.ts';
import type { HolderDecision } from '../../election/view.ts';
import type { Link } from '../../linux/links.ts';
import type { Logger } from '../../runtime/logger.ts';
import { type Sample, Tally } from '../../runtime/metrics.ts';
import type { ElectionRunner } from '../election/election-runner.ts';
import type { Watched } from '../informers.ts';
import { type DataplaneOptions, DataplaneWatch } from './dataplane-watch.ts';
import { NftApplier } from './nft-applier.ts';
import { SpoofTester } from './spoof-tester.ts';
import { SpreadWatch } from './spread-watch.ts';

/** What it works with. */
export interface NodeDataplaneParts {
  readonly log: Logger;
  readonly watched: Watched;
  readonly holding: Pick<ElectionRunner, 'linksOf' | 'roll'>;
  readonly links: () => readonly Link[];
  /** What is to be announced; undefined before it is known. */
  readonly demands: () => DesiredVips | undefined;
  /** Asks who answers for addresses. */
  readonly ask: (addresses: readonly Ip[]) => void;
  /** What the other nodes are told of this one's links has changed. */
  readonly onLinks: () => void;
  readonly options: DataplaneOptions & {
    /** Write rules into the kernel at all. */
    readonly nodeLayer: boolean;
  };
}

/** Follows the cluster, the other speakers and the kernel. */
export class NodeDataplane {
  readonly #parts: NodeDataplaneParts;
  readonly #tester: SpoofTester;
  readonly #spread: SpreadWatch;
  readonly #layer: NftApplier | undefined;
  readonly #watch: DataplaneWatch | undefined;
  #path: DataPath | undefined;

  constructor(parts: NodeDataplaneParts) {
    const { log, options, onLinks } = parts;
    this.#parts = parts;
    const tester = new SpoofTester({ log, onChange: onLinks });
    const layer = options.nodeLayer ? new NftApplier(log, () => tester.restart()) : undefined;
    this.#tester = tester;
    this.#layer = layer;
    this.#spread = new SpreadWatch({ log, tester, fault: () => layer?.failure });
    this.#watch =
      layer &&
      new DataplaneWatch({
        ...parts,
        spread: this.#spread,
        blockedOn: this.blockedOn,
        onPath: (path) => this.#follow(path),
      });
  }

  /** Something may have changed. */
  look = (): void => {
    const { watched, options } = this.#parts;
    const own = watched.pods.store.values().filter(({ node }) => node === options.nodeName);
    if (own.some(({ uninstalled }) => uninstalled)) void this.#layer?.remove();
    this.#watch?.look();
  };

  /** Somebody answered for an address. */
  heard(address: string): void {
    this.#watch?.heard(address);
  }

  /** The speakers have agreed. */
  decided(decisions: readonly HolderDecision[]): void {
    this.#watch?.decided(decisions);
  }

  /** Nodes whose packets in the name of others do not arrive on a link. */
  blockedOn = (link: string): readonly string[] => this.#tester.blockedOn(link);

  /** Whether the connections of a VIP are spread over several nodes; undefined where that is not wanted. */
  spreadOf = (vip: Ip): SpreadFinding | undefined => this.#spread.findingOf(vip);

  /** Are our rules in the kernel? undefined: they are not wanted. */
  hasRules(): boolean | undefined {
    return this.#layer && this.#layer.failure === undefined;
  }

  /** What a person is told of it: see {@link DataPathStatus}. */
  get status(): DataPathStatus {
    const { options, holding } = this.#parts;
    const nodeLayer = this.#layer === undefined ? 'Off' : (this.#layer.failure ?? 'Loaded');
    return { nodeLayer, handOff: options.handOff, present: holding.roll.present };
  }

  /** How many VIPs go each way. */
  get handOffs(): readonly Sample[] {
    const tally = new Tally();
    for (const { ports } of this.#path?.vips ?? []) {
      tally.count({ hand_off: ports.some(({ nodePort }) => nodePort !== undefined) ? 'NodePort' : 'KubeProxy' });
    }
    return tally.samples;
  }

  /** Why this speaker will not be back: its rules have left the kernel. */
  farewell(): string | undefined {
    return this.#layer?.isRemoved ? 'they have left the kernel: Berth is being uninstalled' : undefined;
  }

  #follow(path: DataPath): void {
    this.#path = path;
    this.#layer?.apply(path);
  }

  /** Ends the work; the rules stay for the speaker that comes next. */
  async close(): Promise<void> {
    this.#watch?.close();
    this.#tester.close();
    await this.#layer?.close();
  }
}
