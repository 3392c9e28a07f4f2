/** The data plane of this node as one part: its plan, its rules in the kernel, and its status. */
import type { Ip } from '../../addr/ip.ts';
import type { Placement } from '../../announce/placements.ts';
import type { DataPathStatus } from '../../api/speaker-status.ts';
import type { DataPath } from '../../dataplane/plan/spec.ts';
import type { SpreadFinding } from '../../dataplane/plan/spread-report.ts';
import { unservedVips } from '../../dataplane/plan/vip-paths.ts';
import type { Link } from '../../linux/links.ts';
import type { HeardClaim } from '../../linux/worker/responder-messages.ts';
import { Emitter } from '../../runtime/emitter.ts';
import type { Logger } from '../../runtime/logger.ts';
import { type Sample, Tally } from '../../runtime/metrics.ts';
import type { NeighborProber } from '../announce/neighbor-prober.ts';
import type { DesiredState } from '../desired-state.ts';
import type { ElectionRunner } from '../election/election-runner.ts';
import type { Informers } from '../informers.ts';
import { type DataplaneOptions, DataplaneWatch } from './dataplane-watch.ts';
import { NftApplier } from './nft-applier.ts';
import type { SpoofTester } from './spoof-tester.ts';
import { SpreadWatch } from './spread-watch.ts';

/** The status names this many refused parts. */
const mostRefused = 100;

/** The parts that it works with. */
interface NodeDataplaneParts {
  readonly log: Logger;
  readonly informers: Informers;
  readonly runner: Pick<ElectionRunner, 'decisions' | 'linksOf' | 'membership' | 'noInboundTraffic'>;
  readonly links: () => readonly Link[];
  readonly desired: Pick<DesiredState, 'view'>;
  readonly prober: Pick<NeighborProber, 'probe'>;
  readonly tester: SpoofTester;
  readonly options: DataplaneOptions & {
    /** Whether to load rules into the kernel at all. */
    readonly nftables: boolean;
  };
}

/** Keeps the data plane up to date with the cluster, the peers and the kernel. */
export class NodeDataplane {
  readonly #parts: NodeDataplaneParts;
  readonly #spread: SpreadWatch;
  readonly #applier: NftApplier | undefined;
  readonly #watch: DataplaneWatch | undefined;
  /** The service of these VIPs has changed: see {@link canServe}. */
  readonly served = new Emitter();
  #path: DataPath | undefined;
  #unserved: ReadonlySet<Ip> = new Set();

  constructor(parts: NodeDataplaneParts) {
    const { log, options, tester } = parts;
    this.#parts = parts;
    const applier = options.nftables ? new NftApplier(log, () => tester.restart()) : undefined;
    this.#applier = applier;
    this.#spread = new SpreadWatch({ log, tester, fault: (vip, link) => applier?.failureOf(vip, link) });
    if (applier === undefined) return;
    const blockedOn = (link: string) => tester.blockedOn(link);
    this.#watch = new DataplaneWatch({ ...parts, spread: this.#spread, blockedOn });
    this.#watch.planned.to((path) => {
      this.#path = path;
      applier.apply(path);
      this.#noteUnserved(unservedVips(path));
    });
  }

  #noteUnserved(unserved: ReadonlySet<Ip>): void {
    const isSame = unserved.size === this.#unserved.size && [...unserved].every((vip) => this.#unserved.has(vip));
    if (isSame) return;
    this.#unserved = unserved;
    this.served.emit();
  }

  /** Brings the data plane up to date. Must be called when something may have changed. */
  reconcile = (): void => {
    const { informers, options } = this.#parts;
    const own = informers.pods.store.values().filter(({ node }) => node === options.nodeName);
    if (own.some(({ uninstalled }) => uninstalled)) void this.#applier?.remove();
    this.#watch?.replan();
  };

  /** What this node does with each VIP has changed. */
  place = (placements: readonly Placement[]): void => this.#watch?.place(placements);

  /** A host answered for an address. */
  heard = (claim: HeardClaim): void => this.#watch?.heard(claim);

  /** Whether the connections of a VIP are spread over several nodes; undefined if that is not wanted. */
  spreadOf = (vip: Ip): SpreadFinding | undefined => this.#spread.findingOf(vip);

  /** Can a port of a VIP be served? With hand-off `NodePort` not without an address of the node to which packets are rewritten. */
  canServe = (vip: Ip): boolean => !this.#unserved.has(vip);

  /** Are Berth's rules in the kernel? undefined: they are not wanted. */
  hasRules(): boolean | undefined {
    return this.#applier && this.#applier.generalFailure === undefined;
  }

  /** Does the kernel refuse the rules of a VIP? */
  isRefused = (vip: Ip): boolean => this.#applier?.isRefused(vip) === true;

  /** The status of the data plane. */
  get status(): DataPathStatus {
    const { options, runner } = this.#parts;
    const nftables = this.#applier === undefined ? 'Off' : (this.#applier.generalFailure ?? 'Loaded');
    const refused = this.#applier?.refused.slice(0, mostRefused) ?? [];
    const { present } = runner.membership;
    return { nftables, handOff: options.handOff, present, ...(refused.length > 0 && { refused }) };
  }

  /** The number of VIPs by hand-off. */
  get handOffs(): readonly Sample[] {
    const tally = new Tally();
    const announced = (this.#path?.vips ?? []).filter(({ restraint }) => restraint !== 'Silent');
    for (const { ports } of announced) {
      tally.count({ hand_off: ports.some(({ nodePort }) => nodePort !== undefined) ? 'NodePort' : 'KubeProxy' });
    }
    return tally.samples;
  }

  /** Why this speaker is not ready: its rules were removed for an uninstallation. Otherwise undefined. */
  removedReason(): string | undefined {
    return this.#applier?.isRemoved ? 'removed from the kernel: Berth is being uninstalled' : undefined;
  }

  /** Ends the work. The rules stay for the next run of the speaker. */
  async close(): Promise<void> {
    this.#watch?.close();
    await this.#applier?.close();
  }
}
